"""Attempts under way in this process: started, joined, kept alive, called off."""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from contextvars import Context
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from vespera.application.ports.clock import Clock
from vespera.application.ports.gates import Gates
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue, TaskRepository
from vespera.application.runtime.arrears import Arrears
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.failures import called_off
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.leases import Leases
from vespera.application.runtime.listening import listen
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.runs import OpenAttempt, Stop, Unbegun
from vespera.application.runtime.sign_off import Signed
from vespera.application.runtime.supervision import interrupted, over
from vespera.domain.errors import EngineStopped, LeaseLost, StaleTask, StorageError
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.domain.task import Task, TaskStatus

logger = logging.getLogger("vespera")


class Engine:
    """Runs claimed tasks, one asyncio task each, and keeps their leases alive.

    A caller that is cancelled while it waits takes its attempt with it, unless the worker started
    the attempt or somebody else waits too; the task is then pending again, and nothing is lost.
    """

    def __init__(
        self,
        *,
        tasks: TaskRepository,
        queue: TaskQueue,
        flow: Flow,
        attempts: AttemptRunner,
        owners: Owners,
        notices: Notices,
        clock: Clock,
        lease: timedelta,
        poll: timedelta | None,
    ) -> None:
        self._tasks, self._queue, self._attempts, self._flow = tasks, queue, attempts, flow
        queue.heed(flow.specialists.current_version, flow.specialists.takes_version)
        self._owners, self._notices, self._clock = owners, notices, clock
        self.lease, self._poll = lease, poll
        self._leases = Leases(queue=queue, clock=clock, lease=lease)
        self._owner: OwnerId | None = None
        self._runs: dict[TaskId, OpenAttempt] = {}
        self.called_off = Unbegun()
        self.handles: set[asyncio.Task[Signed]] = set()  # also of lost attempts, slow to leave
        self._awaiting, self._resting, self._rest_awaited = set[TaskId](), set[TaskId](), False
        self._listen = partial(listen, queue=queue, notices=notices, clock=clock)
        self.arrears = Arrears(
            tasks, notices, clock, lambda: self._owner, runs=self._runs, interrupt=self._interrupt
        )
        self._heart: asyncio.Task[None] | None = None
        self._ear: asyncio.Task[None] | None = None

    @property
    def owner(self) -> OwnerId:
        """Under which id this engine holds tasks; registered when first asked for.

        Raises:
            EngineStopped: it has been stopped; its container gives a new one.
        """
        if self._notices.closed:
            raise EngineStopped
        if self._owner is None:
            self._owner = self._owners.register()
        return self._owner

    @property
    def started(self) -> bool:
        """Whether it has begun to hold tasks."""
        return self._owner is not None

    @property
    def running(self) -> Collection[TaskId]:
        """The tasks that are under way here."""
        return self._runs.keys()

    @property
    def resting(self) -> Collection[TaskId]:
        """Those of the running tasks that only wait for something."""
        return self._resting

    def at_rest(self) -> bool:
        """Whether no attempt does more than wait, nor looks whether what it waits for has come,
        nor has still to tell of its end. If some do, work is told of when they have done it.
        """
        presences = [self._runs[task_id].presence for task_id in self._resting]
        looking = [presence for presence in presences if presence.looks]
        for presence in looking:
            presence.tell_when_it_has_looked()
        self._rest_awaited = len(self.handles) > len(self._resting)
        return not (looking or self._rest_awaited)

    @property
    def wake_at(self) -> datetime | None:
        """When the first of the resting tasks goes on by itself."""
        moments = [self._runs[task_id].presence.wake_at for task_id in self._resting]
        return min((moment for moment in moments if moment), default=None)

    async def others(self) -> Collection[OwnerId]:
        """Who else holds tasks; this engine too, if it holds some that it does not know of: the
        answer to a claim was lost, or a task could not be released.
        """
        owners = set(await self._queue.owners())
        if self._runs and self._runs.keys() >= (await self._queue.news(self.owner)).keys():
            owners.discard(self.owner)
        return owners

    @property
    def _line(self) -> TaskQueue | Gates:
        return self._flow.gates or self._queue

    def held(self, task: Task) -> Task:
        """``task`` claimed for this engine, not stored yet."""
        now = self._clock.now()
        claimed = task.claim(self.owner, now + self.lease, now)
        version = self._flow.specialists.current_version(task.specialist_type)
        return claimed if version is None else replace(claimed, handler_version=version)

    async def claim(self, task_id: TaskId) -> Task | None:
        """Claim a pending or assigned task that is not blocked; None if that cannot be."""
        now = self._clock.now()
        try:
            until, claim = now + self.lease, self._flow.claim
            return await claim(self._queue, task_id, owner=self.owner, now=now, lease_until=until)
        except asyncio.CancelledError as error:
            await self.disown(task_id, error)
            raise

    async def claim_ready(self, limit: int) -> Collection[Task]:
        """Claim up to ``limit`` tasks that are ready and due."""
        now = self._clock.now()
        until, claim = now + self.lease, self._line.claim_ready
        return await claim(owner=self.owner, now=now, lease_until=until, limit=limit)

    async def has_suspects(self) -> bool:
        """Whether a task is due that has to be run alone."""
        return await self._line.has_suspects(now=self._clock.now())

    async def claim_suspect(self) -> Task | None:
        """Claim the oldest task that has to be run alone."""
        line, owner, now = self._line, self.owner, self._clock.now()
        return await line.claim_suspect(owner=owner, now=now, lease_until=now + self.lease)

    async def dead_owners(self) -> Collection[OwnerId]:
        """Those who hold tasks and are known to be dead."""
        others = set(await self._queue.owners()) - {self._owner}
        return self._owners.dead(others) if others else ()

    async def take_back(self, limit: int | None = None) -> Collection[TaskId]:
        """Make the tasks of dead workers, and those whose lease has run out, pending again."""
        dead = await self.dead_owners()
        await self.mind_the_clock()
        now = self._clock.now()
        expired, queue = self._leases.expired_by(now), self._queue
        taken = await queue.take_back(now=now, dead=dead, expired=expired, limit=limit)
        for task_id in taken:
            self._break_off(task_id, Stop.LOST)
        return taken

    async def drop_lost(self) -> None:
        """Break off what others have ended or taken, also before a heartbeat finds that out."""
        runs, held = dict(self._runs), await self._queue.news(self.owner)
        for task_id in runs.keys() - held.keys():
            self._interrupt(runs[task_id], Stop.LOST)

    async def mind_the_clock(self) -> int:
        """Extend all leases if somebody has set the clock; how often that was noticed so far."""
        if self._leases.look():
            await self._extend()
        return self._leases.jumps

    async def tell(self, stored: Task) -> None:
        """Tell of a change that was stored, whoever made it. If that was the end of a task, its
        children are called off; those that others hold are left to these.
        """
        self._notices.changed(stored)
        if not (stored.finished and stored.spawned):
            return
        try:
            await self.arrears.make_up()
        except StorageError:
            logger.exception("Children of ended tasks are called off later.")
        finally:  # also if it is cancelled
            if self.arrears.due:
                self._notices.work()

    async def disown(self, task_id: TaskId, error: asyncio.CancelledError) -> None:
        """Release a task that was claimed by a call that was cancelled before it could begin."""
        if getattr(error, "outcome", "rolled back") == "rolled back" or task_id in self._runs:
            return
        with contextlib.suppress(StorageError):  # its lease ends, and the cancellation passes
            for found in (await self._tasks.find([task_id])).values():
                if found.owner == self.owner:
                    await self.arrears.let_go(found)
                    self._notices.work()

    def begin(self, claimed: Task, *, kept: bool) -> "asyncio.Task[Signed]":
        """Start the attempt of a task that this engine has claimed, in an empty ``contextvars``
        context, the same here as after a recovery.

        Args:
            claimed: running, as stored.
            kept: it goes on when nobody waits for it.
        """
        conducting, name = self._conduct(claimed), f"vespera task {claimed.id}"
        handle = asyncio.create_task(conducting, name=name, context=Context())
        self._break_off(claimed.id, Stop.LOST)  # its lease ran out unnoticed, and it is ours again
        self._runs[claimed.id] = run = self._run_of(claimed, handle, kept=kept)
        if self.called_off.take(claimed):
            self._interrupt(run, Stop.CANCEL)
        self.handles.add(handle)
        handle.add_done_callback(self._left)
        if self._heart is None:
            beating, name = self._beat(), "vespera heartbeat"
            self._heart = asyncio.create_task(beating, name=name, context=Context())
        return handle

    async def join(self, task_id: TaskId) -> Signed:
        """Wait for the end of an attempt that is ``running`` here."""
        run = self._runs[task_id]
        run.callers += 1
        try:
            await over(run.handle)
            return run.handle.result()
        except asyncio.CancelledError:
            if run.stop and run.handle.cancelled() and not interrupted():  # it broke off, not we
                return Signed(await self._tasks.get(task_id))
            if not run.kept and run.callers == 1 and not run.handle.done():
                self._interrupt(run, Stop.RELEASE)
                await over(run.handle)
            raise
        finally:
            run.callers -= 1

    async def cancel(self, task_id: TaskId, reason: str) -> Signed | None:
        """Call an attempt off that is under way here, and wait until its handler has cleaned up;
        None if there is none, if it broke off, or was just being let go of. A handler that finishes
        all the same has its way, and so has one whose steps are being undone as it has failed.
        """
        run = self._runs.get(task_id)
        if run is None:
            return None
        self._interrupt(run, Stop.CANCEL, reason)
        await asyncio.wait({run.handle})
        ended = None if run.handle.cancelled() else run.handle.result()
        let_go = ended and ended.task.status in {TaskStatus.WAITING, TaskStatus.PENDING}
        return None if let_go and not run.presence.undoes else ended

    async def release(self) -> None:
        """Interrupt all attempts, let their handlers clean up; the tasks are pending again."""
        for run in self._runs.values():
            self._interrupt(run, Stop.RELEASE)
        for handle in list(self.handles):
            await over(handle)

    async def stop(self) -> None:
        """``release`` all attempts, and hold no tasks any more."""
        self._notices.close()
        try:
            await self.release()
            await self.arrears.release()
        finally:  # also if it is cancelled: whoever asks shall not take it for alive
            if self._owner is not None:
                self._owners.leave(self._owner)
                self._owner = None

    def _run_of(self, claimed: Task, handle: "asyncio.Task[Signed]", *, kept: bool) -> OpenAttempt:
        presence = Presence(
            self._clock,
            told=partial(self._hear_of, claimed),
            park=partial(self._park, claimed) if kept else None,
            pause=partial(self._break_off, claimed.id, Stop.PAUSE),
            call_off=partial(self._break_off, claimed.id, Stop.CANCEL),
            lingers=not self._flow.counts_running(claimed.specialist_type),
            looked=self._notices.work,
        )
        return OpenAttempt(claimed, handle, kept, presence)

    def _hear_of(self, claimed: Task, presence: Presence) -> None:
        run = self._runs.get(claimed.id)
        if run is None or run.presence is not presence:
            return
        (self._awaiting.add if presence.awaits else self._awaiting.discard)(claimed.id)
        (self._resting.add if presence.rests else self._resting.discard)(claimed.id)
        if self._poll is not None and self._awaiting and self._ear is None:
            listening = self._listen(self._awaiting, owner=self.owner, poll=self._poll)
            self._ear = asyncio.create_task(listening, name="vespera news", context=Context())
        self._notices.news(claimed.id)  # the waits see to it that the database knows of a rest

    async def _park(self, claimed: Task, fence: Fence, news: int) -> bool:
        """Let go of a task that waits, and of its attempt with it."""
        parked = await self._queue.park(fence, news=news, now=self._clock.now())
        if parked:
            self._break_off(claimed.id, Stop.PARKED)
        return parked

    async def _conduct(self, claimed: Task) -> Signed:
        run = self._runs[claimed.id]
        run.begun = True
        try:
            if run.stop is Stop.CANCEL:
                claimed = replace(claimed, cancelling=run.reason)
            elif run.stop is not None:  # before it could begin
                raise asyncio.CancelledError
            signed = await self._attempts.run(claimed, claimed.owner or self.owner, run.presence)
        except (asyncio.CancelledError, LeaseLost, StaleTask) as error:
            self.arrears.due = True  # it was called off meanwhile, perhaps, or has ended
            signed = await self._interrupted(run, error)
        except StorageError:
            await self.arrears.let_go(claimed)
            self._notices.changed(claimed)  # perhaps the end was stored, and only the answer lost
            raise
        finally:
            self._forget(run)
        await self.tell(signed.task)
        return signed

    def _left(self, handle: "asyncio.Task[Signed]") -> None:
        self.handles.discard(handle)
        if self._rest_awaited:
            self._notices.work()

    def _forget(self, run: OpenAttempt) -> None:
        run.over = True
        self.arrears.due |= run.stop is not None
        if self._runs.get(run.task.id) is run:
            del self._runs[run.task.id]
            self._resting.discard(run.task.id)
            self._awaiting.discard(run.task.id)
        if not self._runs and self._heart is not None:
            self._heart.cancel()
            self._heart = None
        if not self._awaiting and self._ear is not None:
            self._ear.cancel()
            self._ear = None

    async def _interrupted(self, run: OpenAttempt, error: BaseException) -> Signed:
        claimed, cancelled = run.task, isinstance(error, asyncio.CancelledError)
        if not cancelled or run.stop in {Stop.LOST, Stop.PARKED}:
            return Signed(await self._tasks.get(claimed.id))
        cancels, now = run.stop is Stop.CANCEL, self._clock.now()
        changed = await self._called_off(run, now) if cancels else claimed.release(now)
        try:
            await self._tasks.save(changed)
        except StaleTask:
            return Signed(await self._tasks.get(claimed.id))
        except StorageError:
            self.arrears.keep(claimed)
            raise
        if run.stop is None:
            raise error
        if run.stop is Stop.PAUSE:
            changed = await self._tasks.get(claimed.id)  # which says since when
        return Signed(changed, released=run.stop in {Stop.RELEASE, Stop.PAUSE})

    async def _called_off(self, run: OpenAttempt, now: datetime) -> Task:
        """The end of a task that is not at its end yet if it is to undo something."""
        stored = await self._tasks.get(run.task.id)  # the attempt may have added to it
        if not stored.undoable:
            return replace(run.task, spawned=stored.spawned).cancel(called_off(run.reason), now)
        await self._tasks.call_off(stored.id, run.reason)
        return run.task.release(now)

    def _break_off(self, task_id: TaskId, stop: Stop, reason: str = "") -> None:
        if task_id in self._runs:
            self._interrupt(self._runs[task_id], stop, reason)

    def _interrupt(self, run: OpenAttempt, stop: Stop, reason: str = "") -> None:
        if run.interrupt(stop, reason):
            self._resting.discard(run.task.id)  # it has something to do now: to come to its end

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self.lease.total_seconds() / 3)
            self._leases.look()
            await self._extend()

    async def _extend(self) -> None:
        runs = dict(self._runs)
        attempts = {task_id: run.task.attempt for task_id, run in runs.items()}
        for task_id in await self._leases.extend(attempts, self._owner):
            self._interrupt(runs[task_id], Stop.LOST)
