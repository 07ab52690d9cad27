"""Schedules as users handle them: made, replaced, paused, removed, fired by hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import TaskRepository, UnitOfWork
from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.application.runtime.deduplication import Deduplication
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.scheduler import Scheduler
from vespera.domain.errors import (
    DuplicateRow,
    InvalidRequest,
    PayloadError,
    RequestError,
    ScheduleNotFound,
    StaleSchedule,
    StaleTask,
)
from vespera.domain.request import Given, filled_text_of
from vespera.domain.schedule import (
    ScheduleTerms,
    TaskSchedule,
    parse_template,
    parse_terms,
    template_values,
)
from vespera.domain.task import Task, TaskRequest

T = TypeVar("T")
MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleResult:
    """What came of a call about a schedule, and how the schedule stands.

    ``success`` says whether the call did what it was asked to, ``error`` why not. ``change`` is
    what it did: "created", "replaced", "unchanged", "removed", "paused", "resumed".
    """

    success: bool
    error: str | None = None
    change: str = ""
    schedule: TaskSchedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleBook:
    """Each call is one transaction; whoever else changes the schedule meanwhile is not overrun."""

    schedules: ScheduleRepository
    tasks: TaskRepository
    unit_of_work: UnitOfWork
    timetable: Timetable
    scheduler: Scheduler
    notices: Notices
    codec: Codec
    clock: Clock

    async def put(
        self, terms: Mapping[str, object], given: Given, named: Mapping[str, object]
    ) -> ScheduleResult:
        """Store a schedule, in place of one of the same name unless that says the same."""

        async def once() -> ScheduleResult:
            wanted = self._wanted(parse_terms(terms), parse_template(given, named))
            stored = await self.schedules.get(wanted.name)
            if stored is None:
                await self.schedules.add(wanted)
                return _done("created", wanted)
            if self._same(stored, wanted):
                return _done("unchanged", stored)
            replaced = self._replaced(stored, wanted)
            await self.schedules.save(replaced)
            return _done("replaced", replaced)

        return await self._tried(once)

    async def remove(self, name: str) -> ScheduleResult:
        """Forget a schedule. Its tasks stay."""

        async def once() -> ScheduleResult:
            schedule = await self._get(name)
            await self.schedules.remove(schedule)
            return _done("removed", schedule)

        return await self._tried(once)

    async def pause(self, name: str) -> ScheduleResult:
        """Let no moment of it get a task until it is resumed."""

        async def once() -> ScheduleResult:
            schedule = await self._get(name)
            if schedule.paused:
                return _done("unchanged", schedule)
            paused = schedule.changed(self.clock.now(), paused=True)
            await self.schedules.save(paused)
            return _done("paused", paused)

        return await self._tried(once)

    async def resume(self, name: str) -> ScheduleResult:
        """Go on with the first moment after now. Those in between are not made up for."""

        async def once() -> ScheduleResult:
            schedule, now = await self._get(name), self.clock.now()
            if not schedule.paused:
                return _done("unchanged", schedule)
            due = next(self.scheduler.after(schedule)(now), None)
            resumed = schedule.changed(now, paused=False, next_due=due)
            await self.schedules.save(resumed)
            return _done("resumed", resumed)

        return await self._tried(once)

    async def trigger(self, name: str) -> tuple[Task, bool]:
        """Create a task of the schedule now, also if it is paused or another one is under way.

        Gives it, and whether it is new: a dedup key may name one that is there.

        Raises:
            RequestError, PayloadError: there is no such schedule, or it makes no sense here.
            StaleSchedule: others change it again and again.
        """
        return await self._again(partial(self._trigger, name))

    async def all(self) -> Sequence[TaskSchedule]:
        """All schedules, by name."""
        return await self.schedules.all()

    async def _trigger(self, name: str) -> tuple[Task, bool]:
        schedule, now = await self._get(name), self.clock.now()
        asked = self.scheduler.asked_at(schedule, now, by_hand=True)
        deduplication = Deduplication(self.tasks)
        (arrival,) = await deduplication.choose([asked])
        async with self.unit_of_work():
            await self.schedules.save(schedule.changed(now, last_task_id=arrival.task.id))
            await deduplication.store([arrival])
        self.notices.work()
        task = await self.tasks.get(arrival.task.id) if arrival.debounces else arrival.task
        return task, arrival.new

    async def _tried(self, once: Callable[[], Awaitable[ScheduleResult]]) -> ScheduleResult:
        try:
            result = await self._again(once)
        except (RequestError, PayloadError, StaleSchedule) as error:
            return ScheduleResult(success=False, error=str(error))
        self.scheduler.look_again()
        self.notices.work()
        return result

    @staticmethod
    async def _again(once: Callable[[], Awaitable[T]]) -> T:
        for _ in range(MOST_TRIES - 1):
            try:
                return await once()
            except (StaleSchedule, StaleTask, DuplicateRow):
                continue
        return await once()

    async def _get(self, name: object) -> TaskSchedule:
        text = filled_text_of(name, "name")
        found = await self.schedules.get(text)
        if found is None:
            names = [schedule.name for schedule in await self.schedules.all()]
            near = get_close_matches(text, names, n=1)
            raise ScheduleNotFound(text, f"; did you mean {near[0]!r}?" if near else ".")
        return found

    def _wanted(self, terms: ScheduleTerms, request: TaskRequest) -> TaskSchedule:
        now = self.clock.now()
        values = {name: getattr(terms, name) for name in ScheduleTerms.__slots__}
        wanted = TaskSchedule(
            **values,
            title=request.title,
            specialist_type=request.specialist_type,
            request=self.codec.encode(template_values(request), what="request"),
            next_due=None,
            created_at=now,
            updated_at=now,
        )
        self.scheduler.asked_at(wanted, now)  # what cannot be stored shows now, not at night
        due = next(self.scheduler.after(wanted)(now), None)
        if due is None:
            raise InvalidRequest(f"{terms.cron!r} names no moment that ever comes", field="cron")
        return replace(wanted, next_due=due)

    def _same(self, stored: TaskSchedule, wanted: TaskSchedule) -> bool:
        names = ScheduleTerms.__slots__
        if any(getattr(stored, name) != getattr(wanted, name) for name in names):
            return False
        return self.codec.same(stored.request, wanted.request)

    @staticmethod
    def _replaced(stored: TaskSchedule, wanted: TaskSchedule) -> TaskSchedule:
        """The wanted one with the history of the stored one. It stays paused, if it is."""
        terms = {name: getattr(wanted, name) for name in (*ScheduleTerms.__slots__, "request")}
        due = stored.next_due if stored.rhythm == wanted.rhythm else wanted.next_due
        shown = {"title": wanted.title, "specialist_type": wanted.specialist_type}
        return stored.changed(wanted.updated_at, **terms, **shown, next_due=due)


def _done(change: str, schedule: TaskSchedule) -> ScheduleResult:
    return ScheduleResult(success=True, change=change, schedule=schedule)
