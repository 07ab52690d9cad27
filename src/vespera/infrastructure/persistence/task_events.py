"""What the changes of tasks and steps tell, and how they are counted."""

from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as quoted

from vespera.domain.event import EventType, event_of
from vespera.domain.step import Fence, StepRecord
from vespera.domain.task import FINISHED, Task, TaskStatus
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.ledger import Ledger
from vespera.infrastructure.persistence.statements import Entry, Rows, Tally, Told
from vespera.infrastructure.persistence.values import from_failure, to_json, to_micros

CANCELLED = TaskStatus.CANCELLED.value
_ID, _ATTEMPT, _AT = (sql.TASK_COLUMNS.index(name) for name in ("id", "attempt", "updated_at"))


def begun(ledger: Ledger, task: Task) -> Sequence[Entry]:
    """A new task, and where it stands if it is not pending."""
    told = ledger.told(EventType.CREATED, task.id, to_micros(task.created_at), 0)
    return told if task.status is TaskStatus.PENDING else (*told, *changed(ledger, task))


def changed(ledger: Ledger, task: Task) -> Sequence[Entry]:
    """One transition of a task."""
    kind = event_of(task)
    if kind not in ledger.kept:
        return ()
    data: dict[str, object] = {}
    if task.error is not None and kind not in _NOT_BY_ERROR:
        data["error"] = str(task.error)
    if kind is EventType.RETRY_PLANNED and task.run_after is not None:
        data["run_after"] = task.run_after.isoformat()
    return ledger.told(kind, task.id, to_micros(task.updated_at), task.attempt, _data(data))


def claimed(ledger: Ledger) -> Told:
    """The claims of whole rows that a statement gives."""
    if EventType.CLAIMED not in ledger.kept:
        return ()

    def told(rows: Rows) -> Sequence[Entry]:
        return [
            entry
            for row in rows
            for entry in ledger.told(EventType.CLAIMED, row[_ID], row[_AT], row[_ATTEMPT])
        ]

    return told


def retried(ledger: Ledger, task: Task, reason: str, moment: int) -> Sequence[Entry]:
    """A task that is to run again after its end."""
    data = _data({"reason": reason} if reason else {})
    return ledger.told(EventType.RETRIED, task.id, moment, task.attempt, data)


def taken_back(ledger: Ledger, moment: int) -> Told:
    """Tasks, given as id and attempt, whose worker died or fell silent."""

    def told(rows: Rows) -> Sequence[Entry]:
        return [
            entry
            for task_id, attempt in rows
            for entry in ledger.told(EventType.TAKEN_BACK, task_id, moment, attempt)
        ]

    return told


def cancelled(ledger: Ledger) -> Told:
    """Tasks that a statement has cancelled, given as id, attempt, moment, error and type."""

    def told(rows: Rows) -> Sequence[Entry]:
        entries: list[Entry] = []
        for task_id, attempt, at, error, _ in rows:
            data = _data({"error": str(from_failure(error))})
            entries += ledger.told(EventType.CANCELLED, task_id, at, attempt, data)
        return entries

    return told


def tallies_of_cancelled(rows: Rows) -> Sequence[Tally]:
    """How these tasks count."""
    return [Tally(specialist_type, CANCELLED) for *_, specialist_type in rows]


def recorded(ledger: Ledger, step: StepRecord, attempt: int) -> Sequence[Entry]:
    """A step that has a result, or failed."""
    kind = EventType.STEP_FAILED if step.failed else EventType.STEP_RECORDED
    if kind not in ledger.kept:
        return ()
    data = f'{{"step":{quoted(step.name)},"occurrence":{step.occurrence}}}'
    return ledger.told(kind, step.task_id, to_micros(step.recorded_at), attempt, data)


def suspended(ledger: Ledger, fence: Fence, moment: int) -> Sequence[Entry]:
    """A task that begins to wait."""
    return ledger.told(EventType.WAITING, fence.task_id, moment, fence.attempt)


def tally_of(task: Task) -> Tally | None:
    """How a stored change counts: only finished tasks are counted."""
    if task.status in FINISHED:
        return Tally(task.specialist_type, task.status.value)
    return None


def _data(data: dict[str, object]) -> str:
    return to_json(data, what="event") if data else ""


_NOT_BY_ERROR = frozenset({EventType.RELEASED, EventType.CLAIMED, EventType.EXECUTED})
