"""Taking back what steps have done, the last first."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NoReturn, cast

from vespera.application.ports.codec import Codec
from vespera.application.runtime.failures import message_of
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.steps import Key, StepLog
from vespera.application.runtime.supervision import Supervision
from vespera.domain.errors import LeaseLost, StorageError, UnreadableValue
from vespera.domain.retry import RetryPolicy
from vespera.domain.step import UNDO_PREFIX, UNDOING
from vespera.domain.task import TaskFailure, TaskStatus

logger = logging.getLogger("vespera")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ends whose steps are undone: failed or cancelled, and why."""

    status: TaskStatus
    failure: TaskFailure


@dataclass(frozen=True, slots=True)
class _Undo:
    key: Key
    call: Callable[[], object]
    retry: RetryPolicy


@dataclass(slots=True, kw_only=True)
class Compensation:
    """The undo functions of the steps that one attempt has done or replayed."""

    log: StepLog
    codec: Codec
    supervision: Supervision
    presence: Presence
    _undos: list[_Undo] = field(default_factory=list)

    def add(
        self,
        key: Key,
        undo: Callable[[object], object],
        read: Callable[[], object],
        retry: RetryPolicy,
    ) -> None:
        """The step of this key was done, and gave what ``read`` gives; ``undo`` of it undoes it."""
        call: Callable[[], object]
        try:
            call = partial(undo, read())
        except UnreadableValue as error:
            call = partial(_raised, error)
        self._undos.append(_Undo((f"{UNDO_PREFIX}{key[0]}", key[1]), call, retry))

    @property
    def begun(self) -> Ending | None:
        """The ending that an earlier attempt had begun to undo steps for."""
        record = self.log.find(UNDOING)
        if record is None:
            return None
        status, kinds, message, trace = cast(
            "tuple[str, list[str], str, str]", self.codec.decode(record.value or b"null")
        )
        return Ending(
            TaskStatus(status),
            TaskFailure(error_types=tuple(kinds), message=message, traceback=trace),
        )

    async def carry_out(self, ending: Ending) -> Ending:
        """Undo what was done, each step once, however often the process dies meanwhile.

        Returns:
            The ending, with what could not be undone said in its message.

        Raises:
            LeaseLost, StorageError: the task goes on elsewhere, or later.
        """
        known, forgotten = self.begun, self.log.forgotten()
        if known is None and not self._undos:
            return _told(ending, "not asked for again, and not undone", forgotten)
        if known is None:
            failure = ending.failure
            stored = [ending.status, list(failure.error_types), failure.message, failure.traceback]
            await self.log.succeeded(UNDOING, stored)
        self.presence.undoes = True
        ending = known or ending
        failed = [told for undo in reversed(self._undos) if (told := await self._undone(undo))]
        ending = _told(ending, "not undone", failed)
        return _told(ending, "not asked for again, and not undone", forgotten)

    async def _undone(self, undo: _Undo) -> str:
        """What went wrong with it; "" if nothing did."""
        name = undo.key[0].removeprefix(UNDO_PREFIX)
        record = self.log.find(undo.key)
        if record is not None:
            return "" if record.error is None else f"step {name!r}"
        try:
            what = f"Undoing step {name!r}"
            call = partial(self.supervision.value, what, undo.call)
            value = await self.supervision.call(what, call, retry=undo.retry, timeout=None)
            await self.log.succeeded(undo.key, value)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:  # the boundary to the undo function; recorded whole
            logger.exception("Step %r could not be undone.", name)
            await self.log.failed(undo.key, error)
            return f"step {name!r}: {message_of(error)}"
        return ""


def _raised(error: UnreadableValue) -> NoReturn:
    raise error


def _told(ending: Ending, what: str, steps: Sequence[str]) -> Ending:
    if not steps:
        return ending
    message = f"{ending.failure.message} ({what}: {'; '.join(steps)})"
    return Ending(ending.status, replace(ending.failure, message=message))
