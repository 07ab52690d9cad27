"""How long what is over is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from vespera.domain.errors import InvalidRequest
from vespera.domain.request import known_only
from vespera.domain.retry import TEN_YEARS, number_of
from vespera.domain.task import FINISHED, TaskStatus

EVENTS: Final = "events"
_KNOWN = (*sorted(status.value for status in FINISHED), EVENTS)


@dataclass(frozen=True, slots=True)
class Retention:
    """For each status of finished tasks, how long after their last change they are kept; what is
    not named is kept for ever. ``events``: how long events are kept.
    """

    tasks: Mapping[TaskStatus, timedelta] = field(default_factory=dict)
    events: timedelta | None = None


def retention_of(value: object) -> Retention:
    """The setting ``retention``: ages by status, or one age for all that is finished.

    Raises:
        InvalidRequest: it makes no sense; the error names the field.
    """
    if value is None:
        return Retention()
    given = value if isinstance(value, Mapping) else dict.fromkeys(_KNOWN, value)
    try:
        known_only(given, _KNOWN)
    except InvalidRequest as error:
        raise InvalidRequest(str(error), field="retention") from None
    ages = {name: age_of(age, f"retention.{name}") for name, age in given.items()}
    events = ages.pop(EVENTS, None)
    return Retention({TaskStatus(name): age for name, age in ages.items()}, events)


def age_of(value: object, field: str) -> timedelta:
    """An age: a timedelta, or a number of seconds; up to ten years.

    Raises:
        InvalidRequest: it is something else.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    what = "a timedelta, or a number of seconds"
    return timedelta(seconds=number_of(seconds, field, least=0, most=TEN_YEARS, what=what))


def finished_only(statuses: frozenset[TaskStatus] | None) -> frozenset[TaskStatus]:
    """The statuses of what may be purged; None means all finished ones.

    Raises:
        InvalidRequest: one of them is not finished.
    """
    unfinished = sorted((statuses or FINISHED) - FINISHED)
    if unfinished:
        raise InvalidRequest(
            f"only finished tasks are purged, not {', '.join(unfinished)}", field="statuses"
        )
    return statuses or FINISHED
