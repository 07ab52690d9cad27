"""How packed values are told from plain ones: by a mark that no JSON begins with."""

from collections.abc import Mapping
from typing import NamedTuple

from vespera.application.ports.codec import LOST
from vespera.domain.errors import UnreadableValue

_MARK = b"\0V"
_LENGTH = len(_MARK) + 1


class Packing(NamedTuple):
    """``label``: what people are shown; ``way_out``: what makes it readable."""

    label: str
    way_out: str


ENCRYPTED = b"e"
DEFLATED = b"z"
ZSTANDARD = b"s"
AS_IT_IS = b"0"
_COMPRESSED = Packing("(compressed)", "give the container a CompressedCodec as its codec")
PACKINGS: Mapping[bytes, Packing] = {
    ENCRYPTED: Packing(
        "(encrypted)", "give the container an EncryptedCodec with the key as its codec"
    ),
    DEFLATED: _COMPRESSED,
    ZSTANDARD: _COMPRESSED,
    AS_IT_IS: _COMPRESSED,
}


def marked(kind: bytes, body: bytes) -> bytes:
    """``body`` with the mark of its kind before it."""
    return _MARK + kind + body


def kind_of(data: bytes) -> bytes | None:
    """The kind of packing that ``data`` is marked with; None if it is plain."""
    if not data.startswith(_MARK):
        return None
    kind = data[len(_MARK) : _LENGTH]
    return kind if kind in PACKINGS else None


def body_of(data: bytes) -> bytes:
    """What follows the mark."""
    return data[_LENGTH:]


def shown(data: bytes) -> str | None:
    """What people are shown of packed data that cannot be opened; None if it is plain."""
    if data.startswith(LOST):
        return f"(lost: {_reason(data)})"
    kind = kind_of(data)
    return None if kind is None else PACKINGS[kind].label


def refuse(data: bytes) -> None:
    """Refuse packed data.

    Raises:
        UnreadableValue: it is packed; the message says what is needed. Or it is gone.
    """
    if not data.startswith(_MARK):
        return
    refuse_lost(data)
    kind = kind_of(data)
    if kind is not None:
        packing = PACKINGS[kind]
        raise UnreadableValue(f"What is stored is {packing.label[1:-1]}; {packing.way_out}.")


def refuse_lost(data: bytes) -> None:
    """Refuse what stands for a value that is gone.

    Raises:
        UnreadableValue: it does so; the message says why it is gone.
    """
    if data.startswith(LOST):
        raise UnreadableValue(_reason(data))


def _reason(data: bytes) -> str:
    return data[len(LOST) :].decode(errors="replace")
