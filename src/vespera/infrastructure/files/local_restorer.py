"""Putting back what was in a workspace on the local file system."""

import os
import re
import shutil
import stat
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from threading import Event

from vespera.domain.errors import FileUnreadable, InvalidRequest, PathRefused
from vespera.domain.file_operation import FileState, PathState
from vespera.domain.ids import RollbackId
from vespera.domain.rollback import (
    Obstacle,
    Quarantined,
    RollbackConflict,
    RollbackStep,
)
from vespera.infrastructure.files import restoring
from vespera.infrastructure.files.changing import HeldName
from vespera.infrastructure.files.looking import look
from vespera.infrastructure.files.paths import OWN_DIRECTORY, encoded, names_of
from vespera.infrastructure.files.renaming import exchange
from vespera.infrastructure.files.restoring import Bench, Exchange
from vespera.infrastructure.files.tree import NO_FOLLOW, NoWorkspace, hold_directory, hold_root
from vespera.infrastructure.threads import Threads

QUARANTINE = "quarantine"
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_PRIVATE = 0o700
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class LocalRestorer:
    """A ``Restorer`` below one directory; what it displaces is in ``.vespera/quarantine`` there.

    So all is done by renames within one file system. What lies on another one that is mounted in
    the workspace cannot be taken back, and is a conflict.
    """

    def __init__(
        self, root: str | PathLike[str], threads: Threads, *, exchange: Exchange = exchange
    ) -> None:
        """Work below ``root``; ``exchange`` lets two names change places, as ``renameat2`` does."""
        self._root, self._threads = str(Path(root).absolute()), threads
        self._exchange = exchange

    async def names_in(self, paths: Collection[str]) -> Mapping[str, Collection[str]]:
        """See ``Restorer.names_in``."""
        return await self._threads.run(self._names_in, tuple(paths))

    async def stage(
        self,
        rollback_id: RollbackId,
        number: int,
        state: PathState,
        content: AsyncIterable[bytes] | None = None,
    ) -> None:
        """See ``Restorer.stage``."""
        if not isinstance(state, FileState):
            await self._threads.run(self._make_other, rollback_id, number, state)
            return
        await self._threads.run(self._begin_part, rollback_id, number)
        if content is not None:
            async for block in content:
                await self._threads.run(self._write_part, rollback_id, number, block)
        await self._threads.run(self._finish_part, rollback_id, number, state)

    async def carry_out(
        self, rollback_id: RollbackId, number: int, step: RollbackStep
    ) -> RollbackConflict | None:
        """See ``Restorer.carry_out``. A step that is cancelled is done first, if it has begun: in
        the middle of it, it may be somebody's work that waits to be put back.

        Raises:
            FileUnreadable: the system refuses in the middle of it; it can be finished later.
        """
        return await self._threads.run(self._carry_out, rollback_id, number, step)

    async def tidy(self, rollback_id: RollbackId, unused: Collection[int]) -> None:
        """See ``Restorer.tidy``."""
        await self._threads.run(self._tidy, rollback_id, tuple(unused))

    async def displaced(self, rollback_id: RollbackId) -> Mapping[int, PathState]:
        """See ``Restorer.displaced``."""
        return await self._threads.run_stoppable(lambda stop: self._displaced(rollback_id, stop))

    async def content(self, rollback_id: RollbackId, number: int) -> AsyncGenerator[bytes, None]:
        """See ``Restorer.content``."""
        place = 0
        while block := await self._threads.run(self._block, rollback_id, number, place):
            place += len(block)
            yield block

    async def quarantined(self) -> Sequence[Quarantined]:
        """See ``Restorer.quarantined``."""
        return await self._threads.run(self._quarantined)

    async def clear(self, rollback_ids: Collection[RollbackId]) -> None:
        """See ``Restorer.clear``."""
        await self._threads.run(self._clear, tuple(rollback_ids))

    def _names_in(self, paths: Sequence[str]) -> Mapping[str, Collection[str]]:
        found = {}
        with _told("the workspace cannot be looked at"), hold_root(self._root) as root:
            for path in paths:
                with (
                    suppress(OSError, PathRefused),
                    hold_directory(root, names_of(path)) as directory,
                ):
                    found[path] = sorted(map(_text, _names(directory)))
        return found

    def _make_other(self, rollback_id: RollbackId, number: int, state: PathState) -> None:
        with _told("it cannot be made ready"), self._bench(rollback_id, number) as bench:
            restoring.make_other(bench, state)

    def _begin_part(self, rollback_id: RollbackId, number: int) -> None:
        with _told("it cannot be made ready"), self._bench(rollback_id, number) as bench:
            restoring.begin_part(bench)

    def _write_part(self, rollback_id: RollbackId, number: int, block: bytes) -> None:
        with _told("it cannot be made ready"), self._bench(rollback_id, number) as bench:
            restoring.write_part(bench, block)

    def _finish_part(self, rollback_id: RollbackId, number: int, state: FileState) -> None:
        with _told("it cannot be made ready"), self._bench(rollback_id, number) as bench:
            restoring.finish_part(bench, state)

    def _carry_out(
        self, rollback_id: RollbackId, number: int, step: RollbackStep
    ) -> RollbackConflict | None:
        *above, name = names_of(step.path)
        with (
            _told(f"{step.path!r} cannot be taken back"),
            self._bench(rollback_id, number) as bench,
            hold_root(self._root) as root,
            ExitStack() as stack,
        ):
            try:
                directory = stack.enter_context(hold_directory(root, above))
            except _NOT_THERE:
                return restoring.without_place(bench, step)
            except (OSError, PathRefused) as error:
                return _refused(step, error)
            place = HeldName(directory, encoded(name))
            try:
                return restoring.carry_out(place, bench, step, self._exchange)
            except (OSError, FileUnreadable) as error:
                if restoring.is_untouched(place, bench, step):
                    return _refused(step, error)
                raise

    def _tidy(self, rollback_id: RollbackId, unused: Sequence[int]) -> None:
        with _told("the quarantine cannot be tidied up"), suppress(FileNotFoundError):
            for number in unused:
                with self._bench(rollback_id, number, make=False) as bench:
                    bench.remove("part")
                    bench.remove("new")
            with suppress(OSError), self._quarantine(make=False) as directory:
                os.rmdir(rollback_id, dir_fd=directory)  # if it is empty

    def _displaced(self, rollback_id: RollbackId, stop: Event) -> Mapping[int, PathState]:
        found = {}
        with (
            _told("the quarantine cannot be looked at"),
            suppress(FileNotFoundError),
            self._bench(rollback_id, 0, make=False) as bench,
        ):
            for name in _names(bench.directory):
                number, _, ending = name.partition(".")
                if ending == "old":
                    found[int(number)] = look(bench.directory, name.encode(), stop)
        return found

    def _block(self, rollback_id: RollbackId, number: int, place: int) -> bytes:
        with (
            _told("what was displaced cannot be read"),
            self._bench(rollback_id, number, make=False) as bench,
        ):
            return restoring.block_of_displaced(bench, place)

    def _quarantined(self) -> Sequence[Quarantined]:
        with _told("the quarantine cannot be looked at"):
            try:
                with self._quarantine(make=False) as directory:
                    found = [_measured(directory, name) for name in _names(directory)]
            except FileNotFoundError:
                return []
        return sorted((one for one in found if one), key=lambda one: (one.since, one.rollback_id))

    def _clear(self, rollback_ids: Sequence[RollbackId]) -> None:
        for rollback_id in map(_checked, rollback_ids):
            with (
                _told("the quarantine cannot be cleared"),
                suppress(FileNotFoundError),
                self._quarantine(make=False) as directory,
            ):
                shutil.rmtree(rollback_id, dir_fd=directory)

    @contextmanager
    def _bench(self, rollback_id: RollbackId, number: int, *, make: bool = True) -> Iterator[Bench]:
        name = _checked(rollback_id)
        with (
            self._quarantine(make=make) as quarantine,
            _entered(quarantine, name, make=make) as held,
        ):
            yield Bench(held, number, f"{OWN_DIRECTORY}/{QUARANTINE}/{name}")

    @contextmanager
    def _quarantine(self, *, make: bool) -> Iterator[int]:
        with (
            hold_root(self._root) as root,
            hold_directory(root, [OWN_DIRECTORY], make=make) as own,
            _entered(own, QUARANTINE, make=make) as held,
        ):
            yield held


@contextmanager
def _entered(directory: int, name: str, *, make: bool) -> Iterator[int]:
    """A directory that only its owner may enter."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, _PRIVATE, dir_fd=directory)
            os.fsync(directory)
    held = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        yield held
    finally:
        os.close(held)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileUnreadable(f"{what}: {_why(error)}") from error


def _refused(step: RollbackStep, error: Exception) -> RollbackConflict:
    told = f"the system refuses: {_why(error)}"
    return RollbackConflict(path=step.path, obstacle=Obstacle.REFUSED, told=told)


def _measured(directory: int, name: str) -> Quarantined | None:
    try:
        with _entered(directory, name, make=False) as held:
            since = datetime.fromtimestamp(os.fstat(held).st_mtime, UTC)
            sizes = [_size(held, entry) for entry in _names(held)]
    except OSError:
        return None
    return Quarantined(rollback_id=RollbackId(name), since=since, files=len(sizes), size=sum(sizes))


def _size(directory: int, name: str) -> int:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _checked(rollback_id: str) -> str:
    if not _ID.fullmatch(rollback_id):
        raise InvalidRequest("must be 1 to 200 letters, digits, '-' or '_'", field="rollback_id")
    return rollback_id


def _why(error: Exception) -> str:
    if isinstance(error, NoWorkspace):
        return error.told
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "surrogateescape")
