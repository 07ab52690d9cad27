"""One step of a rollback, at a name in a directory that is held open.

What is to be put there was made beforehand, in the rollback's quarantine. Each step leads from one
state of three names to another, by renames only, and each of these states tells how far it has
come: so it can be broken off anywhere, and be finished later. The names in the quarantine are

``N.part``  what is being made; nobody else ever had it,
``N.new``   what is to be put there; or, after an exchange, what came out,
``N.was``   a second name of what is there, where there is no exchange,
``N.old``   what was displaced, for good.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import NamedTuple

from vespera.domain.effects import name_of
from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SymlinkState,
)
from vespera.domain.rollback import Obstacle, RollbackConflict, RollbackStep, StepKind
from vespera.infrastructure.files import changing
from vespera.infrastructure.files.changing import HeldName
from vespera.infrastructure.files.looking import look
from vespera.infrastructure.files.paths import encoded
from vespera.infrastructure.files.renaming import NOT_KNOWN, rename_exclusive
from vespera.infrastructure.files.tree import NO_FOLLOW, sync_directory

Exchange = Callable[[int, bytes, int, bytes], None]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW
_MORE = os.O_WRONLY | os.O_APPEND | NO_FOLLOW
_READ = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
_LIST = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW
_PRIVATE_MODE = 0o600
_BLOCK = 1024 * 1024
_NEVER = Event()
"""A look in the middle of a step is not broken off: what is not known is taken for an edit."""


class Bench(NamedTuple):
    """Where a step has its things: the quarantine, held open, and the step's number. ``path`` is
    the quarantine's, for people.
    """

    directory: int
    number: int
    path: str

    def name(self, ending: str) -> bytes:
        """The name of this thing."""
        return f"{self.number}.{ending}".encode()

    def path_of(self, ending: str) -> str:
        """Where it is, relative to the workspace."""
        return f"{self.path}/{self.number}.{ending}"

    def has(self, ending: str) -> bool:
        """Whether it is there."""
        try:
            os.stat(self.name(ending), dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def become(self, ending: str, other: str) -> None:
        """Give it another name, for good."""
        here = self.directory
        os.rename(self.name(ending), self.name(other), src_dir_fd=here, dst_dir_fd=here)
        sync_directory(here)

    def remove(self, ending: str) -> None:
        """Remove it, if it is there."""
        name = self.name(ending)
        with suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=self.directory, follow_symlinks=False)
            remove = os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink
            remove(name, dir_fd=self.directory)


def begin_part(bench: Bench) -> None:
    """Begin a file that is to be put there."""
    bench.remove("part")
    os.close(os.open(bench.name("part"), _NEW, _PRIVATE_MODE, dir_fd=bench.directory))


def write_part(bench: Bench, block: bytes) -> None:
    """Write a block of it."""
    descriptor = os.open(bench.name("part"), _MORE, dir_fd=bench.directory)
    try:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def finish_part(bench: Bench, state: FileState) -> None:
    """Make a file that was written whole what is to be put there.

    Raises:
        FileUnreadable: it has another content.
    """
    descriptor = os.open(bench.name("part"), _MORE, dir_fd=bench.directory)
    try:
        seen = _look(bench, "part")  # before its mode forbids that
        os.fchmod(descriptor, state.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not isinstance(seen, FileState) or seen.digest != state.digest:
        raise FileUnreadable("the content that is to be put back is not what it was")
    bench.become("part", "new")


def block_of_displaced(bench: Bench, place: int) -> bytes:
    """A block of a displaced file, from this place on; empty at its end."""
    descriptor = os.open(bench.name("old"), _READ, dir_fd=bench.directory)
    try:
        return os.pread(descriptor, _BLOCK, place)
    finally:
        os.close(descriptor)


def make_other(bench: Bench, state: PathState) -> None:
    """Make a directory or a symbolic link that is to be put there."""
    bench.remove("part")
    bench.remove("new")
    name = bench.name("part")
    match state:
        case DirectoryState(mode):
            os.mkdir(name, dir_fd=bench.directory)
            changing.change_mode(bench.directory, name, mode)
        case SymlinkState(target):
            os.symlink(encoded(target), name, dir_fd=bench.directory)
        case _:
            raise OSError(errno.ENOTSUP, f"{name_of(state)} cannot be made")
    bench.become("part", "new")


def carry_out(
    place: HeldName, bench: Bench, step: RollbackStep, exchange: Exchange
) -> RollbackConflict | None:
    """Do the step, or finish it; see ``Restorer.carry_out``.

    Raises:
        OSError: the system refuses.
        FileUnreadable: something else came there, in the middle of it.
    """
    work = _Work(place, bench, step, exchange)
    match step.kind:
        case StepKind.REPLACE:
            return work.replace()
        case StepKind.RESTORE:
            return work.restore()
        case StepKind.REMOVE:
            return work.remove()
        case StepKind.REMOVE_DIRECTORY:
            return work.remove_directory()
        case StepKind.SET_MODE:
            return work.set_mode()


def without_place(bench: Bench, step: RollbackStep) -> RollbackConflict | None:
    """What becomes of the step if the directory that its path is in is not there any more."""
    if step.kind is StepKind.REPLACE:
        for ending in ("was", "new"):
            if bench.has(ending) and _look(bench, ending) != step.wanted:
                bench.become(ending, "old")
    kept = bench.has("old")
    if step.wanted == Absent() or kept:
        was_done = not kept or _look(bench, "old") == step.found
    else:
        was_done = step.kind is StepKind.RESTORE and not bench.has("new")
    if was_done:
        return None
    told = "the directory that it was in is not there any more"
    where = bench.path_of("old") if kept else None
    return RollbackConflict(path=step.path, obstacle=Obstacle.NO_DIRECTORY, told=told, kept=where)


def is_untouched(place: HeldName, bench: Bench, step: RollbackStep) -> bool:
    """Whether nothing was done yet, so that the step can be given up."""
    match step.kind:
        case StepKind.REPLACE:
            return _look(bench, "new") == step.wanted and not bench.has("was")
        case StepKind.RESTORE:
            return bench.has("new")
        case StepKind.REMOVE:
            return not bench.has("old")
        case _:
            return look(*place, _NEVER) == step.found


class _Work(NamedTuple):
    place: HeldName
    bench: Bench
    step: RollbackStep
    exchange: Exchange

    def replace(self) -> RollbackConflict | None:
        if self.bench.has("old"):
            return self._as_it_ended()
        self._go_on_with_two_names()
        out = self._out("new")
        if out == self.step.wanted:
            there = self._there()
            if there != self.step.found or not self._swap():
                return self._unless_wanted(self._there())
            out = self._out("new")
        if self._is_found(out, "new"):
            self.bench.become("new", "old")
            return None
        return self._give_back(out)

    def restore(self) -> RollbackConflict | None:
        if not self.bench.has("new"):  # it was put there; what is there now came later
            return None
        try:
            rename_exclusive(self.bench.directory, self.bench.name("new"), *self.place)
        except FileExistsError:
            return self._unless_wanted(self._there())
        self._sync()
        return None

    def remove(self) -> RollbackConflict | None:
        if not self.bench.has("old"):
            there = self._there()
            if there != self.step.found:
                return self._unless_wanted(there)
            with suppress(FileNotFoundError):
                rename_exclusive(*self.place, self.bench.directory, self.bench.name("old"))
                self._sync()
        out = self._out("old")
        if out in {self.step.found, Absent()}:
            return None
        try:
            rename_exclusive(self.bench.directory, self.bench.name("old"), *self.place)
        except FileExistsError:
            return self._edited(out, kept=True)
        self._sync()
        return self._edited(out)

    def remove_directory(self) -> RollbackConflict | None:
        there = self._there()
        if there != self.step.found:
            return self._unless_wanted(there)
        try:
            changing.remove_directory(*self.place)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            told = "the directory is not empty: something was put into it meanwhile"
            return RollbackConflict(path=self.step.path, obstacle=Obstacle.NOT_EMPTY, told=told)
        return None

    def set_mode(self) -> RollbackConflict | None:
        there, wanted = self._there(), self.step.wanted
        if there == self.step.found and isinstance(wanted, FileState | DirectoryState):
            changing.change_mode(*self.place, wanted.mode)
            there = self._there()
        return self._unless_wanted(there)

    def _as_it_ended(self) -> RollbackConflict | None:
        """It was finished before. What was displaced may have been written to since; only if there
        is something else in its place, too, was it somebody's work that could not be put back.
        """
        out = self._out("old")
        if out == self.step.found or self._there() == self.step.wanted:
            return None
        return self._edited(out, kept=True)

    def _give_back(self, out: PathState) -> RollbackConflict:
        """It was somebody's new work that came out: exchange again. What came in between is newer
        still, and stays.
        """
        if self._there() == self.step.wanted and self._swap():
            if self._out("new") == self.step.wanted:
                return self._edited(out)
            self._swap()
        self.bench.become("new", "old")
        return self._edited(out, kept=True)

    def _swap(self) -> bool:
        """Exchange; False: there is nothing any more to exchange with."""
        try:
            try:
                self.exchange(self.bench.directory, self.bench.name("new"), *self.place)
            except OSError as error:
                if error.errno not in NOT_KNOWN:
                    raise
                self._swap_by_two_names()
        except FileNotFoundError:
            return False
        self._sync()
        return True

    def _swap_by_two_names(self) -> None:
        """What is there gets a second name, and is replaced. What somebody puts there between the
        two calls is lost; where there is no exchange, there is no better way. Of directories, which
        have one name only, the first goes before the second comes.
        """
        self.bench.remove("was")
        here, new, was = self.bench.directory, self.bench.name("new"), self.bench.name("was")
        there, name = self.place
        if _is_directory(there, name) or _is_directory(here, new):
            rename_exclusive(there, name, here, was)
            rename_exclusive(here, new, there, name)
        else:
            os.link(name, was, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
            os.rename(new, name, src_dir_fd=here, dst_dir_fd=there)
        self._sync()
        self.bench.become("was", "new")

    def _go_on_with_two_names(self) -> None:
        """It was broken off between the calls: finish it, or begin anew."""
        if not self.bench.has("was"):
            return
        if not self.bench.has("new"):
            self.bench.become("was", "new")
        elif self._there() == Absent():
            rename_exclusive(self.bench.directory, self.bench.name("was"), *self.place)
            self._sync()

    def _is_found(self, out: PathState, ending: str) -> bool:
        if out != self.step.found:
            return False
        return not isinstance(out, DirectoryState) or _is_empty(self.bench, ending)

    def _there(self) -> PathState:
        return look(*self.place, _NEVER)

    def _out(self, ending: str) -> PathState:
        return _look(self.bench, ending)

    def _sync(self) -> None:
        sync_directory(self.place.directory)
        sync_directory(self.bench.directory)

    def _unless_wanted(self, there: PathState) -> RollbackConflict | None:
        return None if there == self.step.wanted else self._edited(there)

    def _edited(self, there: PathState, *, kept: bool = False) -> RollbackConflict:
        where = self.bench.path_of("old") if kept else None
        told = f"it was changed while it was to be taken back: there was {name_of(there)}"
        return RollbackConflict(
            path=self.step.path, obstacle=Obstacle.EDITED, told=told, kept=where
        )


def _look(bench: Bench, ending: str) -> PathState:
    return look(bench.directory, bench.name(ending), _NEVER)


def _is_directory(directory: int, name: bytes) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def _is_empty(bench: Bench, ending: str) -> bool:
    descriptor = os.open(bench.name(ending), _LIST, dir_fd=bench.directory)
    try:
        with os.scandir(descriptor) as names:
            return next(names, None) is None
    finally:
        os.close(descriptor)
