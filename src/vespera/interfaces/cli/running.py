"""Runs a program until it is done, or until a signal stops it in good order."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.interfaces.cli.containers import made
from vespera.interfaces.cli.failures import Interrupted, UnusualEnd
from vespera.interfaces.cli.programs import Program
from vespera.interfaces.cli.progress import shown_progress

WATCHED = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"  # the bar hides it


def run_program(program: Program, settings: Mapping[str, object], given: object) -> object:
    """What the program's `main` returns.

    The first SIGINT or SIGTERM cancels it, and the container is cleaned up; what was under way is
    resumed by the next run. A second signal ends the process at once, whatever it waits for.

    Raises:
        Interrupted: a signal stopped it.
        SystemExit: it called `sys.exit`.
        UnusualEnd: it ended by something else that is no `Exception`.
    """
    stop = _Stop()
    with stop.by_signals():
        try:
            result = asyncio.run(_work(program, settings, given, stop))
        except asyncio.CancelledError as error:
            if stop.received is None:
                raise UnusualEnd from error
            raise Interrupted(stop.received) from error
        except (Exception, SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise UnusualEnd from error
    if stop.received is not None:
        raise Interrupted(stop.received)
    return result


async def _work(
    program: Program, settings: Mapping[str, object], given: object, stop: "_Stop"
) -> object:
    with stop.of_this_task():
        async with (
            made(program.container, settings) as container,
            shown_progress(container.get(TaskRepository), container.get(Clock)),
        ):
            await container.get(TaskOrchestrator).start()
            return await program.main(container, given)


class _Stop:
    """What signals do. The first cancels a task; the second ends the process.

    The handler is Python's, not the event loop's: it is called, too, while something blocks the
    loop, and while threads are waited for after the loop's end.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._cancel: Callable[[], object] | None = None

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
    def of_this_task(self) -> Iterator[None]:
        """Have the current task cancelled."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._cancel = partial(loop.call_soon_threadsafe, task.cancel)
        if self.received is not None:
            task.cancel()
        try:
            yield
        finally:
            self._cancel = None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            _end_process(number)
        self.received = signal.Signals(number)
        _say("stopping; a second Ctrl-C ends the process at once")
        if self._cancel is not None:
            self._cancel()


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
