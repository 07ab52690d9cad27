"""Every error of Vespera, in one tree.

    VesperaError
    |-- RequestError: what was asked for cannot be done as asked
    |       InvalidRequest, TaskNotFound, OperationNotFound, ScheduleNotFound, SnapshotNotFound,
    |       RollbackNotFound, WaiverNotFound, TaskOver, NotRetryable, KeyReused, DependencyCycle
    |-- TaskError: a task cannot go on
    |       IllegalTransition, StaleTask, GatedType, StaleSchedule, LeaseLost, StepFailed,
    |       NonDeterministicTask, UnprovenCompletion, CrashLimitReached, TaskTimedOut,
    |       HeartbeatMissed, WaitTimedOut, UnexpectedSignal, ChildFailed, UnexpectedResult,
    |       CrewFailed, CancelledInside, EngineStopped, SpecialistError
    |-- PayloadError: a value cannot be stored
    |       UnstorableValue, PayloadTooLarge, UnreadableValue
    |-- WorkspaceError: a file operation cannot be done
    |       PathRefused, FileConflict, FileUnreadable, RollbackBusy
    |-- ContentError: the store of file contents cannot do its work
    |       ContentMissing, ContentDamaged, StoreBusy, StoreFull
    |-- AsyncServiceError: an outside service did not do what it was asked
    |       ServiceCallFailed, CallTimedOut, CircuitBreakerOpenError, RateLimitExceeded,
    |       BulkheadFull
    |       |-- AIServiceError: the service is a model
    |               AIServiceUnavailable, AIServiceRateLimited, AIServiceTimedOut, AIServiceRefused,
    |               AIServiceDenied, AIServiceBadAnswer, NoModelAvailable
    |-- ResourceError: a resource cannot be acquired, used or given back
    |       UnknownResourceType, ResourceNotFound, ResourceNotAcquired, ResourceBusy,
    |       ResourceNotReleased
    |-- CostError: a cost cannot be told, or not be afforded
    |       BudgetExceeded, UnknownPrice
    |-- StorageError: the database cannot do its work
    |       DatabaseLocked, DatabaseReadOnly, DatabaseFull, DatabaseCorrupt, DatabaseTooNew,
    |       DatabaseClosed, DuplicateRow, NestedUnitOfWork, ForeignUnitOfWork
    `-- ContainerError: the container is wired or used wrongly
            UnknownPart, AmbiguousPart, MissingSetting, UnknownSetting, WiringError,
            OverrideRefused, MissingExtra, ForeignEventLoop, StopTimedOut

Leaves say what is wrong, branches end in ``Error``; the first line of a class's docstring is its
default message. Refusals that a caller is expected to meet come back as values (a result with
``success=False`` and ``error``), not as exceptions.
"""

from collections.abc import Sequence

from vespera.domain.container_errors import AmbiguousPart as AmbiguousPart
from vespera.domain.container_errors import ContainerError as ContainerError
from vespera.domain.container_errors import ForeignEventLoop as ForeignEventLoop
from vespera.domain.container_errors import MissingExtra as MissingExtra
from vespera.domain.container_errors import MissingSetting as MissingSetting
from vespera.domain.container_errors import OverrideRefused as OverrideRefused
from vespera.domain.container_errors import StopTimedOut as StopTimedOut
from vespera.domain.container_errors import UnknownPart as UnknownPart
from vespera.domain.container_errors import UnknownSetting as UnknownSetting
from vespera.domain.container_errors import WiringError as WiringError
from vespera.domain.cost_errors import BudgetExceeded as BudgetExceeded
from vespera.domain.cost_errors import CostError as CostError
from vespera.domain.cost_errors import UnknownPrice as UnknownPrice
from vespera.domain.resource_errors import ResourceBusy as ResourceBusy
from vespera.domain.resource_errors import ResourceError as ResourceError
from vespera.domain.resource_errors import ResourceNotAcquired as ResourceNotAcquired
from vespera.domain.resource_errors import ResourceNotFound as ResourceNotFound
from vespera.domain.resource_errors import ResourceNotReleased as ResourceNotReleased
from vespera.domain.resource_errors import UnknownResourceType as UnknownResourceType
from vespera.domain.service_errors import AIServiceBadAnswer as AIServiceBadAnswer
from vespera.domain.service_errors import AIServiceDenied as AIServiceDenied
from vespera.domain.service_errors import AIServiceError as AIServiceError
from vespera.domain.service_errors import AIServiceRateLimited as AIServiceRateLimited
from vespera.domain.service_errors import AIServiceRefused as AIServiceRefused
from vespera.domain.service_errors import AIServiceTimedOut as AIServiceTimedOut
from vespera.domain.service_errors import AIServiceUnavailable as AIServiceUnavailable
from vespera.domain.service_errors import AsyncServiceError as AsyncServiceError
from vespera.domain.service_errors import BulkheadFull as BulkheadFull
from vespera.domain.service_errors import CallTimedOut as CallTimedOut
from vespera.domain.service_errors import CircuitBreakerOpenError as CircuitBreakerOpenError
from vespera.domain.service_errors import NoModelAvailable as NoModelAvailable
from vespera.domain.service_errors import RateLimitExceeded as RateLimitExceeded
from vespera.domain.service_errors import ServiceCallFailed as ServiceCallFailed
from vespera.domain.vespera_error import VesperaError as VesperaError


class RequestError(VesperaError):
    """What was asked for cannot be done as asked."""


class InvalidRequest(RequestError):
    """A field of the request is missing, unknown, or of the wrong type."""

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class TaskNotFound(RequestError):
    """No task has this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"No task has the id {task_id!r}.")
        self.task_id = task_id


class OperationNotFound(RequestError):
    """No file operation has this id."""

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"No file operation has the id {operation_id!r}.")
        self.operation_id = operation_id


class ScheduleNotFound(RequestError):
    """No schedule has this name."""

    def __init__(self, name: str, hint: str = ".") -> None:
        super().__init__(f"There is no schedule {name!r}{hint}")
        self.name = name


class SnapshotNotFound(RequestError):
    """No snapshot has this id, or none was taken."""


class RollbackNotFound(RequestError):
    """No rollback has this id, or the task was never rolled back."""


class WaiverNotFound(RequestError):
    """No waiver has this id."""

    def __init__(self, waiver_id: str) -> None:
        super().__init__(f"No waiver has the id {waiver_id!r}.")
        self.waiver_id = waiver_id


class KeyReused(RequestError):
    """An idempotency key came back with another request."""

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__(
            f"idempotency_key: {key!r} belongs to task {task_id!r}, which was created by another"
            " request; repeat the request unchanged, or choose another key."
        )
        self.key, self.task_id = key, task_id


class DependencyCycle(RequestError):
    """Tasks, or agents, would wait for each other for ever."""

    def __init__(self, path: Sequence[str], who: str = "tasks") -> None:
        super().__init__(f"depends_on: the {who} wait for each other: {' -> '.join(path)}.")
        self.path = tuple(path)


class TaskError(VesperaError):
    """A task cannot go on."""


class IllegalTransition(TaskError):
    """The task is not in a state that allows this."""

    def __init__(self, task_id: str, status: str, wanted: str) -> None:
        super().__init__(f"Task {task_id!r} is {status}; it cannot become {wanted}.")
        self.task_id, self.status, self.wanted = task_id, status, wanted


class TaskOver(RequestError):
    """The task is finished; nothing reaches it any more."""


class NotRetryable(RequestError):
    """The task has not ended badly, or goes with another one; it cannot be retried."""


class StaleTask(TaskError):
    """Somebody else changed the task in the meantime; read it again."""


class GatedType(TaskError):
    """Tasks of this type are limited or paused; they are stored pending, and begin by a claim."""


class StaleSchedule(TaskError):
    """Somebody else changed the schedule in the meantime; read it again."""


class LeaseLost(TaskError):
    """Another worker has taken the task over; what this one did since is not recorded."""


class StepFailed(TaskError):
    """A step raised, after its last retry.

    ``error_types`` holds the names of the original exception's class and its bases, most special
    first, so that a replay, which no longer has the exception, can be told apart just as well.
    """

    def __init__(self, step: str, message: str, error_types: Sequence[str]) -> None:
        kind = error_types[0] if error_types else "Exception"
        super().__init__(": ".join(filter(None, [f"Step {step!r} failed", kind, message])))
        self.step, self.message, self.error_types = step, message, tuple(error_types)


class NonDeterministicTask(TaskError):
    """A replay asked for other steps than were recorded."""


class UnprovenCompletion(TaskError):
    """What the task says of files is not what the disk says."""


class CrashLimitReached(TaskError):
    """The task's worker died in the middle of it, again and again; it is not tried once more."""


class TaskTimedOut(TaskError, TimeoutError):
    """The task, or one of its steps, took too long."""


class HeartbeatMissed(TaskError, TimeoutError):
    """A step gave no sign of life for too long."""


class WaitTimedOut(TaskError, TimeoutError):
    """What the task waited for did not come in time."""


class UnexpectedSignal(TaskError):
    """A signal brought something else than the task waits for."""


class ChildFailed(TaskError):
    """A task that this one has spawned failed, or was cancelled."""


class UnexpectedResult(TaskError):
    """A child handed something else back than was waited for."""


class CrewFailed(TaskError):
    """An agent failed without which its crew cannot succeed."""


class CancelledInside(TaskError):
    """What was awaited had been cancelled from elsewhere; nobody called this task off."""


class EngineStopped(TaskError):
    """The container was cleaned up; its tasks go on at the next start. Get the part again."""


class SpecialistError(TaskError):
    """The specialist cannot be built, or is no specialist."""


class PayloadError(VesperaError):
    """A value cannot be stored."""


class UnstorableValue(PayloadError):
    """A value's type has no stored form."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class PayloadTooLarge(PayloadError):
    """A value is larger than the limit."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(
            f"{what}: {size:,} bytes are more than the limit of {limit:,}; store a file"
            " and pass its path, or raise the limit (setting 'payload_limit')."
        )
        self.what, self.size, self.limit = what, size, limit


class UnreadableValue(PayloadError):
    """What is stored cannot be turned back into a value."""


class WorkspaceError(VesperaError):
    """A file operation cannot be done."""


class PathRefused(WorkspaceError):
    """The path leads out of the workspace, or is no path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path!r}: {reason}")
        self.path, self.reason = path, reason


class FileConflict(WorkspaceError):
    """Somebody else changed the file that was to be written."""


class FileUnreadable(WorkspaceError):
    """The file is there but cannot be read or written."""


class RollbackBusy(WorkspaceError):
    """Another rollback is under way in this workspace."""


class ContentError(VesperaError):
    """The store of file contents cannot do its work."""


class ContentMissing(ContentError):
    """The store does not have the content, or not any more."""


class ContentDamaged(ContentError):
    """What the store has is not what was put there."""


class StoreBusy(ContentError):
    """Another process has been tidying the store up for too long; try again."""


class StoreFull(ContentError):
    """The store's quota, or the disk, is used up; nothing that is referred to was removed."""


class StorageError(VesperaError):
    """The database cannot do its work."""


class DatabaseLocked(StorageError):
    """Somebody else holds the database for too long."""


class DatabaseReadOnly(StorageError):
    """The database, or the directory it lies in, cannot be written."""


class DatabaseFull(StorageError):
    """The disk, or the database's size limit, is full."""


class DatabaseCorrupt(StorageError):
    """The file is damaged, or is no database."""


class DatabaseTooNew(StorageError):
    """The file was written by a newer version of Vespera."""


class DatabaseClosed(StorageError):
    """The database was closed while it was asked for something."""


class DuplicateRow(StorageError):
    """A row with this key exists already."""


class NestedUnitOfWork(StorageError):
    """A unit of work was opened inside another; the outer one already commits it all."""


class ForeignUnitOfWork(StorageError):
    """A unit of work belongs to the asyncio task that opened it, until its block ends."""
