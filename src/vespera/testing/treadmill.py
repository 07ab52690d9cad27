"""Whether time passes and nothing comes of it."""

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary

from vespera.testing.deadlock import innermost_frame

_JUMPS_BETWEEN_LOOKS = 50


class Treadmill:
    """Looks at a virtual loop on which timers go on and on while its main task waits.

    A heartbeat, a poll or a renewal never ends by itself, so that there is always a timer. What
    counts as standing still: the main task waits for one and the same future, no timer is left
    from before that began, and for so many real seconds the tasks have been the same ones,
    suspended at the same places again and again.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._jumps = 0
        self._awaited: object = None
        self._first_timer = 0
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._pictures: set[int] = set()
        self._since = 0.0

    def is_trodden(self, main: "asyncio.Future[Any] | None", patience: float) -> bool:
        """Whether nothing has come of the jumps of time for ``patience`` real seconds.

        To be asked before each jump.
        """
        self._jumps += 1
        if self._jumps % _JUMPS_BETWEEN_LOOKS:
            return False
        awaited = getattr(main, "_fut_waiter", None)
        if awaited is None or awaited is not self._awaited:
            self._begin(awaited)
        picture = self._picture()
        if picture not in self._pictures:
            self._pictures.add(picture)
            self._since = _real_time()
            return False
        return _real_time() - self._since > patience and not self._has_old_timer()

    def _begin(self, awaited: object) -> None:
        self._awaited = awaited
        self._first_timer = next(self._loop._numbers)  # noqa: SLF001
        self._pictures.clear()

    def _picture(self) -> int:
        """Which tasks there are, and where they are suspended."""
        return hash(frozenset(map(self._place, asyncio.all_tasks(self._loop))))

    def _place(self, task: "asyncio.Task[Any]") -> tuple[int, int]:
        number = self._tasks.setdefault(task, next(self._loop._numbers))  # noqa: SLF001
        return number, getattr(innermost_frame(task), "f_lasti", -1)

    def _has_old_timer(self) -> bool:
        """Whether the main task may be waiting for a timer that has yet to come."""
        return any(
            timer.number < self._first_timer and not timer.cancelled()
            for timer in self._loop._scheduled  # noqa: SLF001
        )


def _real_time() -> float:
    return time.monotonic()  # noqa: TID251  # the patience of people, which no clock has
