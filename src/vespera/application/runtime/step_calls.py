"""One step of a task: asked for, replayed or called, recorded."""

from collections.abc import Callable
from functools import partial
from typing import Any

from vespera.application.runtime.equipment import Equipment
from vespera.application.runtime.heartbeats import Heart
from vespera.application.runtime.step_names import check_callable, check_own_name
from vespera.application.runtime.steps import Key
from vespera.domain.errors import LeaseLost, StorageError
from vespera.domain.request import time_limit_of
from vespera.domain.retry import RetryPolicy, check_policy
from vespera.domain.step import StepRecord

Undo = Callable[[Any], object]


class StepCalls:
    """Calls the functions of one attempt's steps."""

    __slots__ = ("_equipment", "_log", "_presence", "_supervision")

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment
        self._log, self._presence = equipment.log, equipment.presence
        self._supervision = equipment.work.supervision

    async def value(
        self,
        name: str,
        function: Callable[[], object],
        *,
        retry: RetryPolicy,
        timeout: float | None,
        heartbeat_timeout: float | None,
        in_thread: bool,
        undo: Undo | None,
    ) -> object:
        """What the step gave when it was done; see ``TaskContext.step``."""
        check_own_name(name)
        time_limit_of(timeout, "timeout")
        time_limit_of(heartbeat_timeout, "heartbeat_timeout")
        check_policy(retry, "retry")
        if undo is not None:
            check_callable(undo, "undo")
        key, record = self._log.ask(name)
        if record is not None:
            return await self._again(key, record, retry, undo)
        once = partial(self._supervision.value, _called(name), function, in_thread=in_thread)
        log, clock = self._log, self._supervision.clock
        heart = Heart(key, once, log=log, clock=clock, timeout=heartbeat_timeout)
        return await self._done(key, heart, retry, timeout, undo)

    async def _again(
        self, key: Key, record: StepRecord, retry: RetryPolicy, undo: Undo | None
    ) -> object:
        replayed = partial(self._log.replay, record)
        try:
            await self._log.turn_of(record.recorded_at)
            return replayed()
        finally:  # it was done, also if the caller is cancelled, or the value cannot be read
            if undo is not None and not record.failed and not self._log.inherits(record):
                self._equipment.compensation.add(key, undo, replayed, retry)

    async def _done(
        self,
        key: Key,
        heart: Heart,
        retry: RetryPolicy,
        timeout: float | None,
        undo: Undo | None,
    ) -> object:
        await self._presence.begin_work()
        try:
            given = await self._supervision.call(
                _called(key[0]), heart.call, retry=retry, timeout=timeout
            )
            if undo is not None:  # before anything is waited for: it was done
                stored = partial(self._log.as_stored, key, given)
                self._equipment.compensation.add(key, undo, stored, retry)
            if heart.shut():
                await heart.close()
            return await self._log.succeeded(key, given, undoable=undo is not None)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:  # the boundary to the step's function; recorded whole
            await heart.save()
            raise await self._log.failed(key, error) from error
        finally:
            self._presence.end_work()
            if heart.shut():
                await heart.close()


def _called(name: str) -> str:
    return f"Step {name!r}"
