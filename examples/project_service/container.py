"""The wiring: Vespera's container, with the service's own parts and specialists."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from project_service.metrics import ServiceMetrics
from project_service.model import ChatModel, HttpChatModel
from project_service.project_tasks import ProjectTasksUseCase
from project_service.projects import ProjectsUseCase
from project_service.specialists import Publisher, Recorder, Reporter, Summariser
from vespera import (
    CircuitBreaker,
    Container,
    Limits,
    Provider,
    RetryPolicy,
    Service,
    ServiceGuard,
    providers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the service treats its callers.

    ``api_keys``: any of these opens it. ``body_limit``: bytes of one request. ``drain_seconds``:
    how long work that is under way may go on when the service stops. ``ping_seconds``: after how
    much silence an event stream says that it is alive.
    """

    api_keys: tuple[str, ...]
    body_limit: int
    drain_seconds: float
    ping_seconds: float


class ServiceContainer(Container):
    """Vespera with projects, and with who works for them. Needs the setting ``api_keys``."""

    defaults: ClassVar[Mapping[str, object]] = {
        "events": "all",
        "body_limit": 1024 * 1024,
        "drain_seconds": 10.0,
        "ping_seconds": 15.0,
        "model_url": "http://127.0.0.1:11434/v1",
        "model_name": "test-model",
        "model_key": "",
    }

    service_settings = providers.Singleton(
        ServiceSettings,
        api_keys=Container.config.api_keys,
        body_limit=Container.config.body_limit,
        drain_seconds=Container.config.drain_seconds,
        ping_seconds=Container.config.ping_seconds,
    )
    # Its breaker is kept in the database: all workers know when the model is down.
    guard: Provider[ServiceGuard] = providers.Singleton(
        ServiceGuard,
        name="model",
        bulkhead=8,
        retry=providers.Singleton(RetryPolicy, max_attempts=3, delay=0.5, max_delay=30.0),
        breaker=providers.Singleton(
            CircuitBreaker, name="model", store=Container.breakers, clock=Container.clock
        ),
        timeout=60.0,
        clock=Container.clock,
    )
    model: Provider[ChatModel] = Service(
        HttpChatModel,
        url=Container.config.model_url,
        name=Container.config.model_name,
        key=Container.config.model_key,
        guard=guard,
    )
    specialists = providers.Aggregate(
        report=providers.Factory(Reporter),
        summary=providers.Factory(Summariser, model=model),
        publication=providers.Factory(Publisher, model=model),
        minutes=providers.Factory(Recorder),
    )
    # No project takes all of the model's time.
    limits = providers.Object({"summary": Limits(max_concurrent_per_key=4)})
    projects = providers.Singleton(
        ProjectsUseCase, orchestrator=Container.orchestrator, tasks=Container.tasks
    )
    project_tasks = providers.Singleton(
        ProjectTasksUseCase,
        orchestrator=Container.orchestrator,
        inspection=Container.inspect_tasks,
        tasks=Container.tasks,
        projects=projects,
    )
    service_metrics = providers.Singleton(
        ServiceMetrics, orchestrator=Container.orchestrator, clock=Container.clock
    )
