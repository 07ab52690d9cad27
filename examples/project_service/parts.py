"""What the routes work with. All of it is async: what is not would be run in threads."""

import asyncio
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from project_service.container import ServiceContainer, ServiceSettings
from project_service.forms import LONGEST_KEY
from project_service.metrics import ServiceMetrics
from project_service.project_tasks import ProjectTasksUseCase
from project_service.projects import ProjectsUseCase
from vespera import Clock, FileStore, TaskOrchestrator

MOST_LISTED = 200


async def _container(request: Request) -> ServiceContainer:
    container = request.app.state.container
    assert isinstance(container, ServiceContainer)
    return container


Wired = Annotated[ServiceContainer, Depends(_container)]


async def _projects(container: Wired) -> ProjectsUseCase:
    return container.get(ProjectsUseCase)


async def _tasks(container: Wired) -> ProjectTasksUseCase:
    return container.get(ProjectTasksUseCase)


async def _metrics(container: Wired) -> ServiceMetrics:
    return container.get(ServiceMetrics)


async def _settings(container: Wired) -> ServiceSettings:
    return container.get(ServiceSettings)


async def _orchestrator(container: Wired) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


async def _clock(container: Wired) -> Clock:
    return container.get(Clock)


async def _files(container: Wired) -> FileStore:
    return container.get(FileStore)


async def _leaving(request: Request) -> asyncio.Event:
    leaving = request.app.state.leaving
    assert isinstance(leaving, asyncio.Event)
    return leaving


Projects = Annotated[ProjectsUseCase, Depends(_projects)]
Tasks = Annotated[ProjectTasksUseCase, Depends(_tasks)]
Metrics = Annotated[ServiceMetrics, Depends(_metrics)]
Settings = Annotated[ServiceSettings, Depends(_settings)]
Orchestrator = Annotated[TaskOrchestrator, Depends(_orchestrator)]
Time = Annotated[Clock, Depends(_clock)]
Files = Annotated[FileStore, Depends(_files)]
Leaving = Annotated[asyncio.Event, Depends(_leaving)]

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=LONGEST_KEY, pattern=r"^[\x21-\x7e]+$")
]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
After = Annotated[str | None, Query(max_length=LONGEST_KEY)]
