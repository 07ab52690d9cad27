"""What a task says of files that it touches by itself, recorded once."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.file_memory import FileMemory, Ticket
from vespera.application.runtime.path_locks import PathLocks
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.application.usecases.file_statements import ATTEMPT
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.application.usecases.task_tracking import TaskTracking
from vespera.application.usecases.track_file_operations import (
    TrackFileOperationsUseCase,
    recording_of,
)
from vespera.domain.errors import InvalidRequest, PathRefused
from vespera.domain.file_operation import FileOperation, OperationKind, Phase
from vespera.domain.ids import OperationId
from vespera.domain.refused_attempt import refused_attempt
from vespera.domain.step import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWork:
    """What file work needs from its surroundings, the same for all tasks."""

    store: FileStore
    operations: FileOperationRepository
    tracking: TrackFileOperationsUseCase
    clock: Clock
    new_id: Callable[[], str]
    replaced: ReplacedContents
    locks: PathLocks = field(default_factory=PathLocks)


class FileNotes(TaskTracking):
    """The file operations of one attempt. A replay asks for them again, and finds what was
    recorded. ``epoch``: how often the task had failed, and been retried, before the attempt.
    """

    def __init__(
        self, *, fence: Fence, recorded: Sequence[FileOperation], epoch: str, work: FileWork
    ) -> None:
        self._fence, self._work = fence, work
        self._memory = FileMemory(fence.task_id, recorded, epoch)
        self._refused = {(op.kind, op.path) for op in recorded if op.phase is Phase.REFUSED}
        self.touched = bool(recorded)

    def check(self, beyond: Sequence[str] = ()) -> None:
        """Judge, at the handler's end, whether it asked for what was recorded; ``beyond``: paths at
        which it was about to do something besides.

        Raises:
            NonDeterministicTask: after a crash, it did something else instead.
        """
        self._memory.check(beyond)

    async def allow(self, pattern: str) -> None:
        """Let files come, change and go where the pattern matches, as ``build/**``, without their
        being declared: a build, a cache. ``*`` and ``?`` stay within a directory, ``**`` does not.

        An allowance claims nothing, and matters only where undeclared changes are looked for. It is
        recorded once, durably, also under replay.

        Raises:
            InvalidRequest: it is no pattern of paths in the workspace.
        """
        said = await self.track_file_scope(pattern)
        if not said.success:
            raise InvalidRequest((said.error or "").removeprefix("pattern: "), field="pattern")

    async def _say(
        self,
        kind: OperationKind,
        paths: Sequence[AnyPath],
        metadata: Mapping[str, object] | None,
        **said: Any,
    ) -> TrackFileOperationResult:
        ticket = self._memory.ticket(kind, paths)
        self.touched = True
        known = await self._noted(ticket, kind, paths, after=said.get("after") is True)
        if known is not None and not await self._is_outdated(known):
            return TrackFileOperationResult(success=True, operation_id=known.id, file_path=paths[0])
        said_now = await recording_of(self._work.tracking, kind)(
            *paths,
            operation_context={**self._memory.context(ticket), ATTEMPT: self._fence.attempt},
            metadata=metadata,
            task_id=self._fence.task_id,
            **said,
        )
        if said_now.success:
            self._memory.note(kind, [str(path) for path in paths])
        return said_now

    async def _noted(
        self, ticket: Ticket, kind: OperationKind, paths: Sequence[AnyPath], *, after: bool
    ) -> FileOperation | None:
        if not self._memory.knows(ticket):
            return None
        allows = kind is OperationKind.SCOPE
        places = [str(p) for p in paths] if allows else await self._places(kind, *paths)
        return self._memory.recall(
            ticket, places, (kind,), lambda known: (known.phase is Phase.CLAIM) is after
        )

    async def _is_outdated(self, known: FileOperation) -> bool:
        """Whether it is a claim made before the task failed, and something else is there now; then
        it is taken back, as the attempts after that may have made something else.
        """
        if known.phase is not Phase.CLAIM or self._memory.is_of_now(known):
            return False
        there = known.destination
        claimed = [known.after] if there is None else [known.after, there.after]
        if list(await self._work.store.observe(known.paths)) == claimed:
            return False
        await self._withdraw(known)
        return True

    async def _withdraw(self, known: FileOperation) -> None:
        now = self._work.clock.now()
        await self._work.operations.withdraw(known, self._fence, now=now)

    async def _places(self, kind: OperationKind, *paths: AnyPath) -> Sequence[str]:
        async with self._confined(kind):
            return [await self._work.store.locate(path) for path in paths]

    @asynccontextmanager
    async def _confined(self, kind: OperationKind) -> AsyncIterator[None]:
        """An attempt to leave the workspace is recorded, once, before the handler hears of it: it
        may go on, but the gate knows.
        """
        try:
            yield
        except PathRefused as refusal:
            attempt = refused_attempt(
                kind,
                refusal,
                task_id=self._fence.task_id,
                new_id=OperationId(self._work.new_id()),
                now=self._work.clock.now(),
                context={},
            )
            if (kind, attempt.path) not in self._refused:
                self.touched = True
                await self._work.operations.add(attempt, self._fence)
                self._refused.add((kind, attempt.path))
            raise
