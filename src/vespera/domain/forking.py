"""A new task that begins in the middle of what another one has done."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.request import filled_text_of
from vespera.domain.retry import whole_number_of
from vespera.domain.revival import revived
from vespera.domain.step import RESULT_PREFIX, SPAWN_PREFIX, StepKey, StepRecord
from vespera.domain.task import Task

LARGEST_OCCURRENCE = 2**63 - 1
MOST_NAMED = 20
INSTANT = timedelta(microseconds=1)


def parse_point(value: object) -> StepKey | None:
    """The step from which a fork runs on, as given by a caller: a name, or a name and which
    occurrence of it.

    Raises:
        InvalidRequest: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, tuple | list) and len(value) == 2:  # noqa: PLR2004 -- a pair
        name, occurrence = value
        field = "from_step[1]"
        which = whole_number_of(occurrence, field, least=1, most=LARGEST_OCCURRENCE)
        return filled_text_of(name, "from_step[0]"), which
    return filled_text_of(value, "from_step"), 1


def fork_of(task: Task, task_id: TaskId, payload: bytes, now: datetime) -> Task:
    """A task with the request of another one. It has no parent, and no idempotency key."""
    return Task(
        id=task_id,
        title=task.title,
        description=task.description,
        specialist_type=task.specialist_type,
        payload=payload,
        created_at=now,
        updated_at=now,
        completion=task.completion,
        priority=task.priority,
        timeout=task.timeout,
        retry=task.retry,
        concurrency_key=task.concurrency_key,
        on_failed_dependency=task.on_failed_dependency,
        forked_from=task.id,
    )


def copied(
    task: Task, records: Sequence[StepRecord], point: StepKey | None, fork: Task, *, undone: bytes
) -> list[StepRecord]:
    """The records of the fork: of the steps that were recorded before the point.

    A failure that the last attempt has met is met by the fork as well, so that it goes the same
    way; earlier ones, and what was undone since, run anew. Waits that had not ended begin anew.
    A child whose end the task had not heard of before the point is not copied.

    Args:
        task: the one that is forked.
        records: all of it, in the order of ``seq``.
        point: from where the fork runs on; None: from the beginning.
        fork: the new task; what it is given was recorded before its creation.
        undone: the stored form of the error of a step that was undone.

    Raises:
        InvalidRequest: there is no such step; the error lists those that are recorded.
    """
    if point is None:
        return []
    plan = revived(task, records, (), refused=(), undone=undone)
    steps = [record for record in records if _key(record) not in plan.forgotten]
    end = _seq_of(point, steps)
    before = [record for record in steps if record.seq < end and not record.open]
    own = children_to_come(before)
    taken_back = {_key(record): record for record in plan.undone}
    newest = max(record.epoch for record in records)
    return [
        _copy(taken_back.get(_key(record), record), fork, newest, undone=_key(record) in taken_back)
        for record in before
        if record.name not in own
    ]


def _copy(record: StepRecord, fork: Task, newest: int, *, undone: bool) -> StepRecord:
    return replace(
        record,
        task_id=fork.id,
        epoch=record.epoch - newest - int(undone),
        recorded_at=min(record.recorded_at, fork.created_at - INSTANT),
    )


def _seq_of(point: StepKey, records: Sequence[StepRecord]) -> int:
    for record in records:
        if _key(record) == point:
            return record.seq
    named = [_told(record) for record in records[:MOST_NAMED]]
    more = [f"and {len(records) - MOST_NAMED} more"] if len(records) > MOST_NAMED else []
    known = f"recorded are {', '.join(named + more)}" if named else "none is recorded"
    name, occurrence = point
    which = f" (occurrence {occurrence})" if occurrence > 1 else ""
    raise InvalidRequest(f"no step {name!r}{which} is recorded; {known}", field="from_step")


def _told(record: StepRecord) -> str:
    return repr(record.name) if record.occurrence == 1 else repr(_key(record))


def children_to_come(records: Sequence[StepRecord]) -> Collection[str]:
    """What is recorded of children whose end the task has not heard of: a fork, or a copy, spawns
    them for itself, as news of those of the other task would never reach it.
    """
    heard_of = [record for record in records if not record.open]
    spawned = _counted(heard_of, SPAWN_PREFIX)
    heard = _counted(heard_of, RESULT_PREFIX)
    missing = [name for name, number in spawned.items() if heard[name] < number]
    return {f"{prefix}{name}" for name in missing for prefix in (SPAWN_PREFIX, RESULT_PREFIX)}


def _counted(records: Sequence[StepRecord], prefix: str) -> Counter[str]:
    return Counter(
        record.name.removeprefix(prefix) for record in records if record.name.startswith(prefix)
    )


def _key(record: StepRecord) -> StepKey:
    return record.name, record.occurrence
