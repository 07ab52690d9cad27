"""Writing contents into drafts of packs, as far as the quota goes."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from types import TracebackType
from typing import Final, NamedTuple, Self

from blake3 import blake3

from vespera.infrastructure.files.packs import PER_CONTENT, PER_PACK, RAW, ZSTD, PackDraft, Squeezer
from vespera.infrastructure.files.packs_directory import PackDirectory

PACK_SIZE: Final = 64 * 1024 * 1024
"""About so large a pack grows before the next one is begun."""


class NoRoom(Exception):
    """The quota does not let this much be written."""


class Room:
    """What may still be written, in bytes; thread-safe."""

    def __init__(self, left: int) -> None:
        self._left = left
        self._turn = Lock()

    def take(self, size: int) -> None:
        """Use some of it.

        Raises:
            NoRoom: there is less.
        """
        with self._turn:
            if size > self._left:
                raise NoRoom
            self._left -= size


class Streamed(NamedTuple):
    """A content that was written block by block, and where it begins in its draft."""

    key: bytes
    offset: int
    size: int
    codec: int


class PackWriter:
    """Writes small contents into one pack after the other, large ones into packs of their own.

    Use it as a context manager, in one thread; what was not finished is gone at its end.
    """

    def __init__(self, directory: PackDirectory, room: Room) -> None:
        self._directory, self._room = directory, room
        self._squeezer = Squeezer()
        self._open = ExitStack()
        self._draft: PackDraft | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, key: bytes, data: bytes) -> None:
        """Write a small content.

        Raises:
            NoRoom, OSError: it cannot be written.
        """
        body, codec = self._squeezer.squeezed(data)
        self._room.take(len(body) + PER_CONTENT)
        if self._draft is None:
            self._room.take(PER_PACK)
            self._draft = self._open.enter_context(self._directory.draft())
        self._draft.add(key, body, len(data), codec)
        if self._draft.size >= PACK_SIZE:
            self.finish()

    def finish(self) -> None:
        """Have the small contents on disk, under a name.

        Raises:
            OSError: that cannot be done.
        """
        if self._draft is not None:
            self._draft.seal()
            self._directory.publish(self._draft)
            self._draft = None
        self._open.close()

    @contextmanager
    def large(self, blocks: Iterable[bytes]) -> Iterator[tuple[PackDraft, Streamed]]:
        """Write a large content into a draft; it stays only if it is published within the block.

        Raises:
            NoRoom, OSError: it cannot be written.
        """
        self._room.take(PER_PACK + PER_CONTENT)
        with self._directory.draft() as draft:
            yield draft, self._stream(draft, blocks)

    def publish(self, draft: PackDraft, content: Streamed) -> None:
        """Have a large content on disk, under a name.

        Raises:
            OSError: that cannot be done.
        """
        draft.end(content.key, content.offset, content.size, content.codec)
        draft.seal()
        self._directory.publish(draft)

    def _stream(self, draft: PackDraft, blocks: Iterable[bytes]) -> Streamed:
        hasher, size, stream = blake3(), 0, None
        offset = draft.size
        for block in blocks:
            if size == 0:
                stream = self._squeezer.stream_for(block)
            size += len(block)
            hasher.update(block)
            self._write(draft, block if stream is None else stream.compress(block))
        if stream is not None:
            self._write(draft, stream.flush())
        return Streamed(hasher.digest(), offset, size, RAW if stream is None else ZSTD)

    def _write(self, draft: PackDraft, body: bytes) -> None:
        self._room.take(len(body))
        draft.write(body)
