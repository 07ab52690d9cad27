"""Tell whoever takes a task over what it has done, and what was under way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.application.ports.scanning import TellProgress
from vespera.application.usecases.find_undeclared import (
    FindUndeclaredResult,
    FindUndeclaredUseCase,
)
from vespera.application.usecases.inspect_files import FilesOfTask, InspectFilesUseCase
from vespera.domain.context_recovery import (
    RecoveredContext,
    RestorePoint,
    StepOutline,
    needed_content,
    open_intents,
    restorable,
    stale_inputs,
)
from vespera.domain.errors import ContentError, InvalidRequest, TaskNotFound
from vespera.domain.file_operation import Phase, UnknownState
from vespera.domain.ids import TaskId
from vespera.domain.search import TaskOrder, TaskSearch
from vespera.domain.step import StepRecord
from vespera.domain.task import Task
from vespera.domain.undeclared import Account, Accounted

MOST_CHILDREN = 1000
MOST_COMPARED = 500
"""More differences would have no room in an answer of any sensible size."""

_UNSURE = frozenset({Account.UNDECLARED, Account.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverContextResult:
    """The context of a task, or why there is none. ``context_forms`` has its JSON and Markdown."""

    success: bool
    context: RecoveredContext | None = None
    error: str | None = None


class RecoverContextUseCase:
    """Gathers all that is known of one task. Nothing is written, and nothing is run."""

    def __init__(
        self,
        *,
        inspect_files: InspectFilesUseCase,
        find_undeclared: FindUndeclaredUseCase,
        tasks: TaskRepository,
        steps: StepRepository,
        contents: ContentStore,
        clock: Clock,
        plain: Callable[[bytes], object],
    ) -> None:
        self._inspect_files, self._find_undeclared = inspect_files, find_undeclared
        self._tasks, self._steps = tasks, steps
        self._contents, self._clock, self._plain = contents, clock, plain

    async def recover(
        self, task_id: str, *, scan: bool = True, progress: TellProgress | None = None
    ) -> RecoverContextResult:
        """What whoever takes the task over has to know.

        Where a snapshot was taken for the task, the workspace is scanned for changes that nobody
        declared; this may take a while.

        Args:
            task_id: the task, or a name that operations were recorded under.
            scan: whether to look for undeclared changes.
            progress: of the scan; is called now and then, in the event loop.

        Returns:
            ``success=False`` with an ``error``, if there is no such task.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            seen = await self._inspect_files.look(task_id)
        except (InvalidRequest, TaskNotFound) as error:
            return RecoverContextResult(success=False, error=str(error))
        context = await self._context(seen, await self._undeclared(seen, progress, scan=scan))
        return RecoverContextResult(success=True, context=context)

    async def _context(self, seen: FilesOfTask, looked: FindUndeclaredResult) -> RecoveredContext:
        task = (await self._tasks.find([seen.task_id])).get(seen.task_id)
        summary, next_action = self._said(task)
        intents = {one.id for one in seen.operations if one.phase is Phase.INTENT}
        return RecoveredContext(
            task_id=seen.task_id,
            seen_at=self._clock.now(),
            task=task,
            summary=summary,
            next_action=next_action,
            operations=len(seen.operations),
            open_intents=open_intents(seen.findings, intents),
            changes=await self._inspect_files.compare(seen, most=MOST_COMPARED),
            undeclared=_by_nobody(looked),
            why_not_looked=looked.error or "",
            failing=[finding for finding in seen.findings if not finding.passes],
            stale=stale_inputs(seen.operations, seen.found, seen.changes),
            snapshots=await self._inspect_files.snapshots_of(seen.task_id),
            restore_points=await self._restore_points(seen),
            not_examined=_not_examined(seen, looked),
            children=await self._children_of(seen.task_id),
            steps=[_outline(step) for step in await self._steps.of_task(seen.task_id)],
        )

    async def _undeclared(
        self, seen: FilesOfTask, progress: TellProgress | None, *, scan: bool
    ) -> FindUndeclaredResult:
        if not scan:
            told = "the workspace was not scanned, as nobody asked for it"
            return FindUndeclaredResult(success=False, error=told)
        return await self._find_undeclared.find(seen.task_id, progress=progress)

    async def _restore_points(self, seen: FilesOfTask) -> Sequence[RestorePoint]:
        pairs = zip(seen.operations, seen.findings, strict=True)
        needed = {needed_content(operation, finding.before) for operation, finding in pairs}
        digests = {digest for digest in needed if digest is not None}
        try:
            kept = await self._contents.has(digests) if digests else ()
        except (ContentError, InvalidRequest):  # no store that can be read: it has nothing
            kept = ()
        return restorable(seen.operations, seen.findings, kept)

    async def _children_of(self, task_id: TaskId) -> Sequence[Task]:
        search = TaskSearch(parent_id=task_id, order=TaskOrder.OLDEST, limit=MOST_CHILDREN)
        return await self._tasks.search(search)

    def _said(self, task: Task | None) -> tuple[str, str]:
        """Summary and next action of the outcome, if there is one that can be read."""
        match self._plain(task.outcome) if task and task.outcome is not None else None:
            case [str(summary), _, str(next_action), _]:
                return summary, next_action
            case _:
                return "", ""


def _by_nobody(looked: FindUndeclaredResult) -> Sequence[Accounted] | None:
    if not looked.success:
        return None
    return [one for one in looked.accounted if one.account in _UNSURE]


def _not_examined(seen: FilesOfTask, looked: FindUndeclaredResult) -> Sequence[tuple[str, str]]:
    """Paths of the task whose state could not be seen, then those that the scan left out."""
    unseen = [
        (path, state.reason)
        for path, state in seen.found.items()
        if isinstance(state, UnknownState)
    ]
    return [*unseen, *(one for one in looked.not_examined if one not in unseen)]


def _outline(step: StepRecord) -> StepOutline:
    stands = step.awaits or ("failed" if step.failed else "done")
    return StepOutline(name=step.name, occurrence=step.occurrence, stands=stands)
