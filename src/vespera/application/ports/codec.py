"""How values become bytes and values again."""

from typing import Final, Protocol

LOST: Final = b"\0V!"
"""How that begins which is handed out in the place of a stored value that is gone; behind it, in
UTF-8, why. ``decode`` and ``same`` raise ``UnreadableValue`` with that.
"""


class Codec(Protocol):
    """Stores payloads, step results and outcomes; types come back as they went in."""

    def encode(self, value: object, *, what: str) -> bytes:
        """The stored form of ``value``; ``what`` (``"payload"``) begins the path in errors.

        Raises:
            UnstorableValue: some part of it has no stored form; the path to it is named.
            PayloadTooLarge: the stored form is over the limit.
        """
        ...

    def decode(self, data: bytes) -> object:
        """The value that ``data`` stands for.

        Raises:
            UnreadableValue: the data is damaged, of a type that this program does not have, or
                gone (see ``LOST``).
        """
        ...

    def plain(self, data: bytes) -> object:
        """A rendering of ``data`` for people, in JSON types; never raises."""
        ...

    def same(self, one: bytes, other: bytes) -> bool:
        """Whether both are stored forms of the same value, however they were stored; the order of
        a mapping's entries does not count.

        Raises:
            UnreadableValue: one of them cannot be read, so that it cannot be told.
        """
        ...


class ValueForms(Protocol):
    """Stored values as JSON that keeps their types, whatever the codec makes of them; so that they
    can go from one database to another.
    """

    def to_json(self, data: bytes) -> bytes:
        """What the codec has stored, as JSON with tags; opened, if it is packed.

        Raises:
            UnreadableValue: it is damaged, or packed in a way that is not known here.
        """
        ...

    def from_json(self, text: bytes, *, what: str) -> bytes:
        """What the codec would store for this; ``what`` begins the path in errors.

        Raises:
            UnreadableValue: it is no JSON, or has tags that are not known here.
            PayloadTooLarge: it is over the limit.
        """
        ...
