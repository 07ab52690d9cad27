"""Projects: each is a task that is handed to the service itself, and the parent of its tasks.

So they are as durable as tasks are, are listed by the same pages, and need no table of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from project_service.refusals import Refusal, Why
from vespera import TaskId, TaskOrchestrator, TaskRepository

PROJECT = "project"
UNFINISHED = ("pending", "running", "waiting", "executed", "assigned")
_PREFIX = "project."
_SOME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project; ``created``: it was, by this very call."""

    name: str
    title: str
    created_at: datetime
    is_open: bool
    created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """Some projects, the newest first; ``next`` leads to those behind them."""

    projects: Sequence[Project]
    next: str | None


class ProjectsUseCase:
    """Opens, shows and closes projects. What a call returned is on disk."""

    def __init__(self, *, orchestrator: TaskOrchestrator, tasks: TaskRepository) -> None:
        self._orchestrator, self._tasks = orchestrator, tasks

    async def open_project(self, name: str, title: str) -> Project | Refusal:
        """A new project of this name; or the one there is, if it has the same title."""
        result = await self._orchestrator.create_task(
            title=title, specialist_type=PROJECT, task_id=task_of(name)
        )
        found = await self.find(name)
        if isinstance(found, Refusal):  # not for its name, which callers have checked
            return Refusal(Why.INVALID, result.error or found.told)
        if found.title != title:
            return Refusal(Why.CONFLICT, f"There is a project {name!r} with another title.")
        return replace(found, created=result.success and result.created)

    async def find(self, name: str) -> Project | Refusal:
        """The project of this name."""
        task = (await self._tasks.find([task_of(name)])).get(task_of(name))
        if task is None or task.specialist_type != PROJECT:
            return Refusal(Why.NOT_FOUND, f"There is no project {name!r}.")
        return Project(
            name=name, title=task.title, created_at=task.created_at, is_open=not task.finished
        )

    async def list_projects(self, limit: int, after: str | None) -> ProjectPage | Refusal:
        """One page of all projects."""
        page = await self._orchestrator.tasks(specialist_type=PROJECT, limit=limit, after=after)
        if not page.success:
            return Refusal(Why.INVALID, page.error or "")
        projects = [
            Project(
                name=name_of(task.id),
                title=task.title,
                created_at=task.created_at,
                is_open=not task.finished,
            )
            for task in page.tasks
        ]
        return ProjectPage(projects=projects, next=page.next)

    async def close(self, name: str) -> Project | Refusal:
        """Take no more tasks, and call off those that are not finished. Safe to repeat.

        The project is closed first: if this breaks off, calling it again does the rest.
        """
        found = await self.find(name)
        if isinstance(found, Refusal):
            return found
        if found.is_open:
            await self._orchestrator.cancel_task(task_of(name), reason="the project was closed")
        while page := await self._unfinished(name):
            for task_id in page:
                await self._orchestrator.cancel_task(task_id, reason="the project was closed")
        return await self.find(name)

    async def _unfinished(self, name: str) -> Sequence[str]:
        page = await self._orchestrator.tasks(
            parent_id=task_of(name), status=UNFINISHED, limit=_SOME, order="oldest"
        )
        return [task.id for task in page.tasks]


def task_of(name: str) -> TaskId:
    """The id of the project's own task."""
    return TaskId(f"{_PREFIX}{name}")


def name_of(task_id: str) -> str:
    """The name of the project with this task."""
    return task_id.removeprefix(_PREFIX)
