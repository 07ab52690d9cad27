"""Tasks that are looked for: the one query whose text depends on what is asked.

Statuses are written into the text, as only then an index over some statuses can be used.
"""

from collections.abc import Iterator

from vespera.domain.search import TaskOrder, TaskSearch
from vespera.domain.task import TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.statements import Row
from vespera.infrastructure.persistence.values import to_micros

PENDING_ONLY = frozenset({TaskStatus.PENDING})
RUNNING_ONLY = frozenset({TaskStatus.RUNNING})
WAITING_ONLY = frozenset({TaskStatus.WAITING})
FEW = 1000
"""So many tasks are sorted rather than looked for among all others."""

_COLUMNS = ", ".join(sql.TASK_COLUMNS)
_ALL_PENDING = """SELECT id FROM tasks WHERE status = 'pending' AND blockers = 0
AND paused_at IS NULL AND run_after IS NULL AND crashes < 2 AND handler_version IS NULL
UNION ALL SELECT id FROM tasks WHERE status = 'pending' AND blockers = 0
AND paused_at IS NULL AND run_after IS NULL AND crashes < 2 AND handler_version IS NOT NULL
UNION ALL SELECT id FROM tasks WHERE status = 'pending'
AND (blockers > 0 OR paused_at IS NOT NULL OR run_after IS NOT NULL OR crashes >= 2)"""
COUNT_FEW_PENDING = f"SELECT count(*) FROM ({_ALL_PENDING} LIMIT ?)"  # noqa: S608 -- no value is in it
_PENDING = f"id IN ({_ALL_PENDING})"
_RUNNING = "id IN (SELECT id FROM tasks WHERE owner IS NOT NULL AND status = 'running')"
_WAITING = """id IN (SELECT id FROM tasks WHERE owner IS NOT NULL AND status = 'waiting'
UNION ALL SELECT id FROM tasks WHERE status = 'waiting' AND owner IS NULL)"""
_OF_FEW = frozenset(
    {TaskStatus.ASSIGNED, TaskStatus.EXECUTED, TaskStatus.FAILED, TaskStatus.CANCELLED}
)
_SET_ASIDE = """(status = 'assigned' OR status = 'executed' OR status = 'failed'
OR status = 'cancelled')"""  # as its index says
_FAILED_WITH = """error IS NOT NULL
AND EXISTS (SELECT 1 FROM json_each(tasks.error, '$[0]') WHERE value = ?)"""
_TITLE = "title LIKE ? ESCAPE '!'"

Condition = tuple[str, Row]


def query_of(search: TaskSearch, *, few_pending: bool) -> tuple[str, Row]:
    """The text and the values. ``few_pending``: so few that their index is worth a sort."""
    conditions = [*_equal(search), *_moments(search), *_texts(search), *_place(search)]
    conditions += _statuses(search, few_pending=few_pending)
    where = " AND ".join(text for text, _ in conditions) or "1 = 1"
    way = "DESC" if search.order is TaskOrder.NEWEST else "ASC"
    text = (
        f"SELECT {_COLUMNS} FROM tasks WHERE {where}"  # noqa: S608 -- no text of a caller is in it
        f" ORDER BY created_at {way}, id {way} LIMIT ?"
    )
    return text, (*(value for _, values in conditions for value in values), search.limit)


def _statuses(search: TaskSearch, *, few_pending: bool) -> Iterator[Condition]:
    if search.statuses is None:
        return
    if search.statuses == PENDING_ONLY and few_pending:
        yield _PENDING, ()
        return
    if search.statuses == RUNNING_ONLY:
        yield _RUNNING, ()
        return
    if search.statuses == WAITING_ONLY:
        yield _WAITING, ()
        return
    if search.statuses <= _OF_FEW:
        yield _SET_ASIDE, ()
    listed = ", ".join(f"'{status.value}'" for status in sorted(search.statuses))
    one = len(search.statuses) == 1
    yield (f"status = {listed}" if one else f"status IN ({listed})"), ()


def _equal(search: TaskSearch) -> Iterator[Condition]:
    if search.specialist_type is not None:
        yield "specialist_type = ?", (search.specialist_type,)
    if search.parent_id is not None:
        yield "parent_id = ?", (search.parent_id,)


def _moments(search: TaskSearch) -> Iterator[Condition]:
    limits = (
        ("created_at > ?", search.created_after),
        ("created_at < ?", search.created_before),
        ("updated_at > ?", search.updated_after),
        ("updated_at < ?", search.updated_before),
    )
    for text, moment in limits:
        if moment is not None:
            yield text, (to_micros(moment),)


def _texts(search: TaskSearch) -> Iterator[Condition]:
    if search.title_contains is not None:
        plain = search.title_contains
        for special in "!%_":
            plain = plain.replace(special, f"!{special}")
        yield _TITLE, (f"%{plain}%",)
    if search.failed_with is not None:
        yield _FAILED_WITH, (search.failed_with,)


def _place(search: TaskSearch) -> Iterator[Condition]:
    if search.after is not None:
        created_at, task_id = search.after
        sign = "<" if search.order is TaskOrder.NEWEST else ">"
        yield f"(created_at, id) {sign} (?, ?)", (to_micros(created_at), task_id)
