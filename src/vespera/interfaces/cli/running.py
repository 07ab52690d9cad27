"""Runs a program until it is done, or until a signal stops it in good order."""

import asyncio
from collections.abc import Mapping

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.interfaces.cli.containers import made
from vespera.interfaces.cli.failures import Interrupted, UnusualEnd
from vespera.interfaces.cli.programs import Program
from vespera.interfaces.cli.progress import shown_progress
from vespera.interfaces.cli.stopping import Stopping


def run_program(program: Program, settings: Mapping[str, object], given: object) -> object:
    """What the program's `main` returns.

    The first SIGINT or SIGTERM cancels it, and the container is cleaned up; what was under way is
    resumed by the next run. A second signal ends the process at once, whatever it waits for.

    Raises:
        Interrupted: a signal stopped it.
        SystemExit: it called `sys.exit`.
        UnusualEnd: it ended by something else that is no `Exception`.
    """
    stopping = Stopping("stopping; a second Ctrl-C ends the process at once")
    with stopping.by_signals():
        try:
            result = asyncio.run(_work(program, settings, given, stopping))
        except asyncio.CancelledError as error:
            if stopping.received is None:
                raise UnusualEnd from error
            raise Interrupted(stopping.received) from error
        except (Exception, SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise UnusualEnd from error
    if stopping.received is not None:
        raise Interrupted(stopping.received)
    return result


async def _work(
    program: Program, settings: Mapping[str, object], given: object, stopping: Stopping
) -> object:
    task = asyncio.current_task()
    assert task is not None
    with stopping.does(task.cancel):
        async with (
            made(program.container, settings) as container,
            shown_progress(container.get(TaskRepository), container.get(Clock)),
        ):
            await container.get(TaskOrchestrator).start()
            return await program.main(container, given)
