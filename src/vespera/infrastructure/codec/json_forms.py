"""Stored values out of one database and into another."""

from typing import Protocol, runtime_checkable

from msgspec import json

from vespera.application.ports.codec import Codec
from vespera.domain.errors import PayloadTooLarge, UnreadableValue
from vespera.infrastructure.codec import envelope
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.codec.reading import check_tag, without_tags


@runtime_checkable
class _Packing(Protocol):
    """A codec that packs what another one has encoded."""

    inner: Codec

    def packed(self, data: bytes) -> bytes: ...
    def unpacked(self, data: bytes) -> bytes: ...


class JsonForms:
    """Opens what packing codecs have packed. What they store is JSON, and no class is needed; what
    a codec of another kind stores is read by it, and needs the classes of its values.
    """

    def __init__(self, codec: Codec, limit: int = 1024 * 1024) -> None:
        """``limit``: in bytes, of one value."""
        self._limit, self._json = limit, MsgspecCodec(limit)
        self._packings: list[_Packing] = []
        while isinstance(codec, _Packing):
            self._packings.append(codec)
            codec = codec.inner
        self._codec = codec

    def to_json(self, data: bytes) -> bytes:
        """See ``ValueForms.to_json``."""
        for packing in self._packings:
            data = packing.unpacked(data)
        if type(self._codec) is not MsgspecCodec:
            return self._json.encode(self._codec.decode(data), what="value")
        envelope.refuse(data)
        _check(data)
        return data

    def from_json(self, text: bytes, *, what: str) -> bytes:
        """See ``ValueForms.from_json``."""
        if len(text) > self._limit:
            raise PayloadTooLarge(what, len(text), self._limit)
        _check(text)
        data = text
        if type(self._codec) is not MsgspecCodec:
            data = self._codec.encode(self._json.decode(text), what=what)
        for packing in reversed(self._packings):
            data = packing.packed(data)
        return data


def _check(text: bytes) -> None:
    try:
        without_tags(json.decode(text), check_tag)
    except UnreadableValue:
        raise
    except Exception as error:  # whatever damaged data may raise
        problem = f"{type(error).__name__}: {error}"
        raise UnreadableValue(f"What is stored cannot be read: {problem}") from error
