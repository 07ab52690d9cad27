"""Tasks and their dependencies, in SQL."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from operator import itemgetter

from vespera.domain.dedup import DedupKey, dedup_key_of
from vespera.domain.errors import GatedType, StaleTask, TaskNotFound, TaskOver
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.revival import called_off_with
from vespera.domain.search import TaskSearch
from vespera.domain.task import (
    ENDED_BADLY,
    Completion,
    OnFailedDependency,
    ParentEnd,
    Task,
    TaskStatus,
)
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_notes import of_completion
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.debouncing import alone, debounced
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.searching import (
    COUNT_FEW_PENDING,
    FEW,
    PENDING_ONLY,
    query_of,
)
from vespera.infrastructure.persistence.spilling import TASKS
from vespera.infrastructure.persistence.statements import (
    Row,
    Statement,
    Told,
    Values,
    Write,
    in_chunks,
)
from vespera.infrastructure.persistence.task_events import (
    begun,
    cancelled,
    changed,
    tallies_of_cancelled,
    tally_of,
)
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import (
    from_failure,
    from_micros,
    from_micros_if_any,
    from_retry,
    storable_texts,
    to_failure,
    to_micros,
    to_micros_if_any,
    to_retry,
)


class SqlTaskRepository:
    """Tasks in the tables ``tasks`` and ``task_dependencies``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, task: Task, depends_on: Sequence[TaskId] = ()) -> None:
        """Store a new task; what it depends on must be stored before, or earlier in the unit.

        Raises:
            DuplicateRow: the id or the idempotency key exists already, or a task of this type and
                dedup key is under way on which it does not depend.
            TaskNotFound: a dependency, or the parent, does not exist.
            GatedType: the task is running, but its type is limited or paused.
        """
        await store(self._database, adding(self._database.ledger, task, depends_on))

    async def save(self, task: Task) -> None:
        """Store what one transition changed, in place of the version before it.

        What is given at creation stays as it is; the database counts ``blockers`` and ``crashes``.
        The end of a task is news for its parent; its own children are called off that are to be.
        With a task that has failed or is cancelled, those that wait for it are cancelled or freed,
        as they have asked for.

        Raises:
            StaleTask: the stored version is not the one before ``task.version``.
        """
        values = (*_changed(task), task.id, task.version - 1)
        told = changed(self._database.ledger, task)
        change = Write(sql.UPDATE_TASK, values, partial(_stale, task), told, tally_of(task))
        await store(self._database, [change, *_for_kin(self._database.ledger, task)])

    async def complete(self, task: Task, *, operations: int) -> None:
        """``save`` a completed task and release those that waited for it.

        Raises:
            StaleTask: the stored version is not the one before ``task.version``, or the number of
                its file operations is not ``operations``.
        """
        statement, values = _completing(task)
        values = (*values, task.id, task.version - 1, operations, task.id)
        told = changed(self._database.ledger, task)
        noted = of_completion(self._database.ledger, task)
        stale, tally = partial(_stale, task), tally_of(task)
        change = Write(statement, values, stale, told, tally, noted)
        released = Write(sql.RELEASE_DEPENDENTS, (task.id,))
        await store(self._database, [change, released, *_for_kin(self._database.ledger, task)])

    async def get(self, task_id: TaskId) -> Task:
        """The task.

        Raises:
            TaskNotFound: there is none.
        """
        found = await self.find([task_id])
        if task_id not in found:
            raise TaskNotFound(task_id)
        return found[task_id]

    async def find(self, task_ids: Collection[TaskId]) -> Mapping[TaskId, Task]:
        """Those of the tasks that exist."""
        return {task.id: task for task in await self._many(sql.TASKS_BY_ID, task_ids)}

    async def called_off(self, holder: OwnerId | None) -> Sequence[Task]:
        """Unfinished tasks that are to be cancelled, and are held by ``holder`` or nobody."""
        rows = await self._database.read(sql.CALLED_OFF.sql, (holder,), TASKS)
        return [task_from_row(row) for row in rows]

    async def call_off(self, task_id: TaskId, reason: str) -> None:
        """Let whoever holds the task, or else who finds it, cancel it and undo what it has done.

        Raises:
            TaskOver: the task is finished, or there is none.
        """
        over = partial(TaskOver, f"Task {task_id!r} is finished, or there is none.")
        await store(self._database, [Write(sql.CALL_OFF, (reason, task_id), over)])

    async def find_by_keys(self, keys: Collection[str]) -> Mapping[str, Task]:
        """Tasks by idempotency key."""
        found = await self._many(sql.TASKS_BY_KEY, keys)
        return {task.idempotency_key: task for task in found if task.idempotency_key is not None}

    async def under_way(self, keys: Collection[DedupKey]) -> Mapping[DedupKey, Task]:
        """Unfinished tasks by dedup key; of two the one that has not begun."""
        found = await self._many(sql.TASKS_BY_DEDUP_KEY, sorted({key for _, key in keys}))
        by_key = {dedup_key_of(t): t for t in sorted(found, key=lambda t: (not t.begun, t.id))}
        return {key: task for key, task in by_key.items() if key in keys and key is not None}

    async def debounce(self, waiting: TaskId, newest: Task, *, within: timedelta | None) -> None:
        """Let a task that has not begun take over what ``newest`` says.

        Raises:
            StaleTask: it has begun, or there is none.
        """
        write = debounced(self._database.ledger, waiting, newest, within)
        await store(self._database, [write])

    async def page(
        self,
        *,
        status: TaskStatus | None = None,
        specialist_type: str | None = None,
        after: TaskId | None = None,
        limit: int = 100,
    ) -> Sequence[Task]:
        """Tasks in the order of their ids, beginning behind ``after``."""
        values = (after or "", status, status, specialist_type, specialist_type, max(limit, 0))
        rows = await self._database.read(sql.PAGE_OF_TASKS.sql, values, TASKS)
        return [task_from_row(row) for row in rows]

    async def count_by_status(self) -> Mapping[TaskStatus, int]:
        """How many tasks stand where; a status without tasks is left out."""
        counts: Counter[TaskStatus] = Counter()
        for by_status in (await self.count_by_type()).values():
            counts.update(by_status)
        return counts

    async def count_by_type(self) -> Mapping[str, Mapping[TaskStatus, int]]:
        """As ``count_by_status``, for each type by itself."""
        counts: dict[str, Counter[TaskStatus]] = {}
        for specialist_type, status, total in await self._database.read(sql.COUNT_BY_TYPE.sql):
            counts.setdefault(specialist_type, Counter())[TaskStatus(status)] += total
        return counts

    async def search(self, search: TaskSearch) -> Sequence[Task]:
        """Tasks that are as ``search`` says, in its order, and no more than its ``limit``."""
        few_pending = False
        if search.statuses == PENDING_ONLY:
            ((pending,),) = await self._database.read(COUNT_FEW_PENDING, (FEW + 1,))
            few_pending = pending <= FEW
        rows = await self._database.read(*query_of(search, few_pending=few_pending), TASKS)
        return [task_from_row(row) for row in rows]

    async def dependencies_of(self, task_id: TaskId) -> Sequence[Task]:
        """The tasks that this one waits or waited for, in the order they were given."""
        rows = await self._database.read(sql.DEPENDENCIES_OF_TASK.sql, (task_id,), TASKS)
        return [task_from_row(row) for row in rows]

    async def dead_ends_of(self, task_id: TaskId) -> Sequence[Task]:
        """Failed, cancelled or refused tasks that this one waits for, also through others."""
        rows = await self._database.read(sql.DEAD_ENDS_OF_TASK.sql, (task_id,), TASKS)
        return [task_from_row(row) for row in rows]

    async def _many(self, statement: Statement, keys: Collection[str]) -> Sequence[Task]:
        found = []
        for text, chunk in in_chunks(statement, storable_texts(keys)):
            rows = await self._database.read(text, chunk, TASKS)
            found += [task_from_row(row) for row in rows]
        return found


def adding(ledger: Ledger, task: Task, depends_on: Sequence[TaskId]) -> list[Write]:
    """The writes that store a new task."""
    writes = inserting(task, dict.fromkeys(depends_on, False), begun(ledger, task))
    if depends_on and task.on_failed_dependency is OnFailedDependency.CANCEL:
        writes.append(_cancelling(ledger, sql.CANCEL_IF_DOOMED, {"task": task.id}))
    return writes


def inserting(task: Task, depends_on: Mapping[TaskId, bool], told: Told) -> list[Write]:
    """The writes of the rows of a new task, whatever it waits for has come to; of what it depends
    on, it may have been freed.
    """
    writes = []
    if task.parent_id is not None:
        writes.append(_must_exist(task.parent_id))
    writes.append(_inserted(task, told))
    for position, (dependency, freed) in enumerate(depends_on.items()):
        writes.append(_must_exist(dependency))
        writes.append(Write(sql.INSERT_DEPENDENCY, (task.id, dependency, position, freed)))
    if depends_on:
        writes.append(Write(sql.COUNT_BLOCKERS, (task.id, task.id)))
    if task.dedup_key is not None and not task.finished:
        writes.append(alone(task))
    return writes


def _for_kin(ledger: Ledger, task: Task) -> list[Write]:
    """What its parent and its children hear of the end of a task, and those that wait for it."""
    if not task.finished:
        return []
    parents = [task.parent_id] if task.parent_id is not None else []
    writes = [Write(sql.NEWS_FOR_PARENT, (parent,)) for parent in parents]
    if task.status in ENDED_BADLY:
        writes.append(Write(sql.FREE_DEPENDENTS, {"failed": task.id}))
        writes.append(Write(sql.NEWS_OF_DOOMED, {"failed": task.id}))
        values = {"failed": task.id, "now": to_micros(task.updated_at)}
        writes.append(_cancelling(ledger, sql.CANCEL_DEPENDENTS, values))
    if task.spawned:
        reason = called_off_with(task.id, task.status)
        writes.append(Write(sql.CALL_CHILDREN_OFF, (reason, task.id)))
    return writes


def task_from_row(row: Row) -> Task:
    """The task that a whole row of ``tasks`` holds."""
    values = dict(zip(sql.TASK_COLUMNS, row, strict=True))
    values["status"] = TaskStatus(values["status"])
    values["completion"] = Completion(values["completion"])
    values["on_parent_end"] = ParentEnd(values["on_parent_end"])
    values["spawned"], values["undoable"] = bool(values["spawned"]), bool(values["undoable"])
    values["retry"] = from_retry(values["retry"])
    values["error"] = from_failure(values["error"])
    values["created_at"] = from_micros(values["created_at"])
    values["updated_at"] = from_micros(values["updated_at"])
    values["lease_until"] = from_micros_if_any(values["lease_until"])
    values["run_after"] = from_micros_if_any(values["run_after"])
    values["paused_at"] = from_micros_if_any(values["paused_at"])
    values["on_failed_dependency"] = OnFailedDependency(values["on_failed_dependency"])
    values["gated"] = bool(values.pop("gate"))
    return Task(**values)


def _to_row(task: Task) -> Row:
    """A whole row, in the order of the columns."""
    return (
        task.id,
        task.status.value,
        task.priority,
        task.blockers,
        task.version,
        task.attempt,
        task.failures,
        task.crashes,
        task.owner,
        to_micros_if_any(task.lease_until),
        to_micros_if_any(task.run_after),
        to_micros(task.created_at),
        to_micros(task.updated_at),
        task.completion.value,
        task.specialist_type,
        task.parent_id,
        task.timeout,
        task.idempotency_key,
        task.request_digest,
        task.report_id,
        to_retry(task.retry),
        task.news,
        task.spawned,
        task.undoable,
        task.on_parent_end.value,
        task.cancelling,
        task.concurrency_key,
        to_micros_if_any(task.paused_at),
        task.specialist_type,  # its gate is asked of its type
        task.on_failed_dependency.value,
        task.dedup_key,
        task.retries,
        task.forked_from,
        task.handler_version,
        task.title,
        task.description,
        to_failure(task.error),
        task.payload,
        task.outcome,
    )


def _changed(task: Task) -> Row:
    """What a transition may change, in the order of ``_CHANGES``."""
    return (
        task.status.value,
        task.attempt,
        task.failures,
        task.owner,
        to_micros_if_any(task.lease_until),
        to_micros_if_any(task.run_after),
        to_micros(task.updated_at),
        task.report_id,
        to_failure(task.error),
        task.outcome,
    )


def _completing(task: Task) -> tuple[Statement, Row]:
    let_go = (task.owner, task.lease_until, task.run_after, task.report_id, task.error)
    if let_go != _NOTHING_LEFT:
        return sql.COMPLETE_TASK, _changed(task)
    at = to_micros(task.updated_at)
    row = (task.status.value, task.attempt, task.failures, at, task.outcome)
    return sql.COMPLETE_BARE_TASK, row


def _inserted(task: Task, told: Told) -> Write:
    row, tally, running = _to_row(task), tally_of(task), task.status is TaskStatus.RUNNING
    refusal = GatedType if running else None
    if _said_seldom(row) == _NOTHING:
        bare = sql.INSERT_BARE_RUNNING_TASK if running else sql.INSERT_BARE_TASK
        return Write(bare, _bare(row), refusal, told, tally)
    whole = sql.INSERT_RUNNING_TASK if running else sql.INSERT_TASK
    return Write(whole, row, refusal, told, tally)


_SELDOM = (*sql.SELDOM_GIVEN, *sql.COUNTED_FROM_ZERO)
_NOTHING = (*(None for _ in sql.SELDOM_GIVEN), *(0 for _ in sql.COUNTED_FROM_ZERO))
_BARE = [name for name in sql.TASK_COLUMNS if name not in {*_SELDOM, "gate"}]
_said_seldom, _bare = (
    itemgetter(*map(sql.TASK_COLUMNS.index, names)) for names in (_SELDOM, [*_BARE, "gate"])
)
_NOTHING_LEFT = (None,) * 5


def _cancelling(ledger: Ledger, statement: Statement, values: Values) -> Write:
    """A write that may cancel any number of tasks."""
    return Write(statement, values, None, cancelled(ledger), tallies_of_cancelled)


def _must_exist(task_id: TaskId) -> Write:
    return Write(sql.TASK_EXISTS, (task_id,), partial(TaskNotFound, task_id))


def _stale(task: Task) -> StaleTask:
    return StaleTask(
        f"Task {task.id!r} is not as it was read (version {task.version - 1}): in the meantime"
        " somebody else changed it, or recorded a file operation of it; read it again."
    )
