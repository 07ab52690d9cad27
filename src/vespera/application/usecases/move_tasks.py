"""Takes one task with its whole history out of a database, and into another."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.events import EventLog
from vespera.application.ports.histories import TaskHistories, TaskHistory
from vespera.application.ports.persistence import FileOperationRepository, TaskRepository
from vespera.application.usecases.history_document import HistoryForm
from vespera.domain.copying import costs_of_copy
from vespera.domain.errors import (
    DuplicateRow,
    InvalidRequest,
    RequestError,
    TaskNotFound,
)
from vespera.domain.event import TaskEvent
from vespera.domain.forking import children_to_come
from vespera.domain.history import at_rest
from vespera.domain.ids import OperationId, ReportId, TaskId
from vespera.domain.request import task_id_of
from vespera.domain.task import Task, TaskStatus

MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTaskResult:
    """Whether a task was imported, and how it stands; or why not: ``error`` begins with the place
    in the document.

    ``missing``: tasks that it had to do with and that are not here, each with what it was to it.
    """

    success: bool
    error: str | None = None
    task_id: TaskId | None = None
    status: TaskStatus | None = None
    paused: bool = False
    missing: tuple[str, ...] = ()


class MoveTasksUseCase:
    """Exports a task as a JSON document, and imports it."""

    def __init__(
        self,
        *,
        histories: TaskHistories,
        tasks: TaskRepository,
        operations: FileOperationRepository,
        log: EventLog,
        form: HistoryForm,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._histories, self._tasks, self._operations = histories, tasks, operations
        self._log, self._form, self._clock, self._new_id = log, form, clock, new_id

    async def export_task(self, task_id: str, *, redact: bool = False) -> dict[str, object]:
        """The document.

        Raises:
            TaskNotFound: there is no such task.
        """
        history = await self._histories.get(task_id_of(task_id))
        events = await self._events(history.task)
        return self._form.document(history, events, at=self._clock.now(), redact=redact)

    async def import_task(
        self, document: object, *, task_id: str | None = None, files: bool = True
    ) -> ImportTaskResult:
        """Store the task of a document, all of it or nothing.

        Args:
            document: what ``export_task`` gave, here or elsewhere.
            task_id: import a copy, under this id; it has no idempotency key and no dedup key.
            files: take over what the task has recorded of files, too.
        """
        try:
            history = self._form.history(document)
            if task_id is not None:
                history = self._copy(history, task_id_of(task_id))
            if not files:
                history = _without_files(history)
            return await self._add(history)
        except RequestError as error:
            return ImportTaskResult(success=False, error=str(error))

    async def _add(self, history: TaskHistory) -> ImportTaskResult:
        history, missing = await self._settled(history)
        await self._check_paths(history)
        task = at_rest(history.task, self._clock.now())
        task = replace(task, news=max(task.news, len(history.signals)))
        try:
            await self._histories.add(replace(history, task=task))
        except DuplicateRow as error:
            raise await self._taken(task) from error
        except TaskNotFound as error:
            told = f"task {error.task_id!r} was removed meanwhile"
            raise InvalidRequest(told, field="task") from error
        stored = await self._tasks.get(task.id)
        return ImportTaskResult(
            success=True,
            task_id=stored.id,
            status=stored.status,
            paused=stored.paused,
            missing=tuple(missing),
        )

    async def _settled(self, history: TaskHistory) -> tuple[TaskHistory, list[str]]:
        """The history without the tasks that are not here, and those.

        Raises:
            InvalidRequest: the task is not finished, and cannot go on without one of them.
        """
        task = history.task
        parents = [task.parent_id] if task.parent_id else []
        awaited = [each.id for each in history.depends_on]
        children = [each.id for each in history.children]
        here = await self._tasks.find([*parents, *awaited, *children])
        absent = {
            name: [i for i in ids if i not in here]
            for name, ids in _named(
                ("parent", parents), ("dependency", awaited), ("child", children)
            )
        }
        for name, field in (("parent", "task.parent_id"), ("dependency", "depends_on")):
            if absent[name] and not task.finished:
                told = f"{absent[name][0]!r} is not here; import it first"
                raise InvalidRequest(told, field=field)
        kept = replace(
            history,
            task=replace(task, parent_id=None) if absent["parent"] else task,
            depends_on=tuple(each for each in history.depends_on if each.id in here),
        )
        return kept, [f"{name} {each}" for name, ids in absent.items() for each in ids]

    async def _check_paths(self, history: TaskHistory) -> None:
        """What others have recorded of the same files would be judged by what is imported."""
        paths = {operation.path for operation in history.operations}
        found = await self._operations.on_paths(paths) if paths else ()
        for operation in found:
            if operation.task_id != history.task.id:
                raise InvalidRequest(
                    f"{operation.path!r} has operations of task {operation.task_id!r} here, which"
                    " would be judged by those of this one; import it into another database, or"
                    " without its files",
                    field="file_operations",
                )

    async def _taken(self, task: Task) -> InvalidRequest:
        """Why the rows could not be added."""
        if await self._tasks.find([task.id]):
            return InvalidRequest(f"{task.id!r} is taken by another task", field="task.id")
        if task.idempotency_key is not None:
            for other in (await self._tasks.find_by_keys([task.idempotency_key])).values():
                told = f"{task.idempotency_key!r} belongs to task {other.id!r}"
                return InvalidRequest(told, field="task.idempotency_key")
        if task.dedup_key is not None and not task.finished:
            key = (task.specialist_type, task.dedup_key)
            for other in (await self._tasks.under_way([key])).values():
                told = f"{task.dedup_key!r} belongs to task {other.id!r}, which is under way"
                return InvalidRequest(told, field="task.dedup_key")
        return InvalidRequest(
            "one of the ids is taken here; import a copy, under a task_id of its own",
            field="file_operations",
        )

    async def _events(self, task: Task) -> list[TaskEvent]:
        """Those that are kept, the last of them if there are very many."""
        after, found = await self._log.begin_of(task.created_at), list[TaskEvent]()
        while True:
            page = await self._log.page(after, task_id=task.id)
            found = [*found, *page.events][-MOST_EVENTS:]
            if not page.more:
                return found
            after = page.upto

    def _copy(self, history: TaskHistory, task_id: TaskId) -> TaskHistory:
        """The same task under another id, with ids of its own all through."""
        old = history.task
        renamed = {each.id: OperationId(self._new_id()) for each in history.operations}
        report = history.report
        if report is not None:
            findings = tuple(
                replace(
                    each,
                    task_id=task_id if each.task_id == old.id else each.task_id,
                    operation_id=each.operation_id
                    and renamed.get(each.operation_id, each.operation_id),
                )
                for each in report.findings
            )
            new_id = ReportId(self._new_id())
            report = replace(report, id=new_id, task_id=task_id, findings=findings)
        task = replace(
            old,
            id=task_id,
            idempotency_key=None,
            request_digest="",
            dedup_key=None,
            report_id=report.id if report else None,
        )
        progress = history.progress
        others = () if old.finished else children_to_come(history.steps)
        return replace(
            history,
            task=task,
            steps=tuple(
                replace(each, task_id=task_id) for each in history.steps if each.name not in others
            ),
            signals=tuple(replace(each, task_id=task_id) for each in history.signals),
            heartbeats=tuple(replace(each, task_id=task_id) for each in history.heartbeats),
            progress=replace(progress, task_id=task_id) if progress else None,
            operations=tuple(
                replace(each, id=renamed[each.id], task_id=task_id) for each in history.operations
            ),
            report=report,
            costs=costs_of_copy(history.costs, old, task, self._new_id),
        )


def _named(*lists: tuple[str, list[TaskId]]) -> Iterable[tuple[str, list[TaskId]]]:
    return lists


def _without_files(history: TaskHistory) -> TaskHistory:
    if history.operations and not history.task.finished:
        raise InvalidRequest(
            "what the task says of files is judged when it completes; import it with its files",
            field="files",
        )
    return replace(history, operations=())
