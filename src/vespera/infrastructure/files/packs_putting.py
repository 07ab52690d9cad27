"""Putting contents into packs: read, hashed, made smaller, on disk; by two threads at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Final

from blake3 import blake3

from vespera.domain.content import ContentSource, NotKept, PutResult
from vespera.domain.errors import FileUnreadable, PathRefused
from vespera.infrastructure.files.packs import BLOCK, digest_of, key_of
from vespera.infrastructure.files.packs_directory import PackDirectory
from vespera.infrastructure.files.packs_sources import OpenFile, WorkspaceFiles
from vespera.infrastructure.files.packs_writing import PackWriter, Room

LARGE: Final = 1024 * 1024
"""Contents of so many bytes, and more, have a pack of their own, which is never written anew."""

_CHUNK = 64
_AT_ONCE = 4 * 1024 * 1024
_THREADS = 2
_TRIES = 3
_UNREADABLE = PutResult(None, reason=NotKept.UNREADABLE)


class Putting:
    """One call of ``put``; ``is_never_stored`` judges paths."""

    def __init__(
        self,
        directory: PackDirectory,
        root: str,
        is_never_stored: Callable[[str], bool],
        room: Room,
        stop: Event,
    ) -> None:
        self.directory, self.room, self.stop = directory, room, stop
        self.is_never_stored = is_never_stored
        self._root = root
        self._claimed: set[bytes] = set()
        self._has_failed = False
        self._turn = Lock()

    def put(self, sources: Sequence[ContentSource]) -> Sequence[PutResult]:
        """Store them; what was stored is on disk when this returns.

        Raises:
            NoRoom: the quota is used up; some may have been stored.
            InterruptedError: it was called off.
            OSError, ContentError, InvalidRequest: it cannot be done.
        """
        self.directory.make()
        results = [_UNREADABLE] * len(sources)
        starts = iter(range(0, len(sources), _CHUNK))
        if len(sources) <= _CHUNK:
            self._work(sources, results, starts)
        else:
            with ThreadPoolExecutor(_THREADS, "vespera-contents") as pool:
                shares = [
                    pool.submit(self._work, sources, results, starts) for _ in range(_THREADS)
                ]
            for share in shares:
                share.result()
        self.directory.sync()
        return results

    def claim(self, key: bytes) -> bool:
        """Whether the caller is the first to store this."""
        with self._turn:
            is_first = key not in self._claimed
            self._claimed.add(key)
        return is_first

    def _work(
        self, sources: Sequence[ContentSource], results: list[PutResult], starts: Iterator[int]
    ) -> None:
        try:
            with (
                WorkspaceFiles(self._root) as files,
                PackWriter(self.directory, self.room) as writer,
            ):
                worker = _Worker(self, files, writer, results)
                while (start := self._next(starts)) is not None:
                    worker.take(start, sources[start : start + _CHUNK])
                writer.finish()
        except BaseException:
            self._has_failed = True  # so that the other one goes no further
            raise

    def _next(self, starts: Iterator[int]) -> int | None:
        if self.stop.is_set():
            raise InterruptedError("the call was cancelled")
        with self._turn:
            return None if self._has_failed else next(starts, None)


class _Worker:
    """Takes chunks of sources, and notes what became of each."""

    def __init__(
        self,
        putting: Putting,
        files: WorkspaceFiles,
        writer: PackWriter,
        results: list[PutResult],
    ) -> None:
        self._putting, self._files, self._writer, self._results = putting, files, writer, results
        self._directory, self._stop = putting.directory, putting.stop
        self._small: dict[bytes, bytes] = {}
        self._size = 0

    def take(self, start: int, sources: Sequence[ContentSource]) -> None:
        """Store these, the first of which is at place ``start``."""
        for place, source in self._wanted(dict(enumerate(sources, start))).items():
            try:
                self._results[place] = self._stored(source)
            except (FileUnreadable, PathRefused):
                self._results[place] = PutResult(source.digest, reason=NotKept.UNREADABLE)
            if self._size >= _AT_ONCE:
                self._flush()
        self._flush()

    def _wanted(self, sources: Mapping[int, ContentSource]) -> Mapping[int, ContentSource]:
        """Those that may be stored, and are not known by their digests to be there."""
        allowed, keys = {}, {}
        for place, source in sources.items():
            if source.path and self._putting.is_never_stored(source.path):
                self._results[place] = PutResult(source.digest, reason=NotKept.NEVER)
                continue
            allowed[place] = source
            if source.digest is not None:
                keys[place] = key_of(source.digest)
        if keys:
            with self._directory.present(set(keys.values()), self._stop) as there:
                for place in [place for place, key in keys.items() if key in there]:
                    self._results[place] = self._found(keys[place])
                    del allowed[place]
        return allowed

    def _found(self, key: bytes) -> PutResult:
        pack = self._directory.find(key)
        record = pack and pack.find(key)
        return PutResult(digest_of(key), record.size if record else 0)

    def _stored(self, source: ContentSource) -> PutResult:
        """The result; of a small content as it is to be, after ``_flush``."""
        if source.data is not None:
            return self._take_data(source, source.data)
        for _ in range(_TRIES):
            with self._files.open(source.path) as file:
                large = file.size >= LARGE
                found = self._take_large(source, file) if large else self._take_small(source, file)
            if found is not None:
                return found
        return PutResult(source.digest, reason=NotKept.CHANGED)

    def _take_data(self, source: ContentSource, data: bytes) -> PutResult:
        if len(data) < LARGE:
            return self._keep(source, data)
        view = memoryview(data)
        blocks = (bytes(view[at : at + BLOCK]) for at in range(0, len(data), BLOCK))
        return self._stream(source, blocks, lambda: True) or _UNREADABLE

    def _take_small(self, source: ContentSource, file: OpenFile) -> PutResult | None:
        """None if it changed meanwhile."""
        data = file.content(self._stop)
        return self._keep(source, data) if file.is_as_it_was() else None

    def _take_large(self, source: ContentSource, file: OpenFile) -> PutResult | None:
        return self._stream(source, file.blocks(self._stop), file.is_as_it_was)

    def _keep(self, source: ContentSource, data: bytes) -> PutResult:
        key = blake3(data).digest()
        if source.digest not in {None, digest_of(key)}:
            return PutResult(source.digest, reason=NotKept.CHANGED)
        self._small[key] = data
        self._size += len(data)
        return PutResult(digest_of(key), len(data))

    def _stream(
        self, source: ContentSource, blocks: Iterator[bytes], is_whole: Callable[[], bool]
    ) -> PutResult | None:
        with self._writer.large(blocks) as (draft, content):
            digest = digest_of(content.key)
            if not is_whole():
                return None
            if source.digest not in {None, digest}:
                return PutResult(source.digest, reason=NotKept.CHANGED)
            with self._directory.present({content.key}, self._stop) as there:
                is_new = content.key not in there
            if is_new and self._putting.claim(content.key):
                self._writer.publish(draft, content)
        return PutResult(digest, content.size)

    def _flush(self) -> None:
        """Have the small contents written that were read."""
        small, self._small, self._size = self._small, {}, 0
        if not small:
            return
        with self._directory.present(small.keys(), self._stop) as there:
            new = [key for key in small if key not in there]
        for key in new:
            if self._putting.claim(key):
                self._writer.add(key, small[key])
