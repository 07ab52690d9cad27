"""A task, what is asked for, what came of it, and which way it may go.

    pending -> running -> executed -> completed
       ^  |     ^ | |-> failed | cancelled
       |  |_____|_|  retry
       |        |-> waiting -> pending    for a moment, a signal, or other tasks
       |-> assigned -> completed          handed to an outside worker

Every change returns a new ``Task``; the allowed ways are the table ``ALLOWED``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from vespera.domain.errors import IllegalTransition
from vespera.domain.ids import OwnerId, ReportId, TaskId
from vespera.domain.quick import quick
from vespera.domain.retry import NEVER, RetryPolicy


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    EXECUTED = "executed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ASSIGNED = "assigned"


class Completion(StrEnum):
    """Who signs a task off: the engine once the work is done, or somebody by ``complete_task``."""

    AUTO = "auto"
    MANUAL = "manual"


class ParentEnd(StrEnum):
    """What becomes of a task that is not finished when its parent ends."""

    LEAVE = "leave"
    CANCEL = "cancel"


class OnFailedDependency(StrEnum):
    """What becomes of a task when one that it waits for fails or is cancelled."""

    BLOCK = "block"
    CANCEL = "cancel"
    RUN = "run"


S = TaskStatus
ALLOWED: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    S.PENDING: frozenset({S.RUNNING, S.ASSIGNED, S.CANCELLED}),
    S.RUNNING: frozenset({S.PENDING, S.ASSIGNED, S.EXECUTED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.WAITING: frozenset({S.PENDING, S.RUNNING, S.CANCELLED}),
    S.EXECUTED: frozenset({S.COMPLETED, S.CANCELLED}),
    S.ASSIGNED: frozenset({S.RUNNING, S.COMPLETED, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELLED: frozenset(),
}
FINISHED = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED})
ENDED_BADLY = frozenset({S.FAILED, S.CANCELLED})
GOING_ON = frozenset({S.PENDING, S.RUNNING, S.WAITING})
"""Where a task stands that goes on by itself, in its time."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stored moments are microseconds since then."""

SUSPICIOUS = 2
"""After so many crashes in a row a task is run alone: it may be what kills its worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """What a specialist hands back, or what an outside worker says when signing a task off.

    ``artifacts`` are references for people, not claims; a file is claimed by tracking it.
    ``result`` is any storable value. Texts have at most 10,000 characters.
    """

    summary: str = ""
    artifacts: Sequence[str] = ()
    next_action: str = ""
    result: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """Why a task did not complete: the error's class name and bases, its message, its traceback."""

    error_types: tuple[str, ...]
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (*self.error_types[:1], self.message) if part)


@quick
@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What a caller asks for. See ``parse_request`` for the plain mapping form.

    ``payload`` is any storable mapping. ``timeout`` is in seconds (at most ten years), for one
    attempt. ``priority``: higher runs first. ``run_after``: not before this moment, which has a
    time zone and is kept in UTC. ``task_id`` may be chosen by the caller. The same
    ``idempotency_key`` gives the same task, never a second one. ``on_parent_end``: by
    ``"cancel"`` the task is called off when its parent ends before it. Tasks with the same
    ``concurrency_key`` (a customer, say) share the limits by key of their type; see ``Limits``.
    While a task of the type with the same ``dedup_key`` is not finished, that one is given. With
    ``debounce`` (in seconds; needs a dedup key) one that has not begun takes over what is new, and
    begins so long after the last request, at the latest ``debounce_at_most`` after the first.
    ``on_failed_dependency``: when a task of ``depends_on`` fails or is cancelled, this one waits
    for ever ("block"), is cancelled too ("cancel"), or does not wait for it any more ("run").
    """

    title: str
    description: str = ""
    specialist_type: str = "generic"
    payload: Mapping[str, object] = field(default_factory=dict)
    depends_on: Sequence[str] = ()
    parent_id: str | None = None
    on_parent_end: ParentEnd = ParentEnd.LEAVE
    priority: int = 0
    timeout: float | None = None
    retry: RetryPolicy = NEVER
    idempotency_key: str | None = None
    run_after: datetime | None = None
    task_id: str | None = None
    completion: Completion = Completion.MANUAL
    concurrency_key: str | None = None
    on_failed_dependency: OnFailedDependency = OnFailedDependency.BLOCK
    dedup_key: str | None = None
    debounce: float | None = None
    debounce_at_most: float | None = None


@quick
@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as it is stored.

    ``payload`` and ``outcome`` are encoded values. ``version`` changes with every change of the
    task, ``attempt`` with every claim (it is the fence), ``failures`` with every failed attempt
    (it is the retry budget and the steps' epoch; a crash is not a failure), ``crashes`` with every
    attempt whose worker died or fell silent, until a step is recorded. ``blockers`` counts the
    dependencies that are still to settle: to complete or, if the task runs all the same, to fail
    or be cancelled. ``error`` is the last failure or refusal. ``news`` counts what has come for the
    task: signals, and ends of its children. While the task is ``waiting``, ``run_after`` is when it
    goes on by itself. It has ``spawned`` children, or done something that is ``undoable``; it is to
    be called off if ``cancelling`` says why. The database sets ``paused_at``, and ``gated`` for a
    type that has limits or is paused. ``retries`` counts how often it was set pending again after
    its end; it was ``forked_from`` the task that it has its first steps from. ``handler_version``
    is that of the handler that has begun it.
    """

    id: TaskId
    title: str
    description: str
    specialist_type: str
    payload: bytes
    created_at: datetime
    updated_at: datetime
    status: TaskStatus = TaskStatus.PENDING
    completion: Completion = Completion.MANUAL
    parent_id: TaskId | None = None
    on_parent_end: ParentEnd = ParentEnd.LEAVE
    priority: int = 0
    timeout: float | None = None
    retry: RetryPolicy = NEVER
    idempotency_key: str | None = None
    request_digest: str = ""
    run_after: datetime | None = None
    version: int = 1
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    blockers: int = 0
    news: int = 0
    spawned: bool = False
    undoable: bool = False
    cancelling: str | None = None
    owner: OwnerId | None = None
    lease_until: datetime | None = None
    outcome: bytes | None = None
    error: TaskFailure | None = None
    report_id: ReportId | None = None
    concurrency_key: str | None = None
    paused_at: datetime | None = None
    gated: bool = False
    on_failed_dependency: OnFailedDependency = OnFailedDependency.BLOCK
    dedup_key: str | None = None

    @property
    def begun(self) -> bool:
        """Whether somebody has taken it, or ended it."""
        return self.status is not TaskStatus.PENDING or self.attempt > 0

    retries: int = 0
    forked_from: TaskId | None = None
    handler_version: str | None = None

    @property
    def paused(self) -> bool:
        """Whether it is kept from going on; see ``paused_at``."""
        return self.paused_at is not None and not self.finished

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the task."""
        return self.status in FINISHED

    @property
    def refused(self) -> bool:
        """Whether the proof gate keeps it from the completion that it was to have by itself."""
        executed = self.status is TaskStatus.EXECUTED and self.completion is Completion.AUTO
        return executed and self.error is not None

    def claim(self, owner: OwnerId, lease_until: datetime, now: datetime) -> "Task":
        """Begin a new attempt, held by ``owner`` until ``lease_until``."""
        return self._to(
            TaskStatus.RUNNING,
            now,
            owner=owner,
            lease_until=lease_until,
            attempt=self.attempt + 1,
            run_after=None,
        )

    def execute(self, outcome: bytes, now: datetime, refusal: TaskFailure | None = None) -> "Task":
        """The work is done; the sign-off is still to come, or was refused by the proof gate."""
        return self._to(TaskStatus.EXECUTED, now, outcome=outcome, error=refusal, **_LET_GO)

    def complete(self, outcome: bytes, report_id: ReportId | None, now: datetime) -> "Task":
        """Signed off: what the task says of files has been proven."""
        return self._to(
            TaskStatus.COMPLETED, now, outcome=outcome, report_id=report_id, error=None, **_LET_GO
        )

    def fail(self, error: TaskFailure, now: datetime) -> "Task":
        """The last attempt failed."""
        return self._to(TaskStatus.FAILED, now, error=error, failures=self.failures + 1, **_LET_GO)

    def try_again(self, error: TaskFailure, run_after: datetime, now: datetime) -> "Task":
        """An attempt failed; another one follows at ``run_after``."""
        return self._to(
            TaskStatus.PENDING,
            now,
            error=error,
            failures=self.failures + 1,
            run_after=run_after,
            **_LET_GO,
        )

    def release(self, now: datetime) -> "Task":
        """The worker stops before the work is done; another attempt goes on. Not a failure."""
        return self._to(TaskStatus.PENDING, now, **_LET_GO)

    def assign(self, now: datetime) -> "Task":
        """Hand the task to an outside worker (a person, an MCP client)."""
        return self._to(TaskStatus.ASSIGNED, now, **_LET_GO)

    def cancel(self, error: TaskFailure, now: datetime) -> "Task":
        """Somebody called it off."""
        return self._to(TaskStatus.CANCELLED, now, error=error, **_LET_GO)

    def refuse(self, refusal: TaskFailure, now: datetime) -> "Task":
        """Remember why the sign-off was refused; the status stays."""
        return self._with(error=refusal, updated_at=now)

    def _to(self, status: TaskStatus, now: datetime, **changes: object) -> "Task":
        if status not in ALLOWED[self.status]:
            raise IllegalTransition(self.id, self.status, status)
        return self._with(status=status, updated_at=now, **changes)

    def _with(self, **changes: object) -> "Task":
        """The next version; ``dataclasses.replace`` would set two dozen fields one by one."""
        changed = object.__new__(Task)
        vars(changed).update(vars(self), version=self.version + 1, **changes)
        return changed


_LET_GO: Mapping[str, None] = {"owner": None, "lease_until": None}
