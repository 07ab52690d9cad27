"""Runs a program until it is done, or until a signal stops it in good order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.interfaces.cli.failures import Interrupted
from vespera.interfaces.cli.programs import Program
from vespera.interfaces.cli.progress import shown_progress


def run_program(program: Program, settings: Mapping[str, object], given: object) -> object:
    """What the program's `main` returns.

    The first SIGINT or SIGTERM cancels it, and the container is cleaned up; what was under way is
    resumed by the next run. A second signal ends the process at once.

    Raises:
        Interrupted: a signal stopped it.
    """
    return asyncio.run(_until_done(program, settings, given))


async def _until_done(program: Program, settings: Mapping[str, object], given: object) -> object:
    work = asyncio.create_task(_work(program, settings, given), name="vespera run")
    with _cancelled_by_signals(work) as received:
        await asyncio.wait([work])
    if received and (work.cancelled() or work.exception() is None):
        raise Interrupted(received[0])
    return work.result()


async def _work(program: Program, settings: Mapping[str, object], given: object) -> object:
    async with (
        program.container(**settings) as container,
        shown_progress(container.get(TaskRepository), container.get(Clock)),
    ):
        await container.get(TaskOrchestrator).start()
        return await program.main(container, given)


@contextlib.contextmanager
def _cancelled_by_signals(work: asyncio.Task[object]) -> Iterator[list[signal.Signals]]:
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if received:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        received.append(number)
        work.cancel()

    watched = (signal.SIGINT, signal.SIGTERM)
    for number in watched:
        loop.add_signal_handler(number, stop, number)
    try:
        yield received
    finally:
        for number in watched:
            loop.remove_signal_handler(number)
