"""Run once, remember, replay: one attempt's view of the steps recorded so far."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypedDict, TypeVar, Unpack
from weakref import proxy

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.failures import message_of
from vespera.application.runtime.rewinding import Rewind
from vespera.application.runtime.turns import Turns
from vespera.domain.errors import LeaseLost, NonDeterministicTask, StepFailed, StorageError
from vespera.domain.ids import OwnerId, SignalId, TaskId
from vespera.domain.retry import type_names
from vespera.domain.step import (
    PATCH_PREFIX,
    UNDO_PREFIX,
    Fence,
    Heartbeat,
    StepRecord,
)
from vespera.domain.task import Task

Key = tuple[str, int]
T = TypeVar("T")


class Along(TypedDict, total=False):
    """What ``StepRepository.record`` stores in the same transaction."""

    received: SignalId | None
    child: Task
    depends_on: Sequence[TaskId]
    undoable: bool


class StepLog:
    """What one attempt has asked for, against what earlier attempts recorded.

    A successful record is given back for ever. A failed one is given back within the epoch (the
    task's ``failures``) it was recorded in, so that a crash does not change which way the handler
    went; after a retry of the task the step runs again.
    """

    def __init__(
        self,
        *,
        task: Task,
        owner: OwnerId,
        records: Sequence[StepRecord],
        steps: StepRepository,
        codec: Codec,
        clock: Clock,
        lease: timedelta,
        beats: Sequence[Heartbeat] = (),
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._task = task
        self._steps, self._codec, self._clock = steps, codec, clock
        self.fence = Fence(task.id, task.attempt, owner)
        self.lost, self._asleep = False, False
        self._wake_at: datetime | None = None
        self.spawned = task.spawned
        self.undoable = task.undoable
        self.rewinding = False
        self._unasked: set[Key] = set()  # while rewinding: what the handler is still to ask for
        self._over: Callable[[], object] = lambda: None
        self._asked: dict[str, int] = {}
        self._fresh: list[str] = []
        self._reopened: dict[Key, int] = {}
        self._last_failure = 0
        self._details = {(b.name, b.occurrence): b.detail for b in beats}
        self._lease, self._pause = lease, pause
        self._extend_at = clock.now() + (timedelta() if task.crashes else lease / 3)
        self.turns: Turns | None = None  # without records all comes as it comes
        self._recorded: dict[Key, StepRecord] = {}
        self._begun: dict[Key, int] = {}
        self._next_seq, self._newest = 1, 0
        if records:
            self._remember(records)

    def _remember(self, records: Sequence[StepRecord]) -> None:
        """What earlier attempts have recorded; the first attempt is not held up by it."""
        own = [r for r in records if not r.name.startswith(UNDO_PREFIX)]
        is_due = partial(StepLog.is_due, proxy(self))  # no cycle leads through an attempt
        self.turns = Turns(records=own, is_due=is_due, clock=self._clock)
        self._recorded = {(r.name, r.occurrence): r for r in records}
        self._begun = {key: r.seq for key, r in self._recorded.items() if r.open}
        self._next_seq, self._newest = records[-1].seq + 1, max(r.epoch for r in records)

    async def turn_of(self, moment: datetime) -> None:
        """Return when it is the turn of what came at this moment."""
        if self.turns is not None:
            await self.turns.of(moment)

    def ask(self, name: str) -> tuple[Key, StepRecord | None]:
        """The key of this request for ``name``, and its record if it is to be replayed, or if it is
        a wait that has not ended.

        Raises:
            Rewind: nothing new is done any more.
        """
        self._asked[name] = occurrence = self._asked.get(name, 0) + 1
        key = (name, occurrence)
        self._rewind_at(key)
        record = self._recorded.get(key)
        if record is None:
            self._fresh.append(name)
        elif record.failed and record.epoch != self._task.failures:
            self._reopened[key] = record.seq
            record = None
        if self.rewinding and (record is None or record.open):
            raise Rewind
        if self.turns is not None:
            self.turns.go_on()
        return key, record

    def rewind(self, over: Callable[[], object]) -> None:
        """Call ``over`` when the handler, of which nothing new is wanted, has asked for all that
        was recorded, and was given it.
        """
        due = {(r.name, r.occurrence) for r in self._recorded.values() if self.is_due(r)}
        self._unasked = {key for key in due if not key[0].startswith(UNDO_PREFIX)}
        self._over = over

    @property
    def rewound(self) -> bool:
        """Whether it was given all that it was called for."""
        return self.rewinding and not self._unasked

    def leave(self) -> None:
        """The handler has ended."""
        self._over = lambda: None

    def remembers(self, name: str) -> bool:
        """Whether the next request for ``name`` is answered by what is recorded."""
        record = self._recorded.get((name, self._asked.get(name, 0) + 1))
        if record is None or record.open:
            return False
        return not record.failed or record.epoch == self._task.failures

    def find(self, key: Key) -> StepRecord | None:
        """What is recorded under this key, by this attempt or an earlier one of the epoch."""
        return self._recorded.get(key)

    def inherits(self, record: StepRecord | None) -> bool:
        """Whether the step was done by the task that this one was forked from."""
        if record is None or self._task.forked_from is None:  # however the clock has been set since
            return False
        return record.recorded_at < self._task.created_at

    def replay(self, record: StepRecord) -> object:
        """The recorded value again.

        Raises:
            StepFailed: what was recorded is a failure of this epoch.
        """
        if record.error is not None:
            self._last_failure = max(self._last_failure, record.seq)
            message, kinds = self._codec.decode(record.error)  # type: ignore[misc]
            raise StepFailed(record.name, message, kinds)  # type: ignore[has-type]
        return self._codec.decode(record.value or b"null")

    async def succeeded(self, key: Key, value: object, *, undoable: bool = False) -> object:
        """Record the value; durable on return. Gives it as a replay would. It is recorded, too, if
        the caller is cancelled meanwhile, as it was done; a second cancellation has its way.

        Args:
            key: of the step.
            value: what it gave.
            undoable: the step can be undone, and is to be, if the task fails in the end.

        Raises:
            UnstorableValue, PayloadTooLarge: it cannot be stored.
            LeaseLost: another worker has the task.
        """
        encoded = self._codec.encode(value, what=f"step {key[0]!r}")
        along: Along = {"undoable": True} if undoable and not self.undoable else {}
        record = self._of(key, value=encoded)
        try:
            await self._store(record, **along)
        except asyncio.CancelledError as cancelled:
            if getattr(cancelled, "outcome", "") == "rolled back":
                with suppress(LeaseLost, StorageError):  # the cancellation passes
                    await self._store(record, **along)
            raise
        finally:
            self.undoable = self.undoable or undoable
        return self._codec.decode(encoded)

    def as_stored(self, key: Key, value: object) -> object:
        """The value as a replay would give it.

        Raises:
            UnstorableValue, PayloadTooLarge: it cannot be stored.
        """
        return self._codec.decode(self._codec.encode(value, what=f"step {key[0]!r}"))

    async def spawned_one(self, key: Key, child: Task, depends_on: Sequence[TaskId]) -> None:
        """Store a child of the task, and record its id; durable on return.

        Raises:
            LeaseLost: another worker has the task.
            DuplicateRow, TaskNotFound: the child cannot be stored.
        """
        encoded = self._codec.encode(child.id, what=f"step {key[0]!r}")
        await self._record(key, encoded, None, child=child, depends_on=depends_on)
        self.spawned = True

    async def failed(self, key: Key, error: Exception) -> StepFailed:
        """Record the failure; durable on return. Gives the error to raise."""
        message, kinds = message_of(error), type_names(error)
        encoded = self._codec.encode((message, kinds), what=f"error of step {key[0]!r}")
        await self._record(key, None, encoded)
        return StepFailed(key[0], message, kinds)

    def detail_of(self, key: Key) -> object:
        """The detail of the step's last heartbeat, decoded; None if there is none."""
        return self._codec.decode(self._details.get(key, b"null"))

    def keep_detail(self, key: Key, detail: object) -> bytes:
        """Remember the detail of a heartbeat for this attempt; gives it encoded.

        Raises:
            UnstorableValue, PayloadTooLarge: it cannot be stored.
        """
        encoded = self._codec.encode(detail, what=f"heartbeat of step {key[0]!r}")
        self._details[key] = encoded
        return encoded

    async def beat(self, key: Key, detail: bytes) -> None:
        """Store a heartbeat, and extend the lease; durable on return.

        Raises:
            LeaseLost: another worker has the task.
        """
        now = self._clock.now()
        beat = Heartbeat(
            task_id=self._task.id, name=key[0], occurrence=key[1], beaten_at=now, detail=detail
        )
        self._extend_at = now + self._lease / 3
        self._asleep = False
        await self._fenced(self._steps.beat(beat, self.fence, lease_until=now + self._lease))

    async def ended(self, key: Key, value: bytes, received: SignalId | None) -> None:
        """Record what a wait has brought; durable on return.

        Raises:
            LeaseLost: another worker has the task.
        """
        await self._record(key, value, None, received=received)

    def begin(self, key: Key, awaits: str, wake_at: datetime | None) -> StepRecord:
        """The record of a wait that begins, to be stored."""
        self._begun[key] = self._place(key)
        return self._of(key, awaits=awaits, wake_at=wake_at)

    def sleeps_until(self, moment: datetime | None) -> bool:
        """Whether it is stored that the task waits, and that it goes on at ``moment`` or before."""
        if not self._asleep or moment is None:
            return self._asleep
        return self._wake_at is not None and self._wake_at <= moment

    async def suspend(
        self, begun: StepRecord | None, until: datetime | None, *, rests: bool
    ) -> None:
        """Record a wait that has ``begun``; if the task ``rests``, it is waiting from now on, at
        most until ``until``.

        Raises:
            LeaseLost: another worker has the task.
        """
        if rests or begun is None:
            suspended = self._steps.suspend(begun, self.fence, wake_at=until, now=self._clock.now())
            await self._fenced(suspended)
            self._asleep, self._wake_at = True, until
        else:
            await self._store(begun)

    def check(self) -> None:
        """Judge, at the handler's end, whether it asked for all that had been recorded.

        Raises:
            NonDeterministicTask: it did not; names what was recorded and what was asked instead.
        """
        missing = [record.name for record in self._recorded.values() if self.is_due(record)]
        if missing:
            asked = f"; it asked for {_listed(self._fresh)} instead" if self._fresh else ""
            raise NonDeterministicTask(
                f"Task {self._task.id!r} recorded the step {_listed(missing)}, but its handler did"
                f" not ask for it again{asked}. A handler must ask for the same steps in each"
                " attempt: keep random choices, times and changed code out of its way."
            )

    def has_more(self) -> bool:
        """Whether an earlier attempt got further than this one has come up to now."""
        return any(map(self.is_due, self._recorded.values()))

    def forgotten(self) -> Sequence[str]:
        """Steps that earlier attempts have done, and this one has not asked for, in a task that has
        something to undo: perhaps these. How, the handler would have said.
        """
        if not self.undoable:
            return ()
        done = [r for r in self._recorded.values() if r.done]
        left = [r for r in done if r.occurrence > self._asked.get(r.name, 0)]
        return [f"step {r.name!r}" for r in left if not self.inherits(r)]

    def _rewind_at(self, key: Key) -> None:
        if key in self._unasked:
            self._unasked.remove(key)
            if not self._unasked:  # but first it gets what is recorded
                asyncio.get_running_loop().call_soon(self._tell_over)

    def _tell_over(self) -> None:
        self._over()  # which is nothing any more if the handler has ended meanwhile

    def is_due(self, record: StepRecord) -> bool:
        """Whether the handler is still to ask for the record."""
        asked = record.occurrence <= self._asked.get(record.name, 0)
        return not asked and not record.name.startswith(PATCH_PREFIX) and not self._excused(record)

    def _excused(self, record: StepRecord) -> bool:
        """A step that failed in an epoch and ran anew in a later one may lead the handler another
        way than the one it took behind the failure. And a failure that is replayed comes at once,
        so that it may cut off siblings that had gone further the first time.
        """
        if record.seq < self._last_failure:
            return True
        if record.epoch >= (self._task.failures if self._reopened else self._newest):
            return False  # as it mostly is
        turns = [(other.seq, other.epoch) for other in self._recorded.values()]
        turns += [(seq, self._task.failures) for seq in self._reopened.values()]
        return any(seq < record.seq and epoch > record.epoch for seq, epoch in turns)

    def _place(self, key: Key) -> int:
        """The next number; or that of the failure, or the beginning, in whose place it stands."""
        for taken in (self._begun, self._reopened):
            if key in taken:
                return taken[key]
        self._next_seq += 1
        return self._next_seq - 1

    def _record(
        self, key: Key, value: bytes | None, error: bytes | None, **along: Unpack[Along]
    ) -> Awaitable[None]:
        return self._store(self._of(key, value=value, error=error), **along)

    async def _store(self, record: StepRecord, **along: Unpack[Along]) -> None:
        now, lease_until = record.recorded_at, None
        if self._asleep or now >= self._extend_at:
            lease_until, self._extend_at = now + self._lease, now + self._lease / 3
        self._asleep = False
        writing = self._steps.record(record, self.fence, lease_until=lease_until, **along)
        if await self._fenced(writing) and not self.rewinding:
            await self._break_off()

    async def _fenced(self, writing: Awaitable[T]) -> T:
        try:
            return await writing
        except LeaseLost:
            self.lost = True
            raise

    def _of(
        self,
        key: Key,
        *,
        value: bytes | None = None,
        error: bytes | None = None,
        awaits: str | None = None,
        wake_at: datetime | None = None,
    ) -> StepRecord:
        return StepRecord(
            task_id=self._task.id,
            name=key[0],
            occurrence=key[1],
            seq=self._place(key),
            epoch=self._task.failures,
            value=value,
            error=error,
            recorded_at=self._clock.now(),
            wake_at=wake_at,
            awaits=awaits,
        )

    async def _break_off(self) -> None:
        """End the attempt here, where all that was done is recorded."""
        self._pause()
        await self._clock.sleep(0)  # where the attempt itself is cancelled
        raise asyncio.CancelledError  # where a task of its own has called the step


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
