"""Files as a specialist touches them: each change recorded, done once, and proven."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from io import BytesIO, StringIO
from types import MappingProxyType
from typing import Any, Literal, overload

from vespera.application.ports.files import AnyPath
from vespera.application.runtime import file_acts
from vespera.application.runtime.file_acts import Act, conflict
from vespera.application.runtime.file_memory import MARK, Ticket
from vespera.application.runtime.file_notes import FileNotes
from vespera.application.usecases.file_statements import (
    check_mode,
    checked_bytes,
    checked_flag,
    encoded,
    link_to,
)
from vespera.domain.errors import FileUnreadable, InvalidRequest
from vespera.domain.file_operation import (
    DIGEST,
    NOT_OBSERVED,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId

_MODES = ("r", "w", "a", "rb", "wb", "ab")


class TaskFiles(FileNotes):
    """The workspace in a specialist's hands.

    A write or delete is recorded as an intent, done atomically, and recorded as done: two durable
    commits. A replay after a crash finds what was done and does not do it again; if the crash fell
    between intent and record, the disk tells whether it had been done. Reads and the ``track_*``
    notes are recorded once as well. Paths are relative to the workspace, or absolute inside it.
    """

    async def write_text(self, path: AnyPath, text: str, *, encoding: str = "utf-8") -> None:
        """Write a whole text file; see ``write_bytes``. No newline is translated."""
        await self.write_bytes(path, encoded(text, encoding))

    async def write_bytes(self, path: AnyPath, data: bytes) -> None:
        """Create or replace a file, with missing parent directories; on disk when it returns.

        Raises:
            PathRefused: the path leads out of the workspace, or through a symbolic link. That is
                recorded, and the gate refuses the task for it, unless it is tolerated or waived.
            FileUnreadable: there is something else than a file, or it cannot be written.
            FileConflict: a crash interrupted this, and somebody changed the file since.
            LeaseLost: another worker has the task; nothing was written.
            InvalidRequest: ``data`` is no bytes.
        """
        content = checked_bytes(data)
        await self._do(OperationKind.CREATE, [path], lambda at: file_acts.write(at, content))

    async def append(self, path: AnyPath, content: str | bytes, *, encoding: str = "utf-8") -> None:
        """Add to a file's end, once; a file that is not there is created. The file is written anew
        and replaced as a whole, so that nobody ever reads a part of ``content``.

        Raises:
            PathRefused, FileUnreadable, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        data = encoded(content, encoding) if isinstance(content, str) else checked_bytes(content)
        await self._do(OperationKind.CREATE, [path], lambda at: file_acts.append(at, data))

    @overload
    def open(
        self, path: AnyPath, mode: Literal["r", "w", "a"] = ..., *, encoding: str = ...
    ) -> AbstractAsyncContextManager[StringIO]: ...
    @overload
    def open(
        self, path: AnyPath, mode: Literal["rb", "wb", "ab"]
    ) -> AbstractAsyncContextManager[BytesIO]: ...
    def open(
        self, path: AnyPath, mode: str = "r", *, encoding: str = "utf-8"
    ) -> AbstractAsyncContextManager[Any]:
        """A file for a block of code that wants one, in memory: ``async with files.open(...)``.

        What was written into it is in the file when the block has ended, whole, and durable; if the
        block raises, nothing is. For what does not fit into memory, announce the change
        (``track_file_modify``) and make it yourself.

        Args:
            path: of the file.
            mode: "r", "w" or "a" for text, "rb", "wb" or "ab" for bytes, as for the built-in; "r"
                gives a copy of what is there. No newline is translated.
            encoding: of text.

        Raises:
            InvalidRequest: there is no such mode.
            PathRefused, FileUnreadable, FileConflict, LeaseLost: as for ``read_bytes``, and at the
                block's end for ``write_bytes``.
        """
        return self._opened(path, mode, encoding)

    @asynccontextmanager
    async def _opened(
        self, path: AnyPath, mode: str, encoding: str
    ) -> AsyncIterator[StringIO | BytesIO]:
        if mode not in _MODES:
            raise InvalidRequest(f"must be one of {', '.join(_MODES)}, not {mode!r}", field="mode")
        content = await self.read_bytes(path) if mode[0] == "r" else b""
        of_bytes = mode.endswith("b")
        file = BytesIO(content) if of_bytes else StringIO(content.decode(encoding), newline="")
        yield file
        if mode[0] != "r":
            left = file.getvalue()
            data = left.encode(encoding) if isinstance(left, str) else left
            await (self.write_bytes if mode[0] == "w" else self.append)(path, data)

    async def delete(self, path: AnyPath) -> None:
        """Remove a file or a symbolic link; gone for good when it returns.

        Raises:
            FileUnreadable: nothing is there, or it cannot be removed.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        await self._do(OperationKind.DELETE, [path], file_acts.delete)

    async def move(self, source: AnyPath, destination: AnyPath, *, overwrite: bool = False) -> None:
        """Give a file, a symbolic link or a directory another place, with missing parent
        directories there; on disk when it returns.

        Args:
            source: where it is.
            destination: where it is to be: its new path, not the directory that it is put into.
            overwrite: it may take the place of a file or a symbolic link.

        Raises:
            FileUnreadable: nothing is there, something is in the way, or the system refuses.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        act = partial(file_acts.move, overwrites=checked_flag(overwrite, "overwrite"))
        await self._do(OperationKind.MOVE, [source, destination], act)

    async def copy(self, source: AnyPath, destination: AnyPath, *, overwrite: bool = False) -> None:
        """Make a second file with the same content and mode; as ``move``.

        Raises:
            FileUnreadable: there is no file, something is in the way, or the system refuses.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        act = partial(file_acts.copy, overwrites=checked_flag(overwrite, "overwrite"))
        await self._do(OperationKind.COPY, [source, destination], act)

    async def mkdir(self, path: AnyPath, *, exist_ok: bool = False) -> None:
        """Make a directory, and missing ones above it; on disk when it returns.

        Args:
            path: of the new directory.
            exist_ok: if there is a directory already, nothing is done, and nothing is recorded.

        Raises:
            FileUnreadable: something is there already, or the system refuses.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        unless = DirectoryState if checked_flag(exist_ok, "exist_ok") else None
        await self._do(OperationKind.MKDIR, [path], file_acts.make_directory, unless=unless)

    async def rmdir(self, path: AnyPath) -> None:
        """Remove an empty directory; gone for good when it returns.

        Raises:
            FileUnreadable: it is not empty, is no directory, or nothing is there.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        await self._do(OperationKind.RMDIR, [path], file_acts.remove_directory)

    async def symlink(self, path: AnyPath, target: AnyPath) -> None:
        """Make a symbolic link that leads to ``target``, as it is to be stored in the link; on disk
        when it returns. Nothing here ever follows it.

        Raises:
            InvalidRequest: no link can lead there.
            FileUnreadable: something is there already, or the system refuses.
            PathRefused, FileConflict, LeaseLost: as for ``write_bytes``.
        """
        link = link_to(target)
        await self._do(OperationKind.SYMLINK, [path], partial(file_acts.make_link, link=link))

    async def chmod(self, path: AnyPath, mode: int) -> None:
        """Give a file or a directory these permission bits; on disk when it returns.

        Raises:
            InvalidRequest: they are none.
            FileUnreadable: nothing is there, or the system refuses.
            PathRefused: also if the file has hard links, which may be outside of the workspace.
            FileConflict, LeaseLost: as for ``write_bytes``.
        """
        check_mode(mode)
        await self._do(OperationKind.CHMOD, [path], partial(file_acts.change_mode, mode=mode))

    async def read_text(self, path: AnyPath, *, encoding: str = "utf-8") -> str:
        """The text of a file; see ``read_bytes``."""
        return (await self.read_bytes(path)).decode(encoding)

    async def read_bytes(self, path: AnyPath) -> bytes:
        """The content of a file; that it was read, and in which state, is recorded once.

        A replay gives what was read then, if that can be had still: where it is, where the task
        has moved it, or from the store, if the task has replaced it. Otherwise it reads what is
        there now. A read that fails is not recorded: to make a handler go one way or the other by
        whether a file is there, look in a ``step``.

        Raises:
            FileUnreadable: it is not there, is no file, or cannot be read.
            PathRefused, LeaseLost: as for ``write_bytes``.
        """
        ticket = self._memory.ticket(OperationKind.READ, [path])
        [where] = places = await self._places(OperationKind.READ, path)
        known = self._memory.recall(ticket, places, (OperationKind.READ,))
        async with self._confined(OperationKind.READ):
            data = None if known is None else await self._read_again(where, known)
            if data is not None:
                return data
            data = await self._work.store.read(where)
        if known is not None and self._memory.is_of_now(known):
            return data
        state = await self._state_of(where, data)
        if known is not None:
            await self._withdraw(known)
        await self._record(OperationKind.READ, ticket, [where], [state])
        return data

    async def _read_again(self, where: str, known: FileOperation) -> bytes | None:
        """What was read then, if that can be had still."""
        digest = known.before.digest if isinstance(known.before, FileState) else ""
        moved = [
            one.destination.path
            for one in self._memory.moves
            if one.path == where and one.destination
        ]
        for place in (where, *moved):
            with suppress(FileUnreadable):
                data = await self._work.store.read(place)
                if self._work.store.digest(data) == digest:
                    return data
        return await self._work.replaced.get(digest)

    async def _do(
        self,
        kind: OperationKind,
        given: Sequence[AnyPath],
        make: Callable[[Sequence[str]], Act],
        *,
        unless: type[DirectoryState] | None = None,
    ) -> None:
        """Do it, unless it was done before, or (``unless``) need not be."""
        ticket, locks = self._memory.ticket(kind, given), self._work.locks
        async with locks.held([f"\0{ticket.given}"]):  # to locate it takes differently long
            act = make(await self._places(kind, *given))
            async with self._confined(kind), locks.held(act.paths):
                await self._do_once(act, ticket, unless)

    async def _do_once(self, act: Act, ticket: Ticket, unless: type[DirectoryState] | None) -> None:
        store = self._work.store
        intent = self._memory.recall(
            ticket, act.paths, act.kinds, lambda known: act.is_asked_by(known, store)
        )
        if intent is not None and intent.phase is Phase.DONE:
            return
        failed = intent if intent is not None and intent.phase is Phase.FAILED else None
        if failed is not None and self._memory.is_of_now(failed):
            raise FileUnreadable(_why(failed))
        found = await store.observe(act.paths)
        if intent is None or failed is not None:
            if unless is not None and isinstance(found[0], unless):
                return
            intent = await self._intend(act, found, ticket, failed)
        elif act.is_done(intent, found):
            await store.sync(act.paths)  # it may have been done, and not be on the disk yet
            await self._finish(intent, found)
            return
        elif list(found) != _before(intent):
            raise conflict(intent, found)
        await self._finish(intent, await self._carried_out(act, intent))

    async def _carried_out(self, act: Act, intent: FileOperation) -> Sequence[PathState]:
        """Do it. That the system refuses is recorded, if all is as it was before: a replay is not
        to do then what could not be done now.
        """
        try:
            return await act.carry_out(self._work.store, intent)
        except FileUnreadable as error:
            if list(await self._work.store.observe(act.paths)) == _before(intent):
                failed = replace(intent, phase=Phase.FAILED, after=UnknownState(str(error)))
                await self._work.operations.save(failed, self._fence)
                del self._memory.open[intent.id]
            raise

    async def settle(self) -> None:
        """At the handler's end, take back what it announced and could not do, where all is as it
        was before: it has heard so, and gone on without it.

        Raises:
            LeaseLost: another worker has the task.
        """
        for intent in [*self._memory.open.values()]:
            if list(await self._work.store.observe(intent.paths)) == _before(intent):
                await self._withdraw(intent)

    async def _intend(
        self, act: Act, found: Sequence[PathState], ticket: Ticket, failed: FileOperation | None
    ) -> FileOperation:
        """Announce it. What had ``failed`` before the task did is announced anew under its old id,
        so that what was made ready for it is found.
        """
        store, mark = self._work.store, act.mark(self._work.store)
        again = failed.id if failed is not None and self._memory.is_last(failed) else None
        say = partial(self._record, paths=act.paths, found=found, overwrites=act.overwrites)
        try:
            kind, digest = act.kind(found), await act.digest(store)
        except FileUnreadable as error:
            await say(act.kinds[-1], ticket, told={MARK: mark}, failed=str(error))
            raise
        told = {DIGEST: digest} if digest else {}
        if not digest or mark != digest:
            told[MARK] = mark
        intent = await say(kind, ticket, told=told, again=again)
        self._memory.open[intent.id] = intent
        return intent

    async def _record(
        self,
        kind: OperationKind,
        ticket: Ticket,
        paths: Sequence[str],
        found: Sequence[PathState],
        *,
        told: Mapping[str, object] = MappingProxyType({}),
        overwrites: bool = False,
        failed: str = "",
        again: OperationId | None = None,
    ) -> FileOperation:
        reads = kind is OperationKind.READ
        to = [
            Destination(path=path, before=before, after=NOT_OBSERVED, overwrites=overwrites)
            for path, before in zip(paths[1:], found[1:], strict=True)
        ]
        asked_at = paths[-1] if kind is OperationKind.COPY else paths[0]
        phase = Phase.DONE if reads else Phase.FAILED if failed else Phase.INTENT
        operation = FileOperation(
            id=again or OperationId(self._work.new_id()),
            task_id=self._fence.task_id,
            kind=kind,
            phase=phase,
            path=paths[0],
            before=found[0],
            after=UnknownState(failed) if failed else found[0] if reads else NOT_OBSERVED,
            recorded_at=self._work.clock.now(),
            destination=to[0] if to else None,
            context={**self._memory.context(ticket, asked_at), **told},
            attempt=self._fence.attempt,
        )
        self.touched = True
        if operation.phase is Phase.INTENT:
            await self._work.replaced.keep(operation)
        record = self._work.operations.save if again else self._work.operations.add
        await record(operation, self._fence)
        self._memory.note(kind, paths)
        return operation

    async def _finish(self, intent: FileOperation, left: Sequence[PathState]) -> None:
        to = intent.destination and replace(intent.destination, after=left[1])
        done = replace(intent, phase=Phase.DONE, after=left[0], expected=left[-1], destination=to)
        await self._work.operations.save(done, self._fence)
        self._memory.open.pop(intent.id, None)

    async def _state_of(self, where: str, data: bytes) -> PathState:
        """The state in which ``data`` was read; a file changed since keeps only its content."""
        [seen] = await self._work.store.observe([where])
        digest = self._work.store.digest(data)
        mode = seen.mode if isinstance(seen, FileState) else 0
        return FileState(digest, len(data), mode)


def _why(failed: FileOperation) -> str:
    return failed.after.reason if isinstance(failed.after, UnknownState) else ""


def _before(intent: FileOperation) -> list[PathState]:
    there = intent.destination
    return [intent.before] if there is None else [intent.before, there.before]
