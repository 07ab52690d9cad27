"""A pack: a file with the bytes of many contents, and a table of them at its end.

A pack is written as a draft, and appears under its name whole and on disk, or not at all; it is
never changed. So several processes write at the same time without knowing of each other, and
nothing that a crash has torn is ever seen.

    MAGIC | bytes of contents ... | table, sorted by digest | digest of the table | its place | END
"""

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from vespera.domain.errors import ContentDamaged, InvalidRequest

MAGIC = b"VSPPACK1"
END = b"VSPEND01"
RAW, ZSTD = 0, 1
BLOCK = 1024 * 1024
KEY = 32
PREFIX = "b3:"
_ROW = struct.Struct(">32sQQQB")
_TAIL = struct.Struct(">32sQ8s")
PER_CONTENT = _ROW.size
PER_PACK = len(MAGIC) + _TAIL.size
_HEXADECIMAL = frozenset("0123456789abcdef")
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)


class Record(NamedTuple):
    """Where a content is in its pack: ``length`` bytes at ``offset``, of ``size`` in the end."""

    key: bytes
    offset: int
    length: int
    size: int
    codec: int


def key_of(digest: object) -> bytes:
    """The 32 bytes of a digest.

    Raises:
        InvalidRequest: it is none.
    """
    text = digest.removeprefix(PREFIX) if isinstance(digest, str) else ""
    if len(text) != 2 * KEY or not _HEXADECIMAL.issuperset(text) or text == digest:
        raise InvalidRequest(f"{digest!r} is no digest (b3: and 64 digits)", field="digest")
    return bytes.fromhex(text)


def digest_of(key: bytes) -> str:
    """The digest of these 32 bytes."""
    return f"{PREFIX}{key.hex()}"


def zstandard() -> Any:
    """The package; it is imported when content is first compressed."""
    return import_module("zstandard")


class Pack:
    """A pack to be read. Only its table is kept in memory; no file is held open."""

    def __init__(self, path: Path) -> None:
        """Read the table.

        Raises:
            OSError: it cannot be read.
            ContentDamaged: it is not as it was written.
        """
        self.path, self.name = path, path.name
        descriptor = os.open(path, _READ)
        try:
            self.file_size = os.fstat(descriptor).st_size
            self._table = _table_in(descriptor, self.file_size)
        except (ValueError, struct.error) as error:
            raise ContentDamaged(f"{path}: the pack's table is damaged: {error}.") from error
        finally:
            os.close(descriptor)

    def __len__(self) -> int:
        return len(self._table) // _ROW.size

    @property
    def keys(self) -> list[bytes]:
        """Those of all contents in it, sorted."""
        table = self._table
        return [table[at : at + KEY] for at in range(0, len(table), _ROW.size)]

    @cached_property
    def plain(self) -> int:
        """Bytes of all contents, before they were compressed."""
        return sum(record.size for record in self.records())

    def records(self) -> Iterator[Record]:
        """Where each content is, sorted by key."""
        return map(Record._make, _ROW.iter_unpack(self._table))

    def find(self, key: bytes) -> Record | None:
        """Where a content is."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < key:
                low = middle + 1
            else:
                high = middle
        if low < len(self) and self._key(low) == key:
            return Record._make(_ROW.unpack_from(self._table, low * _ROW.size))
        return None

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the file, for ``read`` and ``blocks``.

        Raises:
            OSError: it cannot be opened; most often, it has been removed.
        """
        descriptor = os.open(self.path, _READ)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def blocks(self, descriptor: int, record: Record) -> Iterator[bytes]:
        """The content block by block; raises at its end, if it is not what was stored."""
        hasher, size = blake3(), 0
        try:
            for block in _plain_blocks(descriptor, record):
                size += len(block)
                if size > record.size:
                    break
                hasher.update(block)
                yield block
        except ValueError as error:
            raise self._damaged(record, str(error)) from error
        if size != record.size or hasher.digest() != record.key:
            raise self._damaged(record, "it is something else than was stored")

    def _key(self, row: int) -> bytes:
        at = row * _ROW.size
        return self._table[at : at + KEY]

    def _damaged(self, record: Record, why: str) -> ContentDamaged:
        digest = digest_of(record.key)
        return ContentDamaged(
            f"{digest} in the pack {self.path} is damaged: {why}. `vespera store check` tells"
            f" whether there are more; `vespera store purge {digest}` removes it, so that it is"
            " stored anew when it is next seen."
        )


class PackDraft:
    """A pack that is being written, in a file that is already open; not thread-safe."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self.path = descriptor, path
        self._rows: list[tuple[bytes, int, int, int, int]] = []
        self.size = 0
        self._write(MAGIC)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: bytes, body: bytes, size: int, codec: int) -> None:
        """Write a whole content, as it is to be stored.

        Raises:
            OSError: it cannot be written.
        """
        offset = self.size
        self._write(body)
        self._rows.append((key, offset, len(body), size, codec))

    def write(self, body: bytes | memoryview) -> None:
        """Write a part of a content, of which ``end`` tells the rest."""
        self._write(body)

    def end(self, key: bytes, offset: int, size: int, codec: int) -> None:
        """All of a content has been written, from ``offset`` on."""
        self._rows.append((key, offset, self.size - offset, size, codec))

    def seal(self) -> None:
        """Write the table, and flush it all to the disk.

        Raises:
            OSError: that cannot be done.
        """
        table = b"".join(_ROW.pack(*row) for row in sorted(self._rows))
        place = self.size
        self._write(table + _TAIL.pack(blake3(table).digest(), place, END))
        os.fsync(self._descriptor)

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        self.size += len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


class Squeezer:
    """Makes contents smaller, where that is possible; not thread-safe."""

    def __init__(self) -> None:
        self._compressor = zstandard().ZstdCompressor(level=1)

    def squeezed(self, data: bytes) -> tuple[bytes, int]:
        """The bytes to be stored, and their codec."""
        if len(data) < _SMALLEST:
            return data, RAW
        packed: bytes = self._compressor.compress(data)
        return (packed, ZSTD) if len(packed) < len(data) else (data, RAW)

    def stream_for(self, first: bytes) -> Any:
        """What compresses a large content that begins like this; None if it is not worth it."""
        shrinks = len(self._compressor.compress(first)) < _WORTH_IT * len(first)
        return self._compressor.compressobj() if shrinks else None


_SMALLEST = 64
_WORTH_IT = 0.9


def copy_record(source: int, record: Record, draft: PackDraft) -> None:
    """Write the content into another pack, as it is stored.

    Raises:
        OSError: it cannot be read, or written.
        ValueError: the pack ends too early.
    """
    offset = draft.size
    for block in _stored_blocks(source, record):
        draft.write(block)
    draft.end(record.key, offset, record.size, record.codec)


def _table_in(descriptor: int, size: int) -> bytes:
    if size < len(MAGIC) + _TAIL.size or os.pread(descriptor, len(MAGIC), 0) != MAGIC:
        raise ValueError("it is no pack")
    place_of_tail = size - _TAIL.size
    checksum, place, end = _TAIL.unpack(os.pread(descriptor, _TAIL.size, place_of_tail))
    if end != END or not len(MAGIC) <= place <= place_of_tail:
        raise ValueError("its end is missing")
    table = _pread(descriptor, place_of_tail - place, place)
    if blake3(table).digest() != checksum or len(table) % _ROW.size:
        raise ValueError("it is not what was written")
    return table


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    """All of these bytes; a single call gives no more than two gigabytes, and may give less."""
    parts: Sequence[bytes] = list(_stored_blocks(descriptor, Record(b"", offset, length, 0, RAW)))
    return b"".join(parts)


def _stored_blocks(descriptor: int, record: Record) -> Iterator[bytes]:
    offset, end = record.offset, record.offset + record.length
    while offset < end:
        block = os.pread(descriptor, min(BLOCK, end - offset), offset)
        if not block:
            raise ValueError("the file ends too early")
        offset += len(block)
        yield block


def _plain_blocks(descriptor: int, record: Record) -> Iterator[bytes]:
    stored = _stored_blocks(descriptor, record)
    if record.codec == RAW:
        yield from stored
        return
    if record.codec != ZSTD:
        raise ValueError(f"its codec {record.codec} is unknown")
    package = zstandard()
    try:
        with package.ZstdDecompressor().stream_reader(_Source(stored)) as reader:
            while block := reader.read(BLOCK):
                yield block
    except package.ZstdError as error:
        raise ValueError(str(error)) from error


class _Source:
    """Blocks as a file that a decompressor reads."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, _size: int = -1) -> bytes:
        return next(self._blocks, b"")
