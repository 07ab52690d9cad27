"""What a specialist does to the workspace, each act so that it can be done exactly once.

An act is announced by an intent, carried out, and recorded as done. If a crash falls in between,
what is there now tells whether it had been carried out. Whatever else is there then was put there
by somebody, and is left alone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from vespera.application.ports.files import FileStore
from vespera.application.runtime.file_memory import MARK
from vespera.application.usecases.file_statements import with_mode
from vespera.domain.effects import name_of
from vespera.domain.errors import FileConflict, FileUnreadable
from vespera.domain.file_operation import (
    DIGEST,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    SymlinkState,
)

Paths = Sequence[str]
Seen = Sequence[PathState]


async def _no_digest(_: FileStore) -> str:
    return ""


def _no_mark(_: FileStore) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A change of the workspace.

    Attributes:
        kinds: as what it is recorded; of two, the first one where nothing is there yet.
        told: what cannot be done, if it cannot: it "cannot be" this.
        paths: the one that it is done to, or source and destination; as located.
        possible: where one of these is, it can be done.
        is_done: whether what is found is what it was to leave.
        carry_out: does it, where things are as the intent found them; gives what is there then.
        digest: of the content that it is to leave, if the intent must remember that.
        mark: what tells it from others of its kind at the same paths, if that is not the digest.
        overwrites: a file or a symbolic link at the destination may go.
        stages: what it is to leave is made ready beside the path, under the intent's name.
    """

    kinds: Sequence[OperationKind]
    told: str
    paths: Paths
    possible: tuple[type[PathState], ...]
    is_done: Callable[[FileOperation, Seen], bool]
    carry_out: Callable[[FileStore, FileOperation], Awaitable[Seen]]
    digest: Callable[[FileStore], Awaitable[str]] = _no_digest
    mark: Callable[[FileStore], str] = _no_mark
    overwrites: bool = False
    stages: bool = False

    def is_asked_by(self, known: FileOperation, store: FileStore) -> bool:
        """Whether it is the very act that was recorded, also where its content is another one."""
        return known.context.get(MARK, known.context.get(DIGEST, "")) == self.mark(store)

    def kind(self, seen: Seen) -> OperationKind:
        """As what it is recorded where this is there.

        Raises:
            FileUnreadable: it cannot be done there.
        """
        source, *arrival = seen
        if not isinstance(source, self.possible):
            raise FileUnreadable(f"{self.paths[0]!r} cannot be {self.told}: {_there(source)}.")
        if arrival and self.paths[1].startswith(f"{self.paths[0]}/"):
            told = f"{self.paths[0]!r} cannot be {self.told}: {self.paths[1]!r} would be within it."
            raise FileUnreadable(told)
        for there in arrival:
            if there != Absent() and not (self.overwrites and _may_go(there)):
                told = f"{self.paths[1]!r} cannot be the destination: {_there(there)}"
                raise FileUnreadable(f"{told}; say overwrite=True if a file there may go.")
        return self.kinds[0 if source == Absent() else -1]


def write(paths: Paths, data: bytes) -> Act:
    """A whole file, created or replaced."""

    async def carry_out(store: FileStore, intent: FileOperation) -> Seen:
        return [await store.write(paths[0], data, token=intent.id)]

    known: list[str] = []  # it may be long; once is enough

    def mark(store: FileStore) -> str:
        if not known:
            known.append(store.digest(data))
        return known[0]

    async def digest(store: FileStore) -> str:
        return mark(store)

    return _writing(paths, carry_out, digest, mark)


def append(paths: Paths, data: bytes) -> Act:
    """More at the end of a file, which is created if it is not there."""

    async def whole(store: FileStore, seen: PathState) -> bytes:
        return (b"" if seen == Absent() else await store.read(paths[0])) + data

    async def carry_out(store: FileStore, intent: FileOperation) -> Seen:
        content = await whole(store, intent.before)
        if store.digest(content) != intent.context[DIGEST]:
            raise conflict(intent, await store.observe(paths))
        return [await store.write(paths[0], content, token=intent.id)]

    async def digest(store: FileStore) -> str:
        [seen] = await store.observe(paths)
        return store.digest(await whole(store, seen))

    def mark(store: FileStore) -> str:
        return f"+{store.digest(data)}"

    return _writing(paths, carry_out, digest, mark)


def delete(paths: Paths) -> Act:
    """A file or a symbolic link, removed."""

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.delete(paths[0])
        return [Absent()]

    return Act(
        kinds=(OperationKind.DELETE,),
        told="deleted",
        paths=paths,
        possible=(FileState, SymlinkState),
        is_done=_is_gone,
        carry_out=carry_out,
    )


def move(paths: Paths, *, overwrites: bool) -> Act:
    """Something that gets another place."""

    def is_done(intent: FileOperation, found: Seen) -> bool:
        return found[0] == Absent() and found[1] == intent.before

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.move(*paths, overwrite=overwrites)
        return await store.observe(paths)

    return Act(
        kinds=(OperationKind.MOVE,),
        told="moved",
        paths=paths,
        possible=(FileState, SymlinkState, DirectoryState),
        is_done=is_done,
        carry_out=carry_out,
        overwrites=overwrites,
    )


def copy(paths: Paths, *, overwrites: bool) -> Act:
    """A file that gets a second one like it, mode included."""

    def is_done(intent: FileOperation, found: Seen) -> bool:
        return found[1] == intent.before

    async def carry_out(store: FileStore, intent: FileOperation) -> Seen:
        await store.copy(*paths, token=intent.id, overwrite=overwrites)
        return await store.observe(paths)

    return Act(
        kinds=(OperationKind.COPY,),
        told="copied",
        stages=True,
        paths=paths,
        possible=(FileState,),
        is_done=is_done,
        carry_out=carry_out,
        overwrites=overwrites,
    )


def make_directory(paths: Paths) -> Act:
    """A new directory."""

    def is_done(_: FileOperation, found: Seen) -> bool:
        return isinstance(found[0], DirectoryState)

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.make_directory(paths[0])
        return await store.observe(paths)

    return Act(
        kinds=(OperationKind.MKDIR,),
        told="made a directory",
        paths=paths,
        possible=(Absent,),
        is_done=is_done,
        carry_out=carry_out,
    )


def remove_directory(paths: Paths) -> Act:
    """An empty directory, removed."""

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.remove_directory(paths[0])
        return [Absent()]

    return Act(
        kinds=(OperationKind.RMDIR,),
        told="removed as a directory",
        paths=paths,
        possible=(DirectoryState,),
        is_done=_is_gone,
        carry_out=carry_out,
    )


def make_link(paths: Paths, link: SymlinkState) -> Act:
    """A new symbolic link."""

    def is_done(_: FileOperation, found: Seen) -> bool:
        return found[0] == link

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.make_link(paths[0], link.target)
        return [link]

    return Act(
        kinds=(OperationKind.SYMLINK,),
        told="made a symbolic link",
        paths=paths,
        possible=(Absent,),
        is_done=is_done,
        carry_out=carry_out,
        mark=lambda _: link.target,
    )


def change_mode(paths: Paths, mode: int) -> Act:
    """Other permission bits of a file or a directory."""

    def is_done(intent: FileOperation, found: Seen) -> bool:
        return found[0] == with_mode(intent.before, mode)

    async def carry_out(store: FileStore, _: FileOperation) -> Seen:
        await store.change_mode(paths[0], mode)
        return await store.observe(paths)

    return Act(
        kinds=(OperationKind.CHMOD,),
        told="given another mode",
        paths=paths,
        possible=(FileState, DirectoryState),
        is_done=is_done,
        carry_out=carry_out,
        mark=lambda _: f"{mode:04o}",
    )


def conflict(intent: FileOperation, found: Seen) -> FileConflict:
    """What is to be raised where neither the beginning nor the end of an act is found."""
    there = "; ".join(
        f"at {path!r} {_there(state)}" for path, state in zip(intent.paths, found, strict=True)
    )
    return FileConflict(
        f"{intent.path!r} is neither as it was before the interrupted {intent.kind} nor as it was"
        f" to be ({there}): somebody else changed it. Nothing was overwritten; decide what is"
        " right, put it there, and run the task again."
    )


def _writing(
    paths: Paths,
    carry_out: Callable[[FileStore, FileOperation], Awaitable[Seen]],
    digest: Callable[[FileStore], Awaitable[str]],
    mark: Callable[[FileStore], str],
) -> Act:
    def is_done(intent: FileOperation, found: Seen) -> bool:
        return isinstance(found[0], FileState) and found[0].digest == intent.context[DIGEST]

    return Act(
        kinds=(OperationKind.CREATE, OperationKind.MODIFY),
        told="written",
        stages=True,
        paths=paths,
        possible=(Absent, FileState),
        is_done=is_done,
        carry_out=carry_out,
        digest=digest,
        mark=mark,
    )


def _is_gone(_: FileOperation, found: Seen) -> bool:
    return found[0] == Absent()


def _may_go(state: PathState) -> bool:
    return isinstance(state, FileState | SymlinkState)


def _there(state: PathState) -> str:
    return f"there is {name_of(state)}"
