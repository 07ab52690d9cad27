"""What tells when tasks are to be created again and again, and what of it is kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.schedule import TaskSchedule


class Timetable(Protocol):
    """Reads cron texts."""

    def after(self, cron: str, time_zone: str, moment: datetime) -> Iterator[datetime]:
        """The moments after ``moment`` that the text names, in UTC and in order, each once. It
        ends where none comes any more.

        Raises (at once, not when iterated):
            InvalidRequest: ``cron`` is no cron text, or nobody knows the ``time_zone``.
        """
        ...


class ScheduleRepository(Protocol):
    """Schedules. Writes join an open unit of work, as those of the other repositories."""

    async def add(self, schedule: TaskSchedule) -> None:
        """Store a new schedule.

        Raises:
            DuplicateRow: the name exists already.
        """
        ...

    async def save(self, schedule: TaskSchedule) -> None:
        """Store a schedule in place of the version before it.

        Raises:
            StaleSchedule: the stored version is another, or it is gone.
        """
        ...

    async def remove(self, schedule: TaskSchedule) -> None:
        """Forget the schedule, which must be of this version.

        Raises:
            StaleSchedule: the stored version is another, or it is gone.
        """
        ...

    async def get(self, name: str) -> TaskSchedule | None:
        """The schedule, if there is one of this name."""
        ...

    async def all(self) -> Sequence[TaskSchedule]:
        """All schedules, by name."""
        ...

    async def due(self, now: datetime) -> Sequence[TaskSchedule]:
        """Those that are not paused, and of which a moment has come by ``now``, by that moment."""
        ...

    async def next_due(self, after: datetime) -> datetime | None:
        """The first moment after ``after`` at which one that is not paused is due."""
        ...
