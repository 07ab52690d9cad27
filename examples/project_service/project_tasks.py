"""The tasks of one project; those of another one are not there."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from project_service.projects import Project, ProjectsUseCase, task_of
from project_service.refusals import Refusal, Why
from project_service.specialists import NOTE
from vespera import (
    InspectTasksUseCase,
    TaskEvent,
    TaskId,
    TaskOrchestrator,
    TaskOutcome,
    TaskRepository,
    TaskResult,
    TaskStatus,
)

REVIEW, PUBLICATION, MINUTES = "review", "publication", "minutes"
KINDS = ("report", "summary", PUBLICATION, MINUTES, REVIEW)
SIGNALS: Mapping[str, frozenset[str]] = {MINUTES: frozenset({NOTE})}
"""Which signals each kind waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What is to be done. ``key``: the same means the same task, never a second one."""

    kind: str
    title: str
    payload: Mapping[str, object]
    priority: int = 0
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTask:
    """How a task stands.

    ``awaits`` is what it waits for from outside (a question, a signal); ``waits_for`` says why it
    does not run although it could. ``progress`` is told only of a single task.
    """

    id: str
    project: str
    kind: str
    title: str
    status: TaskStatus
    created_at: datetime
    updated_at: datetime
    attempt: int
    error: str | None = None
    awaits: str | None = None
    waits_for: str = ""
    progress: object = None
    created: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTaskPage:
    """Some of a project's tasks; ``next`` leads to those behind them."""

    tasks: Sequence[ProjectTask]
    next: str | None


class ProjectTasksUseCase:
    """Everything that callers do with tasks. What a call returned is on disk."""

    def __init__(
        self,
        *,
        orchestrator: TaskOrchestrator,
        inspection: InspectTasksUseCase,
        tasks: TaskRepository,
        projects: ProjectsUseCase,
    ) -> None:
        self._orchestrator, self._inspection = orchestrator, inspection
        self._tasks, self._projects = tasks, projects

    async def create(self, project: str, new: NewTask) -> ProjectTask | Refusal:
        """Have it done, in the background."""
        found = await self._projects.find(project)
        if isinstance(found, Refusal) or not found.is_open:
            return _closed(found)
        result = await self._orchestrator.create_task(
            title=new.title,
            specialist_type=new.kind,
            payload={"project": project, **new.payload},
            priority=new.priority,
            parent_id=task_of(project),
            concurrency_key=project,
            completion="manual" if new.kind == REVIEW else "auto",
            idempotency_key=new.key and f"{project}/{new.key}",
        )
        if not result.success or not result.task_id:
            return _not_created(result)
        if isinstance(await self._still_open(project), Refusal):  # it was closed meanwhile
            await self._orchestrator.cancel_task(result.task_id, reason="the project was closed")
        return await self.show(project, result.task_id, created=result.created)

    async def show(
        self, project: str, task_id: str, *, created: bool = False
    ) -> ProjectTask | Refusal:
        """The task, with all that is known of it."""
        if not await self._is_of(project, task_id):
            return _missing(project, task_id)
        details = (await self._inspection.show_task(TaskId(task_id))).details
        if details is None:  # it was purged at this very moment
            return _missing(project, task_id)
        stands = await self._orchestrator.get_task_status(task_id)
        task = details.task
        return ProjectTask(
            id=task.id,
            project=project,
            kind=task.specialist_type,
            title=task.title,
            status=task.status,
            created_at=task.created_at,
            updated_at=task.updated_at,
            attempt=task.attempt,
            error=stands.error,
            awaits=next((step.awaits for step in details.steps if step.awaits), None),
            waits_for=stands.waits_for,
            progress=details.progress,
            created=created,
        )

    async def list_tasks(
        self,
        project: str,
        *,
        status: Sequence[str] | None,
        kind: str | None,
        limit: int,
        after: str | None,
        order: str,
    ) -> ProjectTaskPage | Refusal:
        """One page of the project's tasks."""
        found = await self._projects.find(project)
        if isinstance(found, Refusal):
            return found
        page = await self._orchestrator.tasks(
            parent_id=task_of(project),
            status=status or None,
            specialist_type=kind,
            limit=limit,
            after=after,
            order=order,
        )
        if not page.success:
            return Refusal(Why.INVALID, page.error or "")
        tasks = [
            ProjectTask(
                id=task.id,
                project=project,
                kind=task.specialist_type,
                title=task.title,
                status=task.status,
                created_at=task.created_at,
                updated_at=task.updated_at,
                attempt=task.attempt,
                error=str(task.error) if task.error else None,
                awaits=next((wait.awaits for wait in page.waits.get(task.id, ())), None),
            )
            for task in page.tasks
        ]
        return ProjectTaskPage(tasks=tasks, next=page.next)

    async def cancel(self, project: str, task_id: str, reason: str) -> ProjectTask | Refusal:
        """Call it off; once more changes nothing."""
        stands = await self.show(project, task_id)
        if isinstance(stands, Refusal) or stands.status is TaskStatus.CANCELLED:
            return stands
        result = await self._orchestrator.cancel_task(task_id, reason)
        if not result.success:
            return Refusal(Why.CONFLICT, result.error or "")
        return await self.show(project, task_id)

    async def signal(
        self, project: str, task_id: str, name: str, payload: object, key: str | None
    ) -> Refusal | None:
        """Tell the task something; the same ``key`` is the same signal."""
        stands = await self.show(project, task_id)
        if isinstance(stands, Refusal):
            return stands
        if name not in SIGNALS.get(stands.kind, frozenset()):
            return Refusal(
                Why.CONFLICT, f"A task of kind {stands.kind!r} takes no signal {name!r}."
            )
        signal_id = key and f"{task_id}/{key}"
        sent = await self._orchestrator.signal(task_id, name, payload, signal_id=signal_id)
        return None if sent.success else Refusal(Why.CONFLICT, sent.error or "")

    async def decide(
        self, project: str, task_id: str, *, approved: bool, by: str, comment: str
    ) -> Refusal | None:
        """Answer the question that the task asks."""
        stands = await self.show(project, task_id)
        if isinstance(stands, Refusal):
            return stands
        if stands.kind != PUBLICATION or not stands.awaits:
            told = f"Task {task_id!r} is {stands.status} and asks nothing."
            return Refusal(Why.CONFLICT, told)
        say = self._orchestrator.approve if approved else self._orchestrator.reject
        sent = await say(task_id, by=by, comment=comment)
        return None if sent.success else Refusal(Why.CONFLICT, sent.error or "")

    async def complete(
        self, project: str, task_id: str, outcome: TaskOutcome
    ) -> ProjectTask | Refusal:
        """Sign off what a person has done."""
        stands = await self.show(project, task_id)
        if isinstance(stands, Refusal):
            return stands
        if stands.kind != REVIEW:
            told = f"A task of kind {stands.kind!r} is done by the service, not by people."
            return Refusal(Why.CONFLICT, told)
        result = await self._orchestrator.complete_task(task_id, outcome)
        if not result.success:
            return Refusal(Why.CONFLICT, result.error or "")
        return await self.show(project, task_id)

    async def result(
        self, project: str, task_id: str, wait: float | None = None
    ) -> TaskResult | Refusal:
        """What came of it so far; with ``wait``, at most so many seconds later, once it ended."""
        if not await self._is_of(project, task_id):
            return _missing(project, task_id)
        if wait:
            try:
                return await self._orchestrator.wait_for_completion(task_id, timeout=wait)
            except TimeoutError:
                pass
        return await self._orchestrator.get_task_status(task_id)

    async def events(
        self, project: str, task_id: str, after: int
    ) -> AsyncIterator[TaskEvent] | Refusal:
        """What happened and happens to it, until it is finished."""
        if not await self._is_of(project, task_id):
            return _missing(project, task_id)
        return self._orchestrator.events(task_id, after=after)

    async def _is_of(self, project: str, task_id: str) -> bool:
        task = (await self._tasks.find([TaskId(task_id)])).get(TaskId(task_id))
        return task is not None and task.parent_id == task_of(project)

    async def _still_open(self, project: str) -> Project | Refusal:
        found = await self._projects.find(project)
        return found if isinstance(found, Project) and found.is_open else _closed(found)


def _closed(found: Project | Refusal) -> Refusal:
    if isinstance(found, Refusal):
        return found
    return Refusal(Why.CONFLICT, f"Project {found.name!r} is closed; it takes no tasks.")


def _missing(project: str, task_id: str) -> Refusal:
    return Refusal(Why.NOT_FOUND, f"Project {project!r} has no task {task_id!r}.")


def _not_created(result: TaskResult) -> Refusal:
    told = result.error or "the task was not created"
    reused = told.startswith("idempotency_key:")
    return Refusal(Why.CONFLICT if reused else Why.INVALID, told)
