"""What is kept: tasks, their steps, file operations and verification reports.

A repository's write is durable when its ``await`` returns, unless a unit of work is open in the
same asyncio task: then it is buffered, and all of the unit is durable, or nothing is, when the
unit's block ends. Reads see committed state only, never the open unit's own writes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from vespera.domain.dedup import DedupKey
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, OwnerId, ReportId, SignalId, TaskId
from vespera.domain.search import TaskSearch
from vespera.domain.signal import Signal
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Report


class UnitOfWork(Protocol):
    """``async with unit_of_work():`` all writes of the block become one transaction."""

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Open a unit. Leaving the block commits; an error in it drops all of its writes.

        Raises (when the block ends):
            StaleTask, LeaseLost, DuplicateRow: one of the writes met something newer.
            StorageError: the database could not do it. Nothing of the unit was written.
            asyncio.CancelledError: with ``outcome`` ("committed" | "rolled back" | "unknown") set
                on the exception where the commit had been sent.
        """
        ...


class TaskRepository(Protocol):
    """Tasks and their dependencies."""

    async def add(self, task: Task, depends_on: Sequence[TaskId] = ()) -> None:
        """Store a new task; its blockers are counted in the same transaction, and it is cancelled
        at once if it asks for that and a dependency has failed or is cancelled.

        Raises:
            DuplicateRow: the id or the idempotency key exists already, or a task of this type and
                dedup key is not finished on which it does not depend.
            TaskNotFound: a dependency does not exist.
            GatedType: the task is running, but its type is limited or paused; see ``Gates``.
        """
        ...

    async def save(self, task: Task) -> None:
        """Store a task that one transition has changed, in place of the version before it. The end
        of a task is news for its parent; its own children are called off that are to be. With one
        that has failed or is cancelled, those that wait for it are cancelled (also through others)
        or freed in the same transaction, as their ``on_failed_dependency`` says.

        Raises:
            StaleTask: the stored version is another.
        """
        ...

    async def complete(self, task: Task, *, operations: int) -> None:
        """``save`` a completed task, unless the number of its file operations is not
        ``operations`` any more; release the tasks that waited for it.

        Raises:
            StaleTask: the stored version or the number of operations is another.
        """
        ...

    async def get(self, task_id: TaskId) -> Task:
        """The task.

        Raises:
            TaskNotFound: there is none.
        """
        ...

    async def find(self, task_ids: Collection[TaskId]) -> Mapping[TaskId, Task]:
        """Those of the tasks that exist."""
        ...

    async def called_off(self, holder: OwnerId | None) -> Sequence[Task]:
        """Unfinished tasks that are to be cancelled, and are held by ``holder`` or nobody."""
        ...

    async def call_off(self, task_id: TaskId, reason: str) -> None:
        """Let whoever holds the task, or else who finds it, cancel it and undo what it has done.

        Raises:
            TaskOver: the task is finished, or there is none.
        """
        ...

    async def find_by_keys(self, keys: Collection[str]) -> Mapping[str, Task]:
        """Tasks by idempotency key."""
        ...

    async def under_way(self, keys: Collection[DedupKey]) -> Mapping[DedupKey, Task]:
        """Tasks that are not finished, by type and dedup key; of two the one that has not begun."""
        ...

    async def debounce(self, waiting: TaskId, newest: Task, *, within: timedelta | None) -> None:
        """Let a pending task that has not begun take over the title, description, payload,
        priority and moment of ``newest``; it is due at the latest ``within`` after its creation.

        Raises:
            StaleTask: it has begun, or there is none.
        """
        ...

    async def page(
        self,
        *,
        status: TaskStatus | None = None,
        specialist_type: str | None = None,
        after: TaskId | None = None,
        limit: int = 100,
    ) -> Sequence[Task]:
        """Tasks in the order of their ids, beginning behind ``after``."""
        ...

    async def count_by_status(self) -> Mapping[TaskStatus, int]:
        """How many tasks stand where."""
        ...

    async def count_by_type(self) -> Mapping[str, Mapping[TaskStatus, int]]:
        """As ``count_by_status``, for each specialist type by itself."""
        ...

    async def search(self, search: TaskSearch) -> Sequence[Task]:
        """Tasks that are as ``search`` says, in its order, and no more than its ``limit``."""
        ...

    async def dependencies_of(self, task_id: TaskId) -> Sequence[Task]:
        """The tasks that this one waits or waited for, in the order they were given."""
        ...

    async def dead_ends_of(self, task_id: TaskId) -> Sequence[Task]:
        """Failed, cancelled or refused tasks that this one waits for, also through others."""
        ...


class TaskQueue(Protocol):
    """Who works on what. Each call is one transaction of its own, also inside a unit of work.

    No claim takes a paused task, or one whose type passes a gate; those are left to ``Gates``.
    """

    def heed(
        self,
        current: Callable[[str, str | None], str | None],
        takes: Callable[[str, str], bool],
    ) -> None:
        """Heed the versions of handlers, in all claims of this process, also those of ``Gates``.

        Args:
            current: the version of a type's handler that a task has from this claim on, given the
                one that it had, or None if it begins; None: the handler has none.
            takes: whether a task of this type goes on here that this version of its handler has
                begun. Both are asked in any thread.
        """
        ...

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        """Begin an attempt of up to ``limit`` pending tasks that have no blockers, are due, and are
        not suspicious, highest priority first, then oldest first. Waiting tasks that nobody holds
        are pending from the moment they are due.
        """
        ...

    async def has_suspects(self, *, now: datetime) -> bool:
        """Whether a pending task without blockers is due that has crashed suspiciously often."""
        ...

    async def claim_suspect(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of the oldest of these tasks."""
        ...

    async def claim(
        self, task_id: TaskId, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """Begin an attempt of this pending, assigned or waiting task, due or not; None if it cannot
        be claimed: held by somebody, finished, executed, blocked, paused, or with a gate; see
        ``Gates``.
        """
        ...

    async def extend(
        self, attempts: Mapping[TaskId, int], *, owner: OwnerId, lease_until: datetime
    ) -> Collection[TaskId]:
        """Extend the leases of these tasks (id -> attempt); gives those still held."""
        ...

    async def owners(self) -> Collection[OwnerId]:
        """Who holds running or waiting tasks."""
        ...

    async def park(self, fence: Fence, *, news: int, now: datetime) -> bool:
        """Let go of a waiting task, which stays ``waiting``, unless there is other ``news`` for it
        than this, or it is to be cancelled: nobody would come to it. Whether that was done.
        """
        ...

    async def news(self, owner: OwnerId) -> Mapping[TaskId, int]:
        """The number of news for each task that ``owner`` holds."""
        ...

    async def take_back(
        self,
        *,
        now: datetime,
        dead: Collection[OwnerId],
        expired: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[TaskId]:
        """Make tasks whose lease has run out, or whose owner is dead, pending again, and count it
        as a crash of those that were running. A lease has run out if its end is not after
        ``expired``, by default ``now``.

        With a ``limit`` (more than 0), there may be more if it gives so many, or if more than that.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the next delayed pending task without blockers is due, or the next waiting task
        that nobody holds goes on by itself.
        """
        ...


class StepRepository(Protocol):
    """What is remembered of steps."""

    async def of_task(self, task_id: TaskId) -> Sequence[StepRecord]:
        """All records of the task, in the order of ``seq``."""
        ...

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        received: SignalId | None = None,
        child: Task | None = None,
        depends_on: Sequence[TaskId] = (),
        undoable: bool = False,
    ) -> bool:
        """Remember a step (in place of the failure of an earlier epoch, or of the open wait, if
        there is one). If ``lease_until`` is given, the lease is extended, the task is running (if
        it was waiting), and its ``crashes`` are set back. The signal ``received`` is not waited for
        again; the ``child`` is stored; an ``undoable`` task is marked as such. A transaction of its
        own, also inside a unit. Gives whether the task is to pause.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
            DuplicateRow, TaskNotFound: as for adding the child.
        """
        ...

    async def beat(self, beat: Heartbeat, fence: Fence, *, lease_until: datetime) -> None:
        """Keep a heartbeat in place of the step's one before, and extend the lease as ``record``
        does. A transaction of its own, also inside a unit.

        Raises:
            LeaseLost: the task is not held by this fence any more; nothing was written.
        """
        ...

    async def beats_of(self, task_id: TaskId) -> Sequence[Heartbeat]:
        """The last heartbeat of each step of the task that has beaten, by name and occurrence."""
        ...

    async def suspend(
        self, wait: StepRecord | None, fence: Fence, *, wake_at: datetime | None, now: datetime
    ) -> None:
        """The task is waiting, until ``wake_at`` if nothing comes before; remember the open
        ``wait``, if it is a new one. A transaction of its own, also inside a unit.

        Raises:
            LeaseLost: as for ``record``.
        """
        ...


class SignalRepository(Protocol):
    """What is sent to tasks."""

    async def send(self, signal: Signal) -> None:
        """Keep the signal for its task; a waiting task that nobody holds is pending again.

        Raises:
            DuplicateRow: the task has a signal of this id already.
            TaskOver: the task is finished, or there is none.
        """
        ...

    async def oldest(self, task_id: TaskId, name: str) -> Signal | None:
        """The first that was stored under this name, of those that the task has not received."""
        ...

    async def of_task(self, task_id: TaskId) -> Sequence[Signal]:
        """All that was sent to the task, in the order in which it was stored."""
        ...


class FileOperationRepository(Protocol):
    """What is said of files."""

    async def add(self, operation: FileOperation, fence: Fence | None = None) -> None:
        """Record an operation; with a fence, in a transaction of its own also inside a unit.

        Raises:
            LeaseLost: a fence was given and the task is not held by it any more.
            DuplicateRow: the id exists already.
        """
        ...

    async def save(self, operation: FileOperation, fence: Fence | None = None) -> None:
        """Replace a recorded operation (an intent that was carried out); as ``add``.

        Raises:
            LeaseLost: as for ``add``.
        """
        ...

    async def withdraw(self, operation: FileOperation, fence: Fence, *, now: datetime) -> None:
        """Take back what did not come to be, or does not hold any more since its task failed; in a
        transaction of its own, also inside a unit.

        Raises:
            LeaseLost: as for ``add``.
            OperationNotFound: it is not recorded.
        """
        ...

    async def get(self, operation_id: OperationId) -> FileOperation:
        """The operation.

        Raises:
            OperationNotFound: there is none.
        """
        ...

    async def find(
        self, operation_ids: Collection[OperationId]
    ) -> Mapping[OperationId, FileOperation]:
        """Those of the operations that exist."""
        ...

    async def of_task(self, task_id: TaskId) -> Sequence[FileOperation]:
        """The task's operations in the order of recording."""
        ...

    async def on_paths(self, paths: Collection[str]) -> Sequence[FileOperation]:
        """Everybody's operations on these paths in the order of recording."""
        ...

    async def all_paths(self) -> Sequence[str]:
        """Every path with a recorded operation, sorted; but no pattern of an allowance, and nothing
        that was refused.
        """
        ...

    async def allowances(self) -> Sequence[FileOperation]:
        """Everybody's operations of the kind ``scope``, in the order of recording."""
        ...

    async def refused(self) -> Sequence[FileOperation]:
        """Everybody's attempts to leave the workspace, in the order of recording."""
        ...


class ReportRepository(Protocol):
    """Verification reports; written once, never changed."""

    async def add(self, report: Report) -> None:
        """Store a report."""
        ...

    async def get(self, report_id: ReportId) -> Report | None:
        """The report, if there is one."""
        ...
