"""A process that works on a database until it is told to stop."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.worker import Worker
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.containers import made
from vespera.interfaces.cli.failures import Interrupted
from vespera.interfaces.cli.stopping import Stopping
from vespera.interfaces.cli.work_display import Display, WorkLog

Prepare = Callable[[Container], Coroutine[object, object, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """How a worker is to work. ``drain``: for how many seconds after the first signal what is
    under way may go on. ``prepare`` is called once before it begins.
    """

    drain: float
    until_idle: bool = False
    uvloop: bool = False
    gc_freeze: bool = False
    prepare: Prepare | None = None


def work(
    kind: type[Container], settings: Mapping[str, object], order: WorkOrder, display: Display
) -> None:
    """Work until all is idle, if that is the order, or until a signal.

    The first SIGINT or SIGTERM drains, the second interrupts what is still under way, a third ends
    the process at once. Whatever has not ended is pending again, for the next worker.

    Raises:
        Interrupted: a signal stopped it, in good order.
    """
    stopping = Stopping(
        f"stopping; what is under way may go on for {order.drain:g} s; a second signal"
        " interrupts it",
        "interrupting; a third signal ends the process at once",
    )
    with stopping.by_signals(), asyncio.Runner(loop_factory=_loop_factory(order)) as runner:
        runner.run(_work(kind, settings, order, display, stopping))
    if stopping.received is not None:
        raise Interrupted(stopping.received, "stopped; what had not ended is pending again")


def _loop_factory(order: WorkOrder) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if not order.uvloop:
        return None
    try:
        import uvloop
    except ModuleNotFoundError as error:
        raise click.BadParameter(
            "uvloop is an extra: pip install 'vespera[uvloop]'", param_hint="--loop"
        ) from error
    return uvloop.new_event_loop


async def _work(
    kind: type[Container],
    settings: Mapping[str, object],
    order: WorkOrder,
    display: Display,
    stopping: Stopping,
) -> None:
    drain, interrupt = asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stopping.does(drain.set, interrupt.set))
        container = await stack.enter_async_context(made(kind, settings))
        log = WorkLog(display, container.get(Clock))
        stack.callback(log.close)
        stack.enter_context(container.get(Worker).watched_by(log.hear))
        await _begin(container, order)
        log.ready(_facts(container))
        stack.push_async_callback(_end, log.redrawn())
        await _until_told(container, order, drain)
        await _drain(container.get(TaskOrchestrator), order.drain, interrupt)


async def _begin(container: Container, order: WorkOrder) -> None:
    if order.prepare is not None:
        await order.prepare(container)
    await container.get(TaskOrchestrator).start()
    if order.gc_freeze:
        gc.collect()
        gc.freeze()


def _facts(container: Container) -> Mapping[str, object]:
    path = container.get("database").path
    return {
        "database": "memory" if path is None else str(path),
        "concurrency": container.config.concurrency(),
        "worker": container.get(Engine).owner,
    }


async def _until_told(container: Container, order: WorkOrder, drain: asyncio.Event) -> None:
    """Return when a signal came, or all is idle and that is enough.

    Raises:
        Exception: the defect that ended the worker.
    """
    ends = [drain.wait(), container.get(Worker).over()]
    if order.until_idle:
        ends.append(container.get(TaskOrchestrator).run_until_idle())
    await _first_of(ends)


async def _drain(orchestrator: TaskOrchestrator, seconds: float, interrupt: asyncio.Event) -> None:
    async def at_once() -> None:
        await interrupt.wait()
        await orchestrator.stop(drain=0)

    await _first_of([orchestrator.stop(drain=seconds), at_once()])


async def _first_of(ends: Sequence[Coroutine[object, object, object]]) -> None:
    """Run all until one of them ends; the others are cancelled."""
    tasks = [asyncio.ensure_future(end) for end in ends]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            await _end(task)
    for task in done:
        task.result()


async def _end(task: "asyncio.Task[object]") -> None:
    task.cancel()
    await asyncio.wait({task})
