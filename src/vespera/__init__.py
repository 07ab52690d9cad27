"""Durable task orchestration inside your own process, with proof of what was done to files.

    from vespera import Container, TaskExecutionWorkflow

    async with Container() as container:
        result = await container.get(TaskExecutionWorkflow).run(title="Say hello")

These are the public names; ``vespera.domain.errors`` and ``vespera.testing`` are public too. Each
is imported when it is first used, so that ``import vespera`` itself costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vespera.application.orchestrators.model_switching import (
        ModelSwitcherOrchestrator as ModelSwitcherOrchestrator,
    )
    from vespera.application.orchestrators.task_orchestrator import (
        AsyncTaskOrchestrator as AsyncTaskOrchestrator,
    )
    from vespera.application.orchestrators.task_orchestrator import (
        TaskOrchestrator as TaskOrchestrator,
    )
    from vespera.application.ports.clock import Clock as Clock
    from vespera.application.ports.codec import Codec as Codec
    from vespera.application.ports.files import FileStore as FileStore
    from vespera.application.ports.persistence import TaskRepository as TaskRepository
    from vespera.application.ports.persistence import UnitOfWork as UnitOfWork
    from vespera.application.ports.resources import Held as Held
    from vespera.application.ports.resources import ResourceType as ResourceType
    from vespera.application.runtime.context import TaskContext as TaskContext
    from vespera.application.runtime.costs.tracker import CostTracker as CostTracker
    from vespera.application.runtime.guarding.async_service import AsyncService as AsyncService
    from vespera.application.runtime.guarding.bulkhead import Bulkhead as Bulkhead
    from vespera.application.runtime.guarding.circuit_breaker import (
        CircuitBreaker as CircuitBreaker,
    )
    from vespera.application.runtime.guarding.provider_errors import (
        ai_service_errors as ai_service_errors,
    )
    from vespera.application.runtime.guarding.rate_limit import RateLimit as RateLimit
    from vespera.application.runtime.guarding.service_guard import ServiceGuard as ServiceGuard
    from vespera.application.runtime.guarding.timeout import Timeout as Timeout
    from vespera.application.runtime.handler_versions import versioned as versioned
    from vespera.application.runtime.heartbeats import current_call as current_call
    from vespera.application.runtime.resources.manager import (
        AsyncResourceManager as AsyncResourceManager,
    )
    from vespera.application.usecases.audit_tasks import (
        AuditTasksUseCase as AuditTasksUseCase,
    )
    from vespera.application.usecases.find_undeclared import (
        FindUndeclaredUseCase as FindUndeclaredUseCase,
    )
    from vespera.application.usecases.inspect_files import (
        InspectFilesUseCase as InspectFilesUseCase,
    )
    from vespera.application.usecases.recover_context import (
        RecoverContextUseCase as RecoverContextUseCase,
    )
    from vespera.application.usecases.roll_back import (
        RollBackUseCase as RollBackUseCase,
    )
    from vespera.application.usecases.snapshot_workspace import (
        SnapshotWorkspaceUseCase as SnapshotWorkspaceUseCase,
    )
    from vespera.application.usecases.track_file_operations import (
        TrackFileOperationsUseCase as TrackFileOperationsUseCase,
    )
    from vespera.application.usecases.waive_findings import (
        WaiveFindingsUseCase as WaiveFindingsUseCase,
    )
    from vespera.application.workflows.task_execution_workflow import (
        TaskExecutionWorkflow as TaskExecutionWorkflow,
    )
    from vespera.application.workflows.task_result import TaskResult as TaskResult
    from vespera.domain.budget import Budget as Budget
    from vespera.domain.cost import Estimate as Estimate
    from vespera.domain.cost import Price as Price
    from vespera.domain.errors import AIServiceError as AIServiceError
    from vespera.domain.errors import AsyncServiceError as AsyncServiceError
    from vespera.domain.errors import CircuitBreakerOpenError as CircuitBreakerOpenError
    from vespera.domain.errors import StepFailed as StepFailed
    from vespera.domain.errors import VesperaError as VesperaError
    from vespera.domain.flow import Limits as Limits
    from vespera.domain.flow import Rate as Rate
    from vespera.domain.retry import RetryPolicy as RetryPolicy
    from vespera.domain.task import TaskOutcome as TaskOutcome
    from vespera.domain.task import TaskRequest as TaskRequest
    from vespera.domain.task import TaskStatus as TaskStatus
    from vespera.domain.verdict import Verdict as Verdict
    from vespera.infrastructure.codec.compressed_codec import CompressedCodec as CompressedCodec
    from vespera.infrastructure.codec.encrypted_codec import EncryptedCodec as EncryptedCodec
    from vespera.infrastructure.di.base import Provider as Provider
    from vespera.infrastructure.di.base import Service as Service
    from vespera.infrastructure.di.base import providers as providers
    from vespera.infrastructure.di.container import Container as Container
    from vespera.infrastructure.persistence.database import (
        AsyncDatabaseManager as AsyncDatabaseManager,
    )
else:
    _HOMES = {
        "AIServiceError": "domain.errors",
        "AsyncDatabaseManager": "infrastructure.persistence.database",
        "AsyncResourceManager": "application.runtime.resources.manager",
        "AsyncService": "application.runtime.guarding.async_service",
        "AsyncServiceError": "domain.errors",
        "AsyncTaskOrchestrator": "application.orchestrators.task_orchestrator",
        "AuditTasksUseCase": "application.usecases.audit_tasks",
        "Budget": "domain.budget",
        "Bulkhead": "application.runtime.guarding.bulkhead",
        "CircuitBreaker": "application.runtime.guarding.circuit_breaker",
        "CircuitBreakerOpenError": "domain.errors",
        "Clock": "application.ports.clock",
        "Codec": "application.ports.codec",
        "CompressedCodec": "infrastructure.codec.compressed_codec",
        "Container": "infrastructure.di.container",
        "CostTracker": "application.runtime.costs.tracker",
        "EncryptedCodec": "infrastructure.codec.encrypted_codec",
        "Estimate": "domain.cost",
        "FileStore": "application.ports.files",
        "FindUndeclaredUseCase": "application.usecases.find_undeclared",
        "Held": "application.ports.resources",
        "InspectFilesUseCase": "application.usecases.inspect_files",
        "Limits": "domain.flow",
        "ModelSwitcherOrchestrator": "application.orchestrators.model_switching",
        "Price": "domain.cost",
        "Provider": "infrastructure.di.base",
        "Rate": "domain.flow",
        "RateLimit": "application.runtime.guarding.rate_limit",
        "RecoverContextUseCase": "application.usecases.recover_context",
        "ResourceType": "application.ports.resources",
        "RetryPolicy": "domain.retry",
        "RollBackUseCase": "application.usecases.roll_back",
        "Service": "infrastructure.di.base",
        "ServiceGuard": "application.runtime.guarding.service_guard",
        "SnapshotWorkspaceUseCase": "application.usecases.snapshot_workspace",
        "StepFailed": "domain.errors",
        "TaskContext": "application.runtime.context",
        "TaskExecutionWorkflow": "application.workflows.task_execution_workflow",
        "TaskOrchestrator": "application.orchestrators.task_orchestrator",
        "TaskOutcome": "domain.task",
        "TaskRepository": "application.ports.persistence",
        "TaskRequest": "domain.task",
        "TaskResult": "application.workflows.task_result",
        "TaskStatus": "domain.task",
        "Timeout": "application.runtime.guarding.timeout",
        "TrackFileOperationsUseCase": "application.usecases.track_file_operations",
        "UnitOfWork": "application.ports.persistence",
        "Verdict": "domain.verdict",
        "VesperaError": "domain.errors",
        "WaiveFindingsUseCase": "application.usecases.waive_findings",
        "ai_service_errors": "application.runtime.guarding.provider_errors",
        "current_call": "application.runtime.heartbeats",
        "providers": "infrastructure.di.base",
        "versioned": "application.runtime.handler_versions",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = (
    "AIServiceError",
    "AsyncDatabaseManager",
    "AsyncResourceManager",
    "AsyncService",
    "AsyncServiceError",
    "AsyncTaskOrchestrator",
    "AuditTasksUseCase",
    "Budget",
    "Bulkhead",
    "CircuitBreaker",
    "CircuitBreakerOpenError",
    "Clock",
    "Codec",
    "CompressedCodec",
    "Container",
    "CostTracker",
    "EncryptedCodec",
    "Estimate",
    "FileStore",
    "FindUndeclaredUseCase",
    "Held",
    "InspectFilesUseCase",
    "Limits",
    "ModelSwitcherOrchestrator",
    "Price",
    "Provider",
    "Rate",
    "RateLimit",
    "RecoverContextUseCase",
    "ResourceType",
    "RetryPolicy",
    "RollBackUseCase",
    "Service",
    "ServiceGuard",
    "SnapshotWorkspaceUseCase",
    "StepFailed",
    "TaskContext",
    "TaskExecutionWorkflow",
    "TaskOrchestrator",
    "TaskOutcome",
    "TaskRepository",
    "TaskRequest",
    "TaskResult",
    "TaskStatus",
    "Timeout",
    "TrackFileOperationsUseCase",
    "UnitOfWork",
    "Verdict",
    "VesperaError",
    "WaiveFindingsUseCase",
    "__version__",
    "ai_service_errors",
    "current_call",
    "providers",
    "versioned",
)
