"""The wiring: Vespera's container, with a team of specialists and the use cases of sessions."""

from collections.abc import Mapping
from typing import ClassVar

from scriptorium.model import HttpWritingModel, WritingModel
from scriptorium.sessions import SessionsUseCase
from scriptorium.specialists import Craftsman, SessionKeeper, Tester
from scriptorium.subtasks import SubtasksUseCase
from scriptorium.trials import SubprocessTrials, Trials
from vespera import (
    CircuitBreaker,
    Container,
    Provider,
    RetryPolicy,
    Service,
    ServiceGuard,
    providers,
)


class ScriptoriumContainer(Container):
    """Vespera with an architect, an implementer, a tester and a documenter."""

    defaults: ClassVar[Mapping[str, object]] = {
        "model_url": "http://127.0.0.1:11434/v1",
        "model_name": "test-model",
        "model_key": "",
        "run_tests": False,
    }

    # Its breaker is kept in the database: all workers know when the model is down.
    guard: Provider[ServiceGuard] = providers.Singleton(
        ServiceGuard,
        name="model",
        total_timeout=300.0,  # all tries together: somebody waits for the command
        bulkhead=8,
        retry=providers.Singleton(RetryPolicy, max_attempts=3, delay=0.5, max_delay=30.0),
        breaker=providers.Singleton(
            CircuitBreaker,
            reset_after=10.0,
            name="model",
            store=Container.breakers,
            clock=Container.clock,
        ),
        timeout=180.0,
        clock=Container.clock,
    )
    model: Provider[WritingModel] = Service(
        HttpWritingModel,
        url=Container.config.model_url,
        name=Container.config.model_name,
        key=Container.config.model_key,
        guard=guard,
    )
    tests: Provider[Trials] = providers.Singleton(
        SubprocessTrials, workspace=Container.config.workspace, wanted=Container.config.run_tests
    )
    specialists = providers.Aggregate(
        session=providers.Factory(
            SessionKeeper, model=model, tracking=Container.track_file_operations
        ),
        architect=providers.Factory(Craftsman, role="architect", model=model),
        implementer=providers.Factory(Craftsman, role="implementer", model=model),
        tester=providers.Factory(Tester, model=model, tests=tests),
        documenter=providers.Factory(Craftsman, role="documenter", model=model),
    )
    sessions = providers.Singleton(
        SessionsUseCase,
        orchestrator=Container.orchestrator,
        inspection=Container.inspect_tasks,
        files=Container.files,
    )
    subtasks = providers.Singleton(
        SubtasksUseCase,
        orchestrator=Container.orchestrator,
        inspection=Container.inspect_tasks,
        recovering=Container.recover_context,
        files=Container.files,
    )
