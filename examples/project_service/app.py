"""The application: routes in front of a container whose worker does the work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from project_service import projects_api, service_api, tasks_api
from project_service.container import ServiceContainer, ServiceSettings
from project_service.gatekeeping import ApiKeys, Bodies
from project_service.metrics import CountedRequests, ServiceMetrics
from project_service.problems import tell_problems
from vespera import TaskOrchestrator


def create_app(container: ServiceContainer) -> FastAPI:
    """The service on this container, which the application starts, and stops when it ends.

    Raises:
        MissingSetting: the container was given no ``api_keys``.
        ValueError: it was given none that could open anything.
    """
    settings = container.get(ServiceSettings)
    app = FastAPI(title="Project service", lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.container, app.state.leaving = container, asyncio.Event()
    # The last one is asked first.
    app.add_middleware(Bodies, limit=settings.body_limit)
    app.add_middleware(ApiKeys, keys=settings.api_keys)
    app.add_middleware(CountedRequests, metrics=container.get(ServiceMetrics))
    tell_problems(app)
    for api in (service_api, projects_api, tasks_api):
        app.include_router(api.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Work in the background; at the end, what is under way may come to its end for a while. What
    does not is pending again, and goes on with the next start.
    """
    container: ServiceContainer = app.state.container
    async with container:
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.start()
        yield
        app.state.leaving.set()
        await orchestrator.stop(drain=container.get(ServiceSettings).drain_seconds)
