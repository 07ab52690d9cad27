"""Claims what is ready, as long as somebody needs it to."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextvars import Context
from datetime import UTC, datetime, timedelta
from functools import partial

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.crew import Crew
from vespera.application.runtime.draining import drain
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.home import Home
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.resources.reclaiming import Reclaiming
from vespera.application.runtime.scheduler import Scheduler
from vespera.application.runtime.sign_off import Signed
from vespera.application.runtime.upkeep import Upkeep
from vespera.application.runtime.work_events import Watcher, WorkEvent, WorkEventKind, end_of
from vespera.domain.errors import EngineStopped, StorageError
from vespera.domain.ids import TaskId
from vespera.domain.task import Task

logger = logging.getLogger("vespera")
AFTER_TROUBLE = timedelta(seconds=1)
TAKEN_BACK_AT_ONCE = 1000
"""Of what the dead have left, so many between two claims: none waits until all is sorted out."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)


class Worker:
    """Runs ready tasks in the background, up to ``concurrency`` at a time; a task that has crashed
    suspiciously often is run before others, and alone, so that it takes none of them with it.

    It works once it is told to ``keep_working``, and while somebody holds it ``engaged``. ``poll``
    is the longest it goes without looking for what other processes have put into the database or
    left behind; None: the database belongs to this process alone.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        queue: TaskQueue,
        flow: Flow,
        scheduler: Scheduler,
        notices: Notices,
        crew: Crew,
        clock: Clock,
        upkeep: Upkeep,
        reclaiming: Reclaiming,
        concurrency: int,
        poll: timedelta | None,
    ) -> None:
        self._engine, self._queue, self._scheduler = engine, queue, scheduler
        self._flow, self._upkeep, self._reclaiming = flow, upkeep, reclaiming
        self._notices, self._clock = notices, clock
        self._concurrency, self._poll = concurrency, poll
        self._longest = poll or timedelta.max
        self._active: dict[asyncio.Task[Signed], TaskId] = {}
        self._loop: asyncio.Task[None] | None = None
        self._home = Home("The worker of this container")
        self._users = 0
        self._kept = False
        self._halted = False
        self._stopped = False
        self._draining = 0
        self._claiming = asyncio.Lock()
        self._watchers: list[Watcher] = []
        self._idle = asyncio.Event()
        self._rested = asyncio.Event()
        self._failure: Exception | None = None
        self._take_back_at = self._look_out_at = LONG_AGO
        self._suspects = False
        self._more_to_take_back = False
        self._jumps = 0
        crew.joined_by(self.engaged)

    @property
    def started(self) -> bool:
        """Whether it works at this moment."""
        return self._loop is not None

    def keep_working(self) -> None:
        """Work in the background until ``stop``. Safe to repeat.

        Raises:
            ForeignEventLoop: it was used in another event loop before.
        """
        self._home.enter()
        self._kept = True
        self._wake_up()

    async def rest(self) -> None:
        """Undo ``keep_working``. What is under way goes on. Safe to repeat.

        Raises:
            ForeignEventLoop: it may be at work in another event loop.
        """
        self._home.leave()
        self._kept = False
        if not self._needed:
            await self._halt()

    async def drain(self, seconds: float | None) -> None:
        """Undo ``keep_working``, and claim nothing until this returns. What is under way may end
        within ``seconds`` (None: whatever it takes); what has not is interrupted, cleans up, and is
        pending again.

        Those who still have it ``engaged`` go on afterwards. Errors as for ``rest``.
        """
        self._home.leave()
        self._kept = False
        if self._home.is_gone:
            return
        self._draining += 1
        try:
            async with self._claiming:  # what is being claimed now is under way then
                pass
            await drain(self._engine, self._notices, self._clock, seconds)
            if not self._needed:
                await self._halt()
        finally:
            self._draining -= 1
            self._notices.work()

    async def over(self) -> None:
        """Wait until it works no more.

        Raises:
            Exception: the defect that ended it.
        """
        if self._loop is not None:
            await asyncio.wait({self._loop})
        if self._failure is not None and not isinstance(self._failure, StorageError):
            raise self._failure

    @contextlib.contextmanager
    def watched_by(self, watcher: Watcher) -> Iterator[None]:
        """Tell ``watcher`` of each event, on the event loop, for as long as the block runs."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    async def stop(self) -> None:
        """Claim nothing more, whoever needs it: the container is being cleaned up. Errors as for
        ``rest``.
        """
        self._home.leave()
        self._kept, self._stopped = False, True
        await self._halt()

    @contextlib.asynccontextmanager
    async def engaged(self) -> AsyncIterator[None]:
        """Work for as long as the block runs. Errors as for ``keep_working``."""
        self._home.enter()
        self._users += 1
        self._wake_up()
        try:
            yield
        finally:
            self._users -= 1
            if not self._needed:
                await self._halt()

    async def until_idle(self) -> None:
        """Work until nothing runs, nothing is ready, and nothing is due later.

        Raises:
            StorageError: the database could not be asked for work.
            EngineStopped: the container was cleaned up meanwhile.
            ForeignEventLoop: it was used in another event loop before.
        """
        async with self.engaged():
            self._idle.clear()
            self._failure = None
            self._notices.work()
            await self._idle.wait()
            failure = self._failure
        if self._stopped:
            raise EngineStopped
        if failure is not None:
            raise failure

    @property
    def _busy(self) -> int:
        """How many of the tasks that this worker began are not just waiting for something."""
        resting = self._engine.resting
        return len(self._active) - sum(task_id in resting for task_id in self._active.values())

    @property
    def _needed(self) -> bool:
        return self._kept or self._users > 0

    def _wake_up(self) -> None:
        self._halted = False
        self._rested.set()
        if self._loop is None:
            self._take_back_at = LONG_AGO
            self._loop = asyncio.create_task(self._work(), name="vespera worker", context=Context())

    async def _halt(self) -> None:
        """End the loop between two claims, so that no claimed task is left over."""
        self._halted = True
        if self._loop is not None and not self._home.is_gone:
            self._rested.clear()
            self._notices.work()
            await self._rested.wait()

    async def _work(self) -> None:
        try:
            with self._notices.of_work() as news:
                while not self._halted:
                    news.clear()
                    pause = await self._guarded_round(news)
                    if pause is not None and not self._halted:
                        await self._wait(news, pause)
        finally:
            self._loop = None
            self._rested.set()
            self._idle.set()

    async def _guarded_round(self, news: asyncio.Event) -> timedelta | None:
        try:
            async with self._claiming:
                return await self._round(news)
        except StorageError as error:
            return self._in_trouble(error)
        except Exception as error:  # recorded for whoever waits; then the loop ends
            self._failure = error
            raise

    def _in_trouble(self, error: StorageError) -> timedelta:
        """Claim nothing while the database cannot; try again soon, without a restart."""
        if self._failure is None:
            logger.error("No tasks can be claimed: %s", error)
            self._tell(WorkEventKind.TROUBLE, told=str(error))
        self._failure = error
        self._idle.set()
        return AFTER_TROUBLE

    async def _round(self, news: asyncio.Event) -> timedelta | None:
        """Claim once; how long to wait for news before the next round (None: not at all)."""
        if self._draining:
            return self._longest  # its end is news
        if (jumps := await self._engine.mind_the_clock()) != self._jumps:
            self._look_at_all_again(jumps)
        now = self._clock.now()
        await self._clear_up(now)
        for schedule, created in await self._scheduler.fire_due():
            self._tell(WorkEventKind.FIRED, created, schedule.name)
        await self._flow.declare()
        await self._upkeep.go_on(now)
        free = self._concurrency - self._busy
        if free <= 0 or (self._suspects and self._busy):
            rest = min(self._longest, self._scheduler.pause(now))  # an attempt's end is news
            return None if self._more_to_take_back else rest
        claimed = await self._claim(free)
        for task in claimed:
            handle = self._engine.begin(task, kept=True)
            self._active[handle] = task.id
            handle.add_done_callback(partial(self._ended, task))
            self._tell(WorkEventKind.BEGAN, task)
        goes_on = claimed or self._more_to_take_back
        pause = None if goes_on else await self._pause(news)
        if self._failure is not None:
            self._failure = None
            self._tell(WorkEventKind.MENDED)
        return pause

    async def _clear_up(self, now: datetime) -> None:
        """What the dead have left, and what could not be done when it should have been."""
        is_time = now >= self._take_back_at or self._more_to_take_back
        if is_time or (now >= self._look_out_at and await self._sees_dead(now)):
            await self._take_back(now)
        elif self._engine.arrears.due:
            await self._engine.arrears.make_up()

    def _look_at_all_again(self, jumps: int) -> None:
        """Whatever was to be done at some moment, that was told by the clock as it was."""
        self._jumps = jumps
        self._take_back_at = self._look_out_at = LONG_AGO
        self._scheduler.clock_was_set()
        self._upkeep.look_again()
        self._notices.all()

    async def _sees_dead(self, now: datetime) -> bool:
        """Look out for workers that have died, and for tasks that other processes have called off
        or ended; where there may be others, after each ``poll``.
        """
        self._look_out_at = self._next_look_out(now)
        await self._engine.arrears.make_up()
        if self._engine.running:
            await self._engine.drop_lost()
        return bool(await self._engine.dead_owners())

    def _next_look_out(self, now: datetime) -> datetime:
        return NEVER if self._poll is None else now + self._poll

    async def _take_back(self, now: datetime) -> None:
        await self._flow.look()
        await self._reclaiming.reclaim()  # before the next attempts need what the dead hold
        taken = await self._engine.take_back(TAKEN_BACK_AT_ONCE)
        self._more_to_take_back = len(taken) >= TAKEN_BACK_AT_ONCE
        await self._engine.arrears.make_up()
        self._suspects = await self._engine.has_suspects()
        self._take_back_at = now + self._engine.lease / 3  # all of it was done
        self._look_out_at = self._next_look_out(now)
        if taken:
            self._tell(WorkEventKind.TAKEN_BACK, told=", ".join(taken))

    async def _claim(self, free: int) -> Collection[Task]:
        if not self._suspects:
            ready = await self._engine.claim_ready(free)
            if ready or self._busy:
                return ready
        expected, suspect = self._suspects, await self._engine.claim_suspect()
        self._suspects = suspect is not None
        if suspect is not None:
            return [suspect]
        return await self._engine.claim_ready(free) if expected else ()

    async def _pause(self, news: asyncio.Event) -> timedelta:
        """Until something is due, or somebody else's lease may have run out."""
        due = await (self._flow.next_due() if self._flow.gates else self._queue.next_due())
        moments = [due] if due else []
        if not self._busy and self._engine.at_rest():
            comes, others = due or self._engine.wake_at, await self._engine.others()
            if others or self._engine.resting:
                moments.append(self._take_back_at)
            if not others and comes is None and not news.is_set():
                self._idle.set()  # without news: what ended since may have freed others
        now = self._clock.now()
        if upkeep := self._upkeep.due(now):
            moments.append(upkeep)
        pauses = [self._longest, self._scheduler.pause(now), *(due - now for due in moments)]
        return min(pauses)

    async def _wait(self, news: asyncio.Event, pause: timedelta) -> None:
        if pause == timedelta.max:
            await news.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(max(pause.total_seconds(), 0)):
                await news.wait()

    def _ended(self, claimed: Task, handle: "asyncio.Task[Signed]") -> None:
        self._active.pop(handle, None)
        error = None if handle.cancelled() else handle.exception()
        if error is not None:
            logger.error("An attempt broke off; its task runs again later.", exc_info=error)
        if handle.cancelled() or error is not None:
            self._tell(WorkEventKind.RELEASED, claimed, str(error or ""))
        else:
            for watcher in self._watchers:
                watcher(end_of(claimed, handle.result()))
        self._notices.work()

    def _tell(self, kind: WorkEventKind, task: Task | None = None, told: str = "") -> None:
        for watcher in self._watchers:
            watcher(WorkEvent(kind=kind, task=task, told=told))
