"""Creates the tasks of schedules when their moments come."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import TaskRepository, UnitOfWork
from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.application.runtime.deduplication import Deduplication
from vespera.application.runtime.intake import Intake
from vespera.domain.errors import (
    DuplicateRow,
    PayloadError,
    RequestError,
    StaleSchedule,
    StaleTask,
)
from vespera.domain.schedule import After, Overlap, TaskSchedule, beats_of, made_up_for, request_at
from vespera.domain.task import Task, TaskRequest

logger = logging.getLogger("vespera")
AFTER_TROUBLE = timedelta(minutes=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Scheduler:
    """Fires what is due: the task is created and the schedule moved on in one transaction.

    So a moment gets its task once, however many workers see that it has come, and whenever one of
    them dies. ``poll`` is the longest it goes without looking for schedules that other processes
    have made; None: the database belongs to this process alone.
    """

    def __init__(
        self,
        *,
        schedules: ScheduleRepository,
        tasks: TaskRepository,
        unit_of_work: UnitOfWork,
        timetable: Timetable,
        codec: Codec,
        clock: Clock,
        intake: Intake,
        poll: timedelta | None,
    ) -> None:
        self._schedules, self._tasks, self._unit_of_work = schedules, tasks, unit_of_work
        self._timetable, self._codec, self._clock = timetable, codec, clock
        self._intake, self._poll, self._deduplication = intake, poll, Deduplication(tasks)
        self._look_at: datetime | None = LONG_AGO
        self._plans_stand = False

    def look_again(self) -> None:
        """A schedule has changed: look at the next chance."""
        self._look_at = LONG_AGO

    def clock_was_set(self) -> None:
        """The moments that come next may be others now: look at the next chance."""
        self._plans_stand = False
        self.look_again()

    def pause(self, now: datetime) -> timedelta:
        """How long there is nothing to look for."""
        return timedelta.max if self._look_at is None else self._look_at - now

    async def fire_due(self) -> Sequence[tuple[TaskSchedule, Task]]:
        """Create the tasks whose moments have come, if it is time to look; gives those created.

        Raises:
            StorageError: the database could not do it; the next call tries again.
        """
        now = self._clock.now()
        if self._look_at is None or now < self._look_at:
            return ()
        looked_at, self._look_at = self._look_at, None
        try:
            fired, due = await self._look(now)
        except BaseException:
            self._look_at = looked_at
            raise
        if self._look_at is None:  # nobody has asked to look again meanwhile
            later = [moment for moment in (due, self._poll and now + self._poll) if moment]
            self._look_at = min(later, default=None)
        return fired

    def after(self, schedule: TaskSchedule) -> After:
        """What gives the schedule's moments.

        Raises:
            InvalidRequest: its cron text or time zone makes no sense here.
        """
        if schedule.every is not None:
            return beats_of(schedule.every, schedule.next_due or schedule.created_at)
        cron, time_zone = str(schedule.cron), schedule.time_zone
        return lambda moment: self._timetable.after(cron, time_zone, moment)

    def asked_at(
        self, schedule: TaskSchedule, moment: datetime, *, by_hand: bool = False
    ) -> tuple[Task, TaskRequest]:
        """The task of one moment, not stored yet, and the request for it.

        Raises:
            PayloadError: the stored template cannot be read here.
            InvalidRequest: it makes no sense to this version.
        """
        template = cast("Mapping[str, object]", self._codec.decode(schedule.request))
        request = request_at(schedule.name, template, moment, by_hand=by_hand)
        return self._intake.task(request), request

    async def _look(
        self, now: datetime
    ) -> tuple[Sequence[tuple[TaskSchedule, Task]], datetime | None]:
        """The tasks created, and when there is something to do again. Mostly one read."""
        due = await self._schedules.next_due(LONG_AGO)
        if due is not None and not self._plans_stand:
            await self._bring_forward(now)
            due = await self._schedules.next_due(LONG_AGO)
        if due is None or due > now:
            return (), due
        fired, again = await self._fire_all(now)
        later = [moment for moment in (await self._schedules.next_due(now), again) if moment]
        return fired, min(later, default=None)

    async def _bring_forward(self, now: datetime) -> None:
        """A clock that went ahead, and was set back since, leaves schedules that would sleep until
        it is there again. A moment that had its task by then gets no other.
        """
        for schedule in await self._schedules.all():
            try:
                await self._bring_one_forward(schedule, now)
            except (StaleSchedule, RequestError):
                continue  # somebody else has seen to it; or it makes no sense here, told when due
        self._plans_stand = True

    async def _bring_one_forward(self, schedule: TaskSchedule, now: datetime) -> None:
        if schedule.paused or schedule.next_due is None:
            return
        first = next(self.after(schedule)(now), None)
        if first is not None and first < schedule.next_due:
            await self._schedules.save(schedule.changed(now, next_due=first))

    async def _fire_all(
        self, now: datetime
    ) -> tuple[Sequence[tuple[TaskSchedule, Task]], datetime | None]:
        """The tasks created, and when to look again at what could not be."""
        fired, again = list[tuple[TaskSchedule, Task]](), None
        for schedule in await self._schedules.due(now):
            try:
                fired += [(schedule, task) for task in await self._fire(schedule, now)]
            except (
                StaleSchedule,
                StaleTask,
                DuplicateRow,
            ):  # somebody else was faster: see what is left
                again = now
            except (RequestError, PayloadError):  # the others are fired all the same
                logger.exception("Schedule %r cannot be fired.", schedule.name)
                again = again or now + AFTER_TROUBLE
        return fired, again

    async def _fire(self, schedule: TaskSchedule, now: datetime) -> Sequence[Task]:
        after = self.after(schedule)
        moments = made_up_for(schedule, after, now)
        if moments and await self._is_under_way(schedule):
            moments = ()
        asked = [self.asked_at(schedule, moment) for moment in moments]
        known = await self._tasks.find_by_keys([str(task.idempotency_key) for task, _ in asked])
        missing = [one for one in asked if one[0].idempotency_key not in known]
        arrivals = await self._deduplication.choose(missing)
        moved = schedule.changed(
            now,
            next_due=next(after(now), None),
            last_due=moments[-1] if moments else schedule.last_due,
            last_task_id=arrivals[-1].task.id if arrivals else schedule.last_task_id,
        )
        async with self._unit_of_work():
            await self._schedules.save(moved)
            await self._deduplication.store(arrivals)
        return [arrival.task for arrival in arrivals if arrival.new]

    async def _is_under_way(self, schedule: TaskSchedule) -> bool:
        """Whether the task of an earlier moment keeps a new one from being created."""
        if schedule.overlap is Overlap.ALLOW or schedule.last_task_id is None:
            return False
        found = await self._tasks.find([schedule.last_task_id])
        return any(not task.finished for task in found.values())
