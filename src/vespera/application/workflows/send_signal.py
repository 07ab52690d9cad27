"""Tell a task something while it is under way."""

from collections.abc import Callable
from dataclasses import dataclass

from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import SignalRepository, TaskRepository
from vespera.application.runtime.notices import Notices
from vespera.domain.errors import (
    DuplicateRow,
    InvalidRequest,
    PayloadError,
    RequestError,
    TaskOver,
)
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.request import signal_name_of, task_id_of, text_of
from vespera.domain.signal import APPROVAL, Approval, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalResult:
    """Whether the signal is kept for its task; ``error`` says why it is not."""

    success: bool
    error: str | None = None
    task_id: TaskId | None = None
    signal_id: SignalId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSignalUseCase:
    """Sends signals, and what people decide. What a successful call returned is on disk."""

    tasks: TaskRepository
    signals: SignalRepository
    codec: Codec
    notices: Notices
    clock: Clock
    new_id: Callable[[], str]

    async def signal(
        self, task_id: str, name: str, payload: object = None, *, signal_id: str | None = None
    ) -> SignalResult:
        """Send ``payload`` to ``task.wait_for_signal(name)``; it is kept until the task asks.

        Args:
            task_id: of a task that is not finished; any process may run it.
            name: what the task calls it.
            payload: any storable value.
            signal_id: the same id is the same signal: sending it again changes nothing.
        """
        try:
            signal = self._signal(task_id, name, payload, signal_id)
            await self._send(signal)
        except (RequestError, PayloadError) as error:
            return SignalResult(success=False, error=str(error))
        self.notices.news(signal.task_id)
        return SignalResult(success=True, task_id=signal.task_id, signal_id=signal.id)

    async def approve(
        self, task_id: str, *, name: str = "", by: str = "", comment: str = ""
    ) -> SignalResult:
        """Say yes to ``task.wait_for_approval(..., name=name)``."""
        return await self._decide(task_id, name, approved=True, by=by, comment=comment)

    async def reject(
        self, task_id: str, *, name: str = "", by: str = "", comment: str = ""
    ) -> SignalResult:
        """Say no to it."""
        return await self._decide(task_id, name, approved=False, by=by, comment=comment)

    async def _decide(
        self, task_id: str, name: str, *, approved: bool, by: str, comment: str
    ) -> SignalResult:
        try:
            approval = Approval(
                approved=approved, by=text_of(by, "by"), comment=text_of(comment, "comment")
            )
            signal = f"{APPROVAL}:{text_of(name, 'name')}" if name else APPROVAL
        except RequestError as error:
            return SignalResult(success=False, error=str(error))
        return await self.signal(task_id, signal, approval)

    def _signal(self, task_id: object, name: object, payload: object, signal_id: object) -> Signal:
        given = None if signal_id is None else signal_name_of(signal_id, "signal_id")
        return Signal(
            id=SignalId(given or self.new_id()),
            task_id=task_id_of(task_id),
            name=signal_name_of(name, "name"),
            payload=self.codec.encode(payload, what="payload"),
            sent_at=self.clock.now(),
        )

    async def _send(self, signal: Signal) -> None:
        try:
            await self.signals.send(signal)
        except (DuplicateRow, TaskOver) as error:
            same = {sent.id: sent for sent in await self.signals.of_task(signal.task_id)}
            if signal.id not in same:
                await self._explain(signal, error)
            self._must_agree(signal, same[signal.id])

    async def _explain(self, signal: Signal, error: Exception) -> None:
        task = (await self.tasks.find([signal.task_id])).get(signal.task_id)
        if task is None:
            known = f"there is no task {signal.task_id!r}"
            raise InvalidRequest(known, field="task_id") from error
        raise TaskOver(f"Task {task.id!r} ({task.title}) is {task.status}.") from error

    def _must_agree(self, signal: Signal, sent: Signal) -> None:
        if sent.name != signal.name or not self.codec.same(sent.payload, signal.payload):
            told = f"{signal.id!r} was sent before, with another name or payload"
            raise InvalidRequest(told, field="signal_id")
