"""The writes by which there is one task of a dedup key under way."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from vespera.domain.errors import DuplicateRow, StaleTask
from vespera.domain.event import EventType
from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.statements import Entry, Rows, Write
from vespera.infrastructure.persistence.values import from_micros, to_json, to_micros_if_any

_MICROSECOND = timedelta(microseconds=1)


def alone(task: Task) -> Write:
    """Refuse the new ``task`` if another one is under way, and not one that it depends on."""
    values = {"key": task.dedup_key, "kind": task.specialist_type, "task": task.id}
    return Write(sql.IS_ALONE, values, partial(_not_alone, task))


def debounced(ledger: Ledger, waiting: TaskId, newest: Task, within: timedelta | None) -> Write:
    """A task that has not begun takes over what ``newest`` says."""
    moment, now = to_micros_if_any(newest.run_after), to_micros_if_any(newest.updated_at)
    values = {
        "task": waiting,
        "new_title": newest.title,
        "new_description": newest.description,
        "new_payload": newest.payload,
        "new_priority": newest.priority,
        "moment": moment,
        "within": None if within is None else within // _MICROSECOND,
        "now": now,
    }

    def told(rows: Rows) -> Sequence[Entry]:
        ((run_after,),) = rows
        said = to_json({"run_after": from_micros(run_after).isoformat()}, what="event")
        return ledger.told(EventType.DEBOUNCED, waiting, now or 0, 0, said)

    return Write(sql.DEBOUNCE, values, partial(_has_begun, waiting), told)


def _not_alone(task: Task) -> DuplicateRow:
    return DuplicateRow(
        f"A {task.specialist_type!r} task with the dedup_key {task.dedup_key!r} is under way."
    )


def _has_begun(waiting: TaskId) -> StaleTask:
    return StaleTask(f"Task {waiting!r} has begun in the meantime, or is gone.")
