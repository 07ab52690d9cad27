"""Tasks that are to be created again and again: when, and what of the moments that were missed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.request import Given, filled_text_of, parse_request, template_of
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, number_of, whole_number_of
from vespera.domain.task import Completion, TaskRequest

LATE = timedelta(minutes=1)
"""A moment that nobody dealt with for so long was missed."""

SCHEDULED_AT = "scheduled_at"
"""The field of a task's payload that says which moment of its schedule it is for."""

_FIRST_LOOK_BACK = timedelta(hours=1)
_NOT_FOR_SCHEDULES = ("task_id", "idempotency_key", "run_after", "depends_on", "parent_id")

After = Callable[[datetime], Iterator[datetime]]
"""Gives a schedule's moments after a moment, in order."""


class CatchUp(StrEnum):
    """Which of the moments that were missed get a task: the last one, all of them, or none."""

    ONE = "one"
    ALL = "all"
    NONE = "none"


class Overlap(StrEnum):
    """What happens while the task of an earlier moment is not finished: another one, or none."""

    ALLOW = "allow"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTerms:
    """When tasks are to be created: by ``cron`` in ``time_zone``, or ``every`` so many seconds."""

    name: str
    cron: str | None = None
    every: float | None = None
    time_zone: str = "UTC"
    catch_up: CatchUp = CatchUp.ONE
    most_catch_up: int = 100
    overlap: Overlap = Overlap.ALLOW

    @property
    def rhythm(self) -> tuple[object, ...]:
        """What the moments depend on."""
        return self.cron, self.every, self.time_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSchedule(ScheduleTerms):
    """A schedule as it is stored.

    ``request`` is the encoded template of its tasks, whose ``title`` and ``specialist_type`` are
    repeated. ``next_due``: the next moment that gets a task; None: there is none any more.
    ``last_due``: the moment that last got a task, ``last_task_id``: the task last created.
    ``version`` changes with every change.
    """

    title: str
    specialist_type: str
    request: bytes
    next_due: datetime | None
    last_due: datetime | None = None
    last_task_id: TaskId | None = None
    paused: bool = False
    version: int = 1
    created_at: datetime
    updated_at: datetime

    def changed(self, now: datetime, **changes: object) -> "TaskSchedule":
        """The next version."""
        return replace(self, version=self.version + 1, updated_at=now, **changes)  # type: ignore[arg-type]


def parse_terms(values: Mapping[str, object]) -> ScheduleTerms:
    """Checked terms.

    Raises:
        InvalidRequest: a field is missing or wrong; the error names it.
    """
    cron, every = values.get("cron"), values.get("every")
    if (cron is None) == (every is None):
        raise InvalidRequest("give one of cron and every", field="cron")
    name = filled_text_of(values["name"], "name")
    return ScheduleTerms(
        name=name,
        cron=None if cron is None else " ".join(filled_text_of(cron, "cron").split()),
        every=None if every is None else _seconds(every),
        time_zone=filled_text_of(values["time_zone"], "time_zone"),
        catch_up=CatchUp(_one_of(CatchUp, values["catch_up"], "catch_up")),
        most_catch_up=whole_number_of(
            values["most_catch_up"], "most_catch_up", least=1, most=LARGEST_WHOLE
        ),
        overlap=Overlap(_one_of(Overlap, values["overlap"], "overlap")),
    )


def parse_template(given: Given, named: Mapping[str, object]) -> TaskRequest:
    """The request that each task of a schedule is created by. By default they complete by
    themselves.

    Raises:
        InvalidRequest: a field is missing, unknown, wrong, or makes no sense for many tasks.
    """
    chosen = "completion" in named or (isinstance(given, Mapping) and "completion" in given)
    request = parse_request(given, {**({} if chosen else {"completion": Completion.AUTO}), **named})
    for field in _NOT_FOR_SCHEDULES:
        if getattr(request, field):
            raise InvalidRequest("a schedule's tasks cannot share it; leave it out", field=field)
    if SCHEDULED_AT in request.payload:
        raise InvalidRequest(
            f"has a {SCHEDULED_AT!r}, which is where the schedule puts the moment; rename yours",
            field="payload",
        )
    return request


def request_at(
    name: str, template: Mapping[str, object], moment: datetime, *, by_hand: bool = False
) -> TaskRequest:
    """The request for the task of one moment. Its idempotency key makes it the only one, unless
    somebody asked for it ``by_hand``.
    """
    payload = template.get("payload") or {}
    assert isinstance(payload, Mapping)
    key = None if by_hand else f"schedule:{name}:{moment.isoformat()}"
    filled = {**template, "payload": {**payload, SCHEDULED_AT: moment}}
    return replace(parse_request(filled, {}), idempotency_key=key)


def template_values(request: TaskRequest) -> Mapping[str, object]:
    """What is stored of a template: the fields that were given, to be parsed again."""
    return {**template_of(request), "completion": request.completion.value}


def beats_of(every: float, anchor: datetime) -> After:
    """The moments of the grid that goes through ``anchor``, so many seconds apart."""
    step = timedelta(seconds=every)

    def after(moment: datetime) -> Iterator[datetime]:
        beat = anchor + ((moment - anchor) // step + 1) * step
        while True:
            yield beat
            beat += step

    return after


def made_up_for(schedule: TaskSchedule, after: After, now: datetime) -> Sequence[datetime]:
    """Which of the moments that are due by ``now`` get a task, oldest first."""
    assert schedule.next_due is not None
    alone = schedule.catch_up is not CatchUp.ALL or schedule.overlap is Overlap.SKIP
    due = _latest(after, schedule.next_due, now, 1 if alone else schedule.most_catch_up)
    if schedule.catch_up is CatchUp.NONE:
        return [moment for moment in due if now - moment <= LATE]
    return due


def _latest(after: After, first: datetime, now: datetime, most: int) -> Sequence[datetime]:
    """The last ``most`` moments from ``first``, which is one, to ``now``, oldest first.

    Looked for backwards, so that years that were missed are not gone through second by second.
    """
    back = _FIRST_LOOK_BACK
    while now - back > first:
        found = _until(after(now - back), now)
        if len(found) >= most:
            return found[-most:]
        back *= 8
    return [first, *_until(after(first), now)][-most:]


def _until(moments: Iterator[datetime], now: datetime) -> list[datetime]:
    return list(takewhile(lambda moment: moment <= now, moments))


def _seconds(value: object) -> float:
    value = value.total_seconds() if isinstance(value, timedelta) else value
    return number_of(value, "every", least=1, most=TEN_YEARS, what="a number of seconds")


def _one_of(kind: type[StrEnum], value: object, field: str) -> str:
    if not isinstance(value, str) or value not in set(kind):
        raise InvalidRequest(f"must be one of {', '.join(kind)}, got {value!r}", field=field)
    return value
