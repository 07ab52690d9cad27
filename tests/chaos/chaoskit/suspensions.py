"""A coroutine that is cancelled at its k-th suspension."""

import asyncio
from collections.abc import Awaitable, Collection, Generator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class End:
    """How a coroutine ended: how often it had been suspended, and by which error if by any."""

    suspensions: int
    error: BaseException | None

    @property
    def cancelled(self) -> bool:
        return isinstance(self.error, asyncio.CancelledError)

    @property
    def outcome(self) -> str | None:
        """What the cancellation says of the commit that was under way; None: there was none."""
        return getattr(self.error, "outcome", None)


async def cancelled_at(doing: Awaitable[Any], at: Collection[int], *, late: bool = False) -> End:
    """Drive ``doing`` in a task of its own, and cancel that at these suspensions (1: the first).

    ``late``: not when it begins to wait, but when what it waits for has come, and it does not know
    that yet.
    """
    driver = _Driver(doing, at, late)
    task = asyncio.ensure_future(driver.run())
    await asyncio.wait([task])
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    return End(driver.suspensions, driver.error or error)


class _Driver:
    def __init__(self, doing: Awaitable[Any], at: Collection[int], late: bool) -> None:
        self._doing, self._at, self._late = doing, at, late
        self.suspensions = 0
        self.error: BaseException | None = None

    async def run(self) -> Any:
        try:
            return await self
        except asyncio.CancelledError as error:
            self.error = error  # as it was raised; the task would make a new one of it
            raise

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._doing.__await__()
        send, value = inner.send, None
        while True:
            try:
                awaited = send(value)
            except StopIteration as end:
                return end.value
            self.suspensions += 1
            if self.suspensions in self._at:
                self._cancel(awaited)
            try:
                send, value = inner.send, (yield awaited)
            except BaseException as error:  # passed on to the coroutine
                send, value = inner.throw, error

    def _cancel(self, awaited: "asyncio.Future[Any] | None") -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._late and awaited is not None:
            awaited.add_done_callback(lambda _: task.cancel())  # told before the task itself is
        else:
            task.cancel()
