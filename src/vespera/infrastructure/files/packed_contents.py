"""The store of contents, in packs of a directory."""

import errno
import secrets
import shutil
import tempfile
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterator,
    Sequence,
)
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Final, TypeVar

from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentReferences, Live
from vespera.domain.content import ContentFlaw, ContentSource, PutResult, Removal, StoreUsage
from vespera.domain.errors import ContentDamaged, ContentError, ContentMissing, StoreFull
from vespera.infrastructure.files import packs_rewriting
from vespera.infrastructure.files.never_stored import never_stored
from vespera.infrastructure.files.packs import Pack, digest_of, key_of
from vespera.infrastructure.files.packs_directory import PackDirectory
from vespera.infrastructure.files.packs_putting import Putting
from vespera.infrastructure.files.packs_writing import NoRoom, Room
from vespera.infrastructure.files.secrets import SECRETS
from vespera.infrastructure.threads import Threads

T = TypeVar("T")
QUOTA: Final = 2 * 1024**3
"""Bytes of a store, unless somebody says otherwise."""

_TRIES = 5
_BETWEEN_COLLECTIONS = 60.0
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class PackedContents:
    """A ``ContentStore`` in a directory that only its owner may enter.

    It is made with the first content. Several processes may use it; see ``packs_directory``.
    """

    def __init__(
        self,
        path: Path | None,
        workspace: str | PathLike[str],
        threads: Threads,
        *,
        references: ContentReferences,
        clock: Clock,
        quota: int = QUOTA,
        never: Sequence[str] = SECRETS,
        retention: timedelta | None = None,
    ) -> None:
        """Make nothing yet.

        Args:
            path: the directory; None: one that is gone when the store is closed.
            workspace: where files are read.
            threads: where the work is done; a call takes one of them.
            references: tells what must stay.
            clock: the time by which references grow old.
            quota: bytes that all packs together may take.
            never: patterns of files that are not stored.
            retention: contents that only older records refer to are garbage; None: none are.

        Raises:
            InvalidRequest: a pattern makes no sense.
        """
        self._threads, self._is_passing = threads, path is None
        name = f"vespera-contents-{secrets.token_hex(8)}"
        self._path = path or Path(tempfile.gettempdir(), name)
        self._workspace = str(Path(workspace).absolute())
        self._references, self._clock, self._retention = references, clock, retention
        self._quota, self._is_never_stored = quota, never_stored(never)
        self._directory = PackDirectory(self._path, clock.monotonic)
        self._collected_at: float | None = None
        self._is_used = False

    async def put(self, sources: Sequence[ContentSource]) -> Sequence[PutResult]:
        """See ``ContentStore.put``."""
        given = tuple(sources)
        try:
            return await self._in_thread(partial(self._put, given))
        except NoRoom:
            if not self._may_collect():
                raise self._is_full() from None
        await self.gc()
        try:
            return await self._in_thread(partial(self._put, given))
        except NoRoom:
            raise self._is_full() from None

    async def get(self, digest: str) -> bytes:
        """See ``ContentStore.get``."""
        return await self._in_thread(lambda _: b"".join(self._blocks(key_of(digest))))

    async def stream(self, digest: str) -> AsyncGenerator[bytes, None]:
        """See ``ContentStore.stream``."""
        blocks = self._blocks(key_of(digest))
        try:
            while block := await self._in_thread(lambda _: next(blocks, b"")):
                yield block
        finally:
            with suppress(ValueError):  # a thread that nobody waits for is still in it
                blocks.close()

    async def has(self, digests: Collection[str]) -> Collection[str]:
        """See ``ContentStore.has``."""
        return await self._in_thread(lambda _: self._has(digests))

    async def usage(self) -> StoreUsage:
        """See ``ContentStore.usage``."""
        return await self._in_thread(lambda _: self._usage())

    async def gc(self, live: Live | None = None, *, share: float = 0.0) -> Removal:
        """See ``ContentStore.gc``."""
        async with self._tidying() as is_there:
            if not is_there:
                return Removal()
            held = await self._in_thread(lambda _: self._directory.held())
            digests = await (live or self._live)()
            return await self._in_thread(
                lambda stop: packs_rewriting.remove(
                    self._directory, _staying(digests, held), stop, share=share
                )
            )

    async def purge(self, digests: Collection[str] | None) -> Removal:
        """See ``ContentStore.purge``."""
        doomed = {key_of(digest) for digest in digests or ()}
        async with self._tidying() as is_there:
            if not is_there:
                return Removal()
            if digests is None:
                return await self._in_thread(lambda _: packs_rewriting.remove_all(self._directory))
            return await self._in_thread(
                lambda stop: packs_rewriting.remove(
                    self._directory, lambda key: key not in doomed, stop, held=False
                )
            )

    async def check(self) -> Sequence[ContentFlaw]:
        """See ``ContentStore.check``."""
        return await self._in_thread(lambda stop: list(self._flaws(stop)))

    async def stop(self) -> None:
        """Hold nothing any more; the next use begins anew."""
        if self._is_used:
            self._is_used = False
            await self._threads.run(self._let_go)

    def abandon(self) -> None:
        """Let go of everything at once, as if the process had died; for tests of that."""
        self._directory.close()

    def _let_go(self) -> None:
        self._directory.close()
        if self._is_passing:
            shutil.rmtree(self._path, ignore_errors=True)

    def _put(self, sources: Sequence[ContentSource], stop: Event) -> Sequence[PutResult]:
        directory = self._directory
        directory.make()
        room = Room(self._quota - directory.size())
        putting = Putting(directory, self._workspace, self._is_never_stored, room, stop)
        results = putting.put(sources)
        packs_rewriting.merge_small(directory, stop)
        return results

    def _may_collect(self) -> bool:
        """Whether it is long enough ago that nothing more was found to be collected."""
        now, last = self._clock.monotonic(), self._collected_at
        if last is not None and now - last < _BETWEEN_COLLECTIONS:
            return False
        self._collected_at = now
        return True

    async def _live(self) -> Collection[str]:
        age = self._retention
        return await self._references.digests(None if age is None else self._clock.now() - age)

    @asynccontextmanager
    async def _tidying(self) -> AsyncIterator[bool]:
        """Hold the lock of those who remove packs; False if there are none."""
        with ExitStack() as held:

            def enter(stop: Event) -> bool:
                if not self._path.is_dir():
                    return False
                held.enter_context(self._directory.tidying(stop))
                return True

            yield await self._in_thread(enter)

    def _blocks(self, key: bytes) -> Generator[bytes, None, None]:
        for _ in range(_TRIES):
            pack = self._directory.find(key) or self._found_anew(key)
            record = pack.find(key)
            assert record is not None, "the directory knows what is in its packs"
            try:
                with pack.opened() as descriptor:
                    yield from pack.blocks(descriptor, record)
            except FileNotFoundError:  # it has a successor now
                self._directory.refresh()
            else:
                return
        raise self._is_missing(key)

    def _found_anew(self, key: bytes) -> Pack:
        self._directory.refresh()
        pack = self._directory.find(key)
        if pack is None:
            raise self._is_missing(key)
        return pack

    def _has(self, digests: Collection[str]) -> Collection[str]:
        self._directory.refresh()
        known = self._directory.known()
        return {digest for digest in digests if key_of(digest) in known}

    def _usage(self) -> StoreUsage:
        directory = self._directory
        directory.refresh()
        packs = directory.packs()
        return StoreUsage(
            directory=str(self._path) if self._path.is_dir() else None,
            contents=len(directory.known()),
            packs=len(packs) + len(directory.damaged),
            size=directory.size(),
            plain=sum(pack.plain for pack in packs),
            quota=self._quota,
        )

    def _flaws(self, stop: Event) -> Iterator[ContentFlaw]:
        self._directory.refresh()
        for name, text in sorted(self._directory.damaged.items()):
            yield ContentFlaw(name, None, text)
        for pack in self._directory.packs():
            with suppress(FileNotFoundError), pack.opened() as descriptor:
                for record in pack.records():
                    if stop.is_set():
                        return
                    try:
                        for _ in pack.blocks(descriptor, record):
                            pass
                    except ContentDamaged as error:
                        yield ContentFlaw(pack.name, digest_of(record.key), str(error))

    async def _in_thread(self, work: Callable[[Event], T]) -> T:
        self._is_used = True
        try:
            return await self._threads.run_stoppable(work)
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> ContentError:
        if error.errno in _NO_ROOM:
            return StoreFull(
                f"{self._path}: the disk is full ({error.strerror}); nothing that was stored is"
                " lost. Free some space and try again."
            )
        return ContentError(
            f"{self._path}: the store cannot be read or written: {error.strerror or error}; check"
            " the disk and the permissions."
        )

    def _is_full(self) -> StoreFull:
        return StoreFull(
            f"{self._path}: this does not fit into the store's quota of {self._quota:,} bytes, also"
            " without what nothing refers to any more. Raise 'store_quota', shorten"
            " 'store_retention', or remove what is not needed: `vespera store purge`."
        )

    def _is_missing(self, key: bytes) -> ContentMissing:
        return ContentMissing(
            f"{digest_of(key)} is not in the store {self._path}: it was never put there, or it was"
            " collected or purged."
        )


def _staying(digests: Collection[str], held: Collection[bytes]) -> Callable[[bytes], bool]:
    live = {key_of(digest) for digest in digests}.union(held)
    return live.__contains__
