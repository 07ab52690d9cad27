"""The audit trail: a chain of entries that only grows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.audit import AuditEntry, AuditHead
from vespera.domain.envelope import EnvelopeSignature


class AuditTrail(Protocol):
    """Entries about what is kept, each with the hash of all before it; see ``AuditEntry``.

    File operations, reports and completions of tasks are entered by themselves, in the transaction
    that records them. Entries have no gap and no fork, however many processes write.
    """

    @property
    def is_on(self) -> bool:
        """Whether anything is entered."""
        ...

    async def append(self, kind: str, at: datetime, payload: Mapping[str, object]) -> None:
        """Enter something else, in the open unit of work, or else in a transaction of its own.
        Nothing happens if the log is not on.

        Args:
            kind: a name for what it tells of, of at most 100 characters, as ``waiver``.
            at: when it happened.
            payload: plain JSON values.

        Raises:
            InvalidRequest: the kind is no name, or the payload is not plain.
        """
        ...

    async def page(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """Entries in their order, beginning behind the one of this number; as they are stored."""
        ...

    async def head(self) -> AuditHead:
        """The last entry's number and hash, as they are stored."""
        ...


class Signing(Protocol):
    """Makes and checks signatures. Keys are texts in a form of its own.

    All methods raise ``MissingExtra`` where what does the work is not installed.
    """

    def new_keys(self) -> tuple[bytes, bytes]:
        """A new private key, and the public one that belongs to it."""
        ...

    def sign(self, private_key: bytes, message: bytes) -> EnvelopeSignature:
        """The signature of a message, with a hint at whose it is.

        Raises:
            InvalidRequest: it is no private key; the key itself is not told.
        """
        ...

    def is_signed(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the owner of the key has signed this message so.

        Raises:
            InvalidRequest: it is no public key.
        """
        ...
