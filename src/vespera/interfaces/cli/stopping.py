"""What signals do to a command that works until it is told to stop."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

WATCHED = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"  # what is drawn on a terminal hides it


class Stopping:
    """Each signal is a stage further, which is announced; one after the last ends the process.

    The handler is Python's, not the event loop's: it is called, too, while something blocks the
    loop, and while threads are waited for after the loop's end.
    """

    def __init__(self, *announcements: str) -> None:
        """``announcements``: the line that is printed when a stage is reached, for each of them."""
        self._announcements = announcements
        self._stage = 0
        self._acts: Sequence[Callable[[], object]] = ()
        self.received: signal.Signals | None = None

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Handle signals. Once one was received, another ends the process after the block too."""
        before = {number: signal.signal(number, self._handle) for number in WATCHED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if self.received else handler)

    @contextmanager
    def does(self, *acts: Callable[[], object]) -> Iterator[None]:
        """Call one of these on the running event loop for each stage that is, or was, reached."""
        loop = asyncio.get_running_loop()
        self._acts = [partial(loop.call_soon_threadsafe, act) for act in acts]
        for act in self._acts[: self._stage]:
            act()
        try:
            yield
        finally:
            self._acts = ()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._stage == len(self._announcements):
            _end_process(number)
        self.received = self.received or signal.Signals(number)
        stage, self._stage = self._stage, self._stage + 1  # before the next one can come
        _say(self._announcements[stage])
        if self._acts:
            self._acts[stage]()


def _end_process(number: int) -> None:
    _say("ended at once; run the same command again to resume")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # process 1 of a container is spared by the signal


def _say(line: str) -> None:
    """Write a line past Python's buffers, which the signal may have found in use."""
    if sys.__stderr__ is None:
        return
    with suppress(OSError, ValueError):  # it is closed, or nobody reads it
        descriptor = sys.__stderr__.fileno()
        cursor = SHOW_CURSOR if os.isatty(descriptor) else ""
        if select.select([], [descriptor], [], 0)[1]:  # a full pipe must not hold up the end
            os.write(descriptor, f"{cursor}{line}\n".encode())
