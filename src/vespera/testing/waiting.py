"""Waiting for something to become true, without polling in real time."""

import inspect
from collections.abc import Callable
from typing import Any

from vespera.testing.clock import VirtualClock
from vespera.testing.errors import TestingError
from vespera.testing.loop_clock import LoopClock, clock_of_this_loop


async def eventually(
    predicate: Callable[[], Any], timeout: float = 30.0, *, clock: VirtualClock | None = None
) -> Any:
    """Let things happen, and virtual time pass, until ``predicate`` holds.

    It is asked whenever all is quiet: at once, and after each jump of time.

    Args:
        predicate: sync or async. It holds when it gives something true; an ``AssertionError``
            counts as "not yet". An async one must not wait for time to pass.
        timeout: virtual seconds.
        clock: the clock to move; on the loop of ``virtual_time``, the loop's by itself.

    Returns:
        What the predicate gave.

    Raises:
        AssertionError: it did not hold in time; its last word is the cause.
        TestingError: without a clock, on a loop whose time is real.
    """
    moved = clock or clock_of_this_loop()
    if clock is None and not isinstance(moved, LoopClock):
        raise TestingError(
            "eventually() needs virtual time: mark the test with virtual_time, or give clock=..."
        )
    began, asked = moved.now(), _Asked(predicate)
    if await moved.until(asked.holds, timeout):
        return asked.gave
    raise AssertionError(
        f"Not true after {timeout:g} s of virtual time (since {began:%H:%M:%S}): {asked}"
    ) from asked.objection


class _Asked:
    def __init__(self, predicate: Callable[[], Any]) -> None:
        self._predicate = predicate
        self.gave: Any = None
        self.objection: AssertionError | None = None

    async def holds(self) -> bool:
        try:
            given = self._predicate()
            self.gave = await given if inspect.isawaitable(given) else given
        except AssertionError as error:
            self.objection = error
            return False
        self.objection = None
        return bool(self.gave)

    def __str__(self) -> str:
        last = f"it said: {self.objection}" if self.objection else f"it gave {self.gave!r}"
        return f"{getattr(self._predicate, '__qualname__', self._predicate)}; {last}"
