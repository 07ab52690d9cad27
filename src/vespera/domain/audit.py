"""The audit trail: what was recorded, each entry with the hash of all before it: a chain.

Whoever changes, removes, inserts or reorders entries has to write all later hashes anew. That is
found out by whoever knows a hash of one of them: the *head* as of some moment, signed and kept
elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from vespera.domain.errors import InvalidRequest

LONGEST_KIND = 100
OWN_KINDS = frozenset({"file_operation", "report", "completion", "withdrawal", "import"})
"""Those of the entries that are made by themselves."""

NO_HASH = "0" * 64
"""What stands before the first entry."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The number of entries, and the hash of the last of them."""

    number: int = 0
    hash: str = NO_HASH


NO_ENTRY = AuditHead()
"""The head of an empty chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was recorded.

    Attributes:
        number: 1, 2, ... without a gap.
        at: when it happened, in microseconds since 1970 (UTC).
        kind: what it tells of: ``file_operation``, ``report``, ``completion``, ...
        payload: what it tells, as canonical JSON.
        hash: of all of this, and of the hash before; 64 hexadecimal digits.
    """

    number: int
    at: int
    kind: str
    payload: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFlaw:
    """The first entry that is not as it was written, and what is wrong with it."""

    number: int
    text: str


def canonical(payload: Mapping[str, object]) -> str:
    """The one JSON text of plain values: sorted keys, no spaces, ASCII.

    Raises:
        InvalidRequest: some of it has no JSON form.
    """
    try:
        return json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        told = f"must hold plain JSON values only: {error}"
        raise InvalidRequest(told, field="payload") from error


def checked_kind(kind: object) -> str:
    """The kind of an entry that somebody appends, if it can be one.

    Raises:
        InvalidRequest: it cannot, or is one of those that are entered by themselves.
    """
    if not isinstance(kind, str) or not 0 < len(kind) <= LONGEST_KIND or not kind.isidentifier():
        told = f"must be a name of at most {LONGEST_KIND} characters, not {kind!r}"
        raise InvalidRequest(told, field="kind")
    if kind in OWN_KINDS:
        raise InvalidRequest(f"{kind!r} is entered by Vespera alone", field="kind")
    return kind


def entry_after(head: AuditHead, *, at: int, kind: str, payload: str) -> AuditEntry:
    """The entry that comes next."""
    number = head.number + 1
    told = _hash(head.hash, number, at, kind, payload)
    return AuditEntry(number=number, at=at, kind=kind, payload=payload, hash=told)


def head_at(entry: AuditEntry) -> AuditHead:
    """The head of a chain that ends with this entry."""
    return AuditHead(entry.number, entry.hash)


def flaw_of(before: AuditHead, entry: AuditEntry) -> AuditFlaw | None:
    """What is wrong with an entry that comes after another one."""
    number = before.number + 1
    if entry.number != number:
        return AuditFlaw(number, f"it is missing; entry {entry.number} is the next there is")
    if entry.hash != _hash(before.hash, number, entry.at, entry.kind, entry.payload):
        return AuditFlaw(number, "it was changed, inserted, or put into another's place")
    return None


def flaw_against(signed: AuditHead, found: AuditHead) -> AuditFlaw | None:
    """What is wrong with a sound chain, given a head that was signed once.

    Args:
        signed: that head.
        found: the head of the chain up to its number; or all of the chain, if that is shorter.
    """
    if found.number < signed.number:
        told = f"it is missing: the chain ends before it, and had {signed.number} entries once"
        return AuditFlaw(found.number + 1, told)
    if found.hash != signed.hash:
        told = "it, or one before it, was exchanged, and all that followed was written anew"
        return AuditFlaw(signed.number, told)
    return None


def _hash(before: str, number: int, at: int, kind: str, payload: str) -> str:
    # No part but the last can hold a line feed, so that no two entries have the same text.
    return sha256(f"{before}\n{number}\n{at}\n{kind}\n{payload}".encode()).hexdigest()
