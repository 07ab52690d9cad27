"""Which tasks are looked for, checked; and the cursors by which one page follows another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.request import known_only, optional_moment_of, optional_text_of
from vespera.domain.retry import whole_number_of
from vespera.domain.task import EPOCH, Task, TaskStatus

LARGEST_PAGE = 1_000_000
_MICROSECOND = timedelta(microseconds=1)


class TaskOrder(StrEnum):
    """By the moment of creation."""

    NEWEST = "newest"
    OLDEST = "oldest"


Place = tuple[datetime, TaskId]
"""Where a task stands in either order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSearch:
    """What the tasks have in common, all of it.

    ``statuses``: one of these; None: any. ``title_contains``: somewhere in the title; upper and
    lower case of ASCII letters are the same. ``failed_with``: the class of the last error, or a
    base of it. Moments are exclusive. ``after``: behind this place in the order.
    """

    statuses: frozenset[TaskStatus] | None = None
    specialist_type: str | None = None
    parent_id: TaskId | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    title_contains: str | None = None
    failed_with: str | None = None
    order: TaskOrder = TaskOrder.NEWEST
    limit: int = 100
    after: Place | None = None


def parse_search(given: Mapping[str, object]) -> TaskSearch:
    """The search that a caller's keywords describe; ``status`` is one status or several.

    Raises:
        InvalidRequest: a field is unknown or wrong; the error names it.
    """
    known_only(given, ("status", *(f.name for f in fields(TaskSearch) if f.name != "statuses")))
    values = {name: _CHECKS[name](value, name) for name, value in given.items()}
    if "status" in values:
        values["statuses"] = values.pop("status")
    return TaskSearch(**values)  # type: ignore[arg-type]


def statuses_of(value: object, field: str) -> frozenset[TaskStatus] | None:
    """One status or several; None stays None.

    Raises:
        InvalidRequest: one does not exist, or there is none.
    """
    if value is None:
        return None
    given = [value] if isinstance(value, str) else value
    try:
        found = frozenset(TaskStatus(one) for one in given)  # type: ignore[attr-defined]
    except (ValueError, TypeError):
        known = ", ".join(TaskStatus)
        raise InvalidRequest(
            f"must be one or several of {known}, not {value!r}", field=field
        ) from None
    if not found:
        raise InvalidRequest("must not be empty; None means any", field=field)
    return found


def cursor_of(task: Task) -> str:
    """What ``after`` takes to go on behind the task, in either order."""
    return f"{(task.created_at - EPOCH) // _MICROSECOND}~{task.id}"


def _place(value: object, field: str) -> Place | None:
    text = optional_text_of(value, field)
    if text is None:
        return None
    micros, _, task_id = text.partition("~")
    if not (micros.isascii() and micros.isdigit() and task_id) or len(micros) > _LONGEST:
        raise InvalidRequest(
            f"{text!r} is not the `next` of a page; give that, or leave it out", field=field
        )
    return EPOCH + int(micros) * _MICROSECOND, TaskId(task_id)


def _order(value: object, field: str) -> TaskOrder:
    try:
        return TaskOrder(value)  # type: ignore[arg-type]
    except ValueError:
        known = " or ".join(map(repr, map(str, TaskOrder)))
        raise InvalidRequest(f"must be {known}, not {value!r}", field=field) from None


def _limit(value: object, field: str) -> int:
    return whole_number_of(value, field, least=1, most=LARGEST_PAGE)


_LONGEST = 17  # digits of the microseconds up to the year 5138
_CHECKS: Mapping[str, Callable[[object, str], object]] = {
    "status": statuses_of,
    "specialist_type": optional_text_of,
    "parent_id": optional_text_of,
    "created_after": optional_moment_of,
    "created_before": optional_moment_of,
    "updated_after": optional_moment_of,
    "updated_before": optional_moment_of,
    "title_contains": optional_text_of,
    "failed_with": optional_text_of,
    "order": _order,
    "limit": _limit,
    "after": _place,
}
