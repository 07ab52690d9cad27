"""What a task waits for: moments, signals, and the ends of other tasks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import SignalRepository, TaskRepository
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.steps import Key, StepLog
from vespera.application.runtime.turns import AT_LAST
from vespera.domain.errors import ChildFailed, TaskError, WaitTimedOut
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.step import SIGNAL_PREFIX, StepRecord

NOTHING = b"null"
_ERRORS: Mapping[str, type[TaskError]] = {
    kind.__name__: kind for kind in (WaitTimedOut, ChildFailed)
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was waited for: its stored form, or why it will never come."""

    value: bytes = NOTHING
    error: Exception | None = None
    received: SignalId | None = None


Look = Callable[[], Awaitable[Found | None]]


@dataclass(frozen=True, slots=True)
class _Wait:
    """For what ``look`` finds, sooner or later; for ``late``, if ``wake_at`` comes first."""

    key: Key
    awaits: str
    wake_at: datetime | None
    look: Look
    late: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitWork:
    """What waits are made of. After ``linger`` a task that only waits is let go of; None:
    never.
    """

    tasks: TaskRepository
    signals: SignalRepository
    notices: Notices
    codec: Codec
    clock: Clock
    linger: timedelta | None


class Waits:
    """The waits of one attempt. Each is recorded when it begins, so that its end is the same moment
    after a crash, and again with what came. What is new comes behind all that is replayed: perhaps
    the handler has called the wait off by then, as it did the first time.
    """

    def __init__(
        self, *, task_id: TaskId, log: StepLog, presence: Presence, work: WaitWork
    ) -> None:
        self._task_id, self._log, self._presence = task_id, log, presence
        self._work = work
        self._news: dict[Key, int] = {}
        self._turn = asyncio.Lock()  # what one wait has found and receives, no other finds

    async def moment(self, name: str, moment: datetime) -> None:
        """Return at the moment, or at once if it has passed."""

        async def look() -> Found | None:
            return None

        await self._wait(name, f"until {moment:%Y-%m-%d %H:%M:%S} UTC", moment, look, Found())

    async def signal(self, name: str, wake_at: datetime | None, *, awaits: str = "") -> object:
        """The payload of the next signal of this name.

        Raises:
            WaitTimedOut: none came before ``wake_at``.
        """

        async def look() -> Found | None:
            signal = await self._work.signals.oldest(self._task_id, name)
            return None if signal is None else Found(signal.payload, received=signal.id)

        late = Found(error=WaitTimedOut(f"No signal {name!r} came for task {self._task_id!r}."))
        recorded, what = f"{SIGNAL_PREFIX}{name}", awaits or f"the signal {name!r}"
        stored = await self._wait(recorded, what, wake_at, look, late)
        return self._work.codec.decode(stored)

    async def other(self, name: str, awaits: str, look: Look) -> bytes:
        """What ``look`` finds, stored; asked again whenever there may be news.

        Raises:
            Exception: what ``look`` found instead.
        """
        return await self._wait(name, awaits, None, look, Found())

    async def _wait(
        self, name: str, awaits: str, wake_at: datetime | None, look: Look, late: Found
    ) -> bytes:
        key, record = self._log.ask(name)
        if record is not None and not record.open:
            await self._log.turn_of(record.recorded_at)
            return self._replay(record)
        if record is not None:
            wake_at = record.wake_at
        await self._log.turn_of(AT_LAST)
        return await self._until(_Wait(key, awaits, wake_at, look, late), new=record is None)

    async def _until(self, wait: _Wait, *, new: bool) -> bytes:
        work, presence = self._work, self._presence
        with work.notices.about(self._task_id) as heard:
            presence.begin_wait(wait.key, wait.wake_at)
            try:
                while True:
                    heard.clear()
                    self._news[wait.key] = await self._heard()
                    async with self._turn:
                        found = await wait.look()
                        if found is not None or self._is_over(wait.wake_at):
                            return await self._end(wait, found or wait.late)
                    if not new and self._is_known():
                        presence.listen(wait.key)
                        await self._rest(heard, wait.wake_at)
                        presence.hears(wait.key)
                        continue
                    # What came before the task was known to wait is found in the next turn.
                    begun = self._log.begin(wait.key, wait.awaits, wait.wake_at) if new else None
                    await self._log.suspend(begun, presence.wake_at, rests=presence.rests)
                    new = False
            finally:
                self._news.pop(wait.key, None)
                presence.end_wait(wait.key)

    async def _heard(self) -> int:
        """The number of news for the task. If one is that it is called off, its attempt ends."""
        stored = await self._work.tasks.get(self._task_id)
        if stored.cancelling is not None and not self._log.rewinding:
            self._presence.call_off(stored.cancelling)
        return stored.news

    def _is_known(self) -> bool:
        """Whether the database knows how things are: that the task only waits, and until when."""
        presence = self._presence
        return not presence.rests or self._log.sleeps_until(presence.wake_at)

    def _is_over(self, wake_at: datetime | None) -> bool:
        return wake_at is not None and wake_at <= self._work.clock.now()

    async def _rest(self, heard: asyncio.Event, wake_at: datetime | None) -> None:
        """Until there is news, or ``wake_at``; a long rest is none that must be held in memory."""
        linger = self._work.linger if self._presence.lingers else timedelta()
        left = None if wake_at is None else wake_at - self._work.clock.now()
        pause = min((span for span in (linger, left) if span is not None), default=None)
        with contextlib.suppress(TimeoutError):
            async with self._work.clock.timeout(None if pause is None else pause.total_seconds()):
                await heard.wait()
        if pause == left or heard.is_set():
            return
        if await self._presence.parked(self._log.fence, min(self._news.values())):
            await asyncio.get_running_loop().create_future()  # until the engine calls it off

    async def _end(self, wait: _Wait, found: Found) -> bytes:
        await self._presence.begin_work()
        self._presence.end_wait(wait.key)
        try:
            if found.error is not None:
                await self._log.failed(wait.key, found.error)
                raise found.error
            await self._log.ended(wait.key, found.value, found.received)
            return found.value
        finally:
            self._presence.end_work()

    def _replay(self, record: StepRecord) -> bytes:
        if record.error is not None:
            decoded = self._work.codec.decode(record.error)
            message, kinds = cast("tuple[str, Sequence[str]]", decoded)
            raise _ERRORS[kinds[0]](message)
        return record.value or NOTHING
