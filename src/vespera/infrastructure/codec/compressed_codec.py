"""Values stored smaller."""

import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from vespera.application.ports.codec import Codec
from vespera.domain.errors import InvalidRequest, MissingExtra, UnreadableValue
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of
from vespera.infrastructure.codec import envelope

_SIZE = 8  # bytes that tell the size of what was compressed
_OURS = {envelope.DEFLATED, envelope.ZSTANDARD, envelope.AS_IT_IS}


class CompressedCodec:
    """Compresses what another codec has encoded; wrap that of the container.

    Values below ``smallest`` bytes, and those that would not become smaller, are stored as they
    are. Values that were stored before, uncompressed or by another method, are read as well. The
    limit on sizes is the inner codec's, and counts the uncompressed size.
    """

    def __init__(
        self,
        inner: Codec,
        *,
        method: str = "zlib",
        level: int | None = None,
        smallest: int = 512,
    ) -> None:
        """Wrap ``inner``.

        Args:
            inner: turns values into bytes and back.
            method: "zlib", or "zstd", which is faster and an extra.
            level: 0 to 9 for zlib, 1 to 22 for zstd; higher is smaller and slower. By default
                the method's own.
            smallest: bytes from which on a value is compressed.

        Raises:
            InvalidRequest: an argument makes no sense; it is named.
            MissingExtra: the package for "zstd" is not installed.
        """
        if method not in _METHODS:
            raise InvalidRequest(f"{method!r} is neither 'zlib' nor 'zstd'", field="method")
        self.inner = inner
        self._method = _METHODS[method]
        self._level = self._method.usual if level is None else level
        whole_number_of(self._level, "level", least=self._method.least, most=self._method.most)
        self._smallest = whole_number_of(smallest, "smallest", least=0, most=LARGEST_WHOLE)
        if method == "zstd":
            _zstandard()

    def encode(self, value: object, *, what: str) -> bytes:
        """See ``Codec.encode``."""
        return self.packed(self.inner.encode(value, what=what))

    def packed(self, data: bytes) -> bytes:
        """What the inner codec has encoded, as it is stored."""
        if len(data) >= self._smallest:
            body = len(data).to_bytes(_SIZE) + self._method.compress(data, self._level)
            packed = envelope.marked(self._method.kind, body)
            if len(packed) < len(data):
                return packed
        if envelope.kind_of(data) in _OURS:  # the inner codec's own must not be taken for ours
            return envelope.marked(envelope.AS_IT_IS, data)
        return data

    def unpacked(self, data: bytes) -> bytes:
        """What the inner codec has encoded.

        Raises:
            UnreadableValue: what is stored is damaged.
        """
        return _unpacked(data)

    def decode(self, data: bytes) -> object:
        """See ``Codec.decode``."""
        return self.inner.decode(_unpacked(data))

    def plain(self, data: bytes) -> object:
        """See ``Codec.plain``."""
        try:
            return self.inner.plain(_unpacked(data))
        except UnreadableValue as error:
            return f"(unreadable: {error})"

    def same(self, one: bytes, other: bytes) -> bool:
        """See ``Codec.same``."""
        return self.inner.same(_unpacked(one), _unpacked(other))


def _unpacked(data: bytes) -> bytes:
    kind = envelope.kind_of(data)
    if kind not in _OURS:
        return data
    body = envelope.body_of(data)
    if kind == envelope.AS_IT_IS:
        return body
    size, compressed = int.from_bytes(body[:_SIZE]), body[_SIZE:]
    decompress = _inflate if kind == envelope.DEFLATED else _zstd_decompress
    try:
        found = decompress(compressed, size)
    except UnreadableValue:
        raise
    except Exception as error:  # the libraries have errors of their own for damage
        raise _damaged(str(error)) from error
    if len(found) != size:
        raise _damaged(f"{len(found)} bytes came out of it, not {size}")
    return found


def _inflate(data: bytes, size: int) -> bytes:
    opened = zlib.decompressobj()
    found = opened.decompress(data, size + 1)  # no more than was promised, whatever is in it
    if not opened.eof and len(found) <= size:
        found += opened.flush()
    if not opened.eof or opened.unused_data:
        raise _damaged("it does not end where it should")
    return found


def _zstd_compress(data: bytes, level: int) -> bytes:
    compressor = _zstandard().ZstdCompressor(level=level, write_checksum=True)
    compressed: bytes = compressor.compress(data)
    return compressed


def _zstd_decompress(data: bytes, size: int) -> bytes:
    try:
        zstandard = _zstandard()
    except MissingExtra as error:
        raise UnreadableValue(f"What is stored is compressed by zstd: {error}") from error
    if zstandard.frame_content_size(data) != size:
        raise _damaged("its two sizes differ")
    found: bytes = zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    return found


def _zstandard() -> Any:
    try:
        return import_module("zstandard")
    except ModuleNotFoundError as error:
        raise MissingExtra("CompressedCodec's method 'zstd'", "zstandard", "zstd") from error


def _damaged(why: str) -> UnreadableValue:
    return UnreadableValue(
        f"What is stored is compressed and damaged: {why}. Restore a copy of the database;"
        " `vespera db check` tells whether more of it is damaged."
    )


class _Method(NamedTuple):
    kind: bytes
    compress: Callable[[bytes, int], bytes]
    least: int
    usual: int
    most: int


_METHODS: Mapping[str, _Method] = {
    "zlib": _Method(envelope.DEFLATED, zlib.compress, 0, 6, 9),
    "zstd": _Method(envelope.ZSTANDARD, _zstd_compress, 1, 3, 22),
}
