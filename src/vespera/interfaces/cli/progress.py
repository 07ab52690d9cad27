"""How far the work has come, on stderr: a bar on a terminal, plain lines in a pipe."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import click

from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository
from vespera.domain.errors import VesperaError
from vespera.domain.task import FINISHED, TaskStatus
from vespera.interfaces.cli.pipes import silenced_if_unread

AT_REST = FINISHED | {TaskStatus.EXECUTED, TaskStatus.ASSIGNED}  # nothing to do for the worker


@dataclass(frozen=True, slots=True)
class Count:
    """How many tasks have come to rest, how many there are, how many have failed, and how many
    wait for something.
    """

    done: int
    total: int
    failed: int
    waiting: int = 0

    def since(self, start: "Count") -> "Count":
        """What has changed since ``start``, and what is still to do.

        Tasks that earlier runs have dealt with are none of this one's; those that they left to do
        are taken up by this one.
        """
        done = max(self.done - start.done, 0)
        failed = max(self.failed - start.failed, 0)
        return Count(done, done + self.total - self.done, failed, self.waiting)

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        waiting = f", {self.waiting} waiting" if self.waiting else ""
        return f"{self.done}/{self.total} tasks{failed}{waiting}"


@asynccontextmanager
async def shown_progress(tasks: TaskRepository, clock: Clock) -> AsyncIterator[None]:
    """Show how the tasks get on for as long as the block runs, and where they stand after it."""
    meter = _Bar() if sys.stderr.isatty() else _Lines()
    start = await _count(tasks)
    watch = asyncio.create_task(_watch(tasks, clock, meter, start), name="vespera progress")
    try:
        yield
        await _show(tasks, meter, start)
    finally:
        watch.cancel()
        await asyncio.wait([watch])
        meter.close()


async def _watch(tasks: TaskRepository, clock: Clock, meter: "_Bar | _Lines", start: Count) -> None:
    while True:
        await clock.sleep(meter.interval)
        await _show(tasks, meter, start)


async def _show(tasks: TaskRepository, meter: "_Bar | _Lines", start: Count) -> None:
    with suppress(VesperaError):  # the program meets the same trouble, and tells of it
        count = (await _count(tasks)).since(start)
        try:
            meter.show(count)
        except BrokenPipeError:  # nobody watches; the work goes on
            silenced_if_unread(sys.stderr)


async def _count(tasks: TaskRepository) -> Count:
    counts = await tasks.count_by_status()
    done = sum(counts.get(status, 0) for status in AT_REST)
    failed, waiting = (counts.get(s, 0) for s in (TaskStatus.FAILED, TaskStatus.WAITING))
    return Count(done, sum(counts.values()), failed, waiting)


class _Lines:
    """A line whenever something has changed, every other second at most."""

    interval = 2.0

    def __init__(self) -> None:
        self._last = Count(0, 0, 0)

    def show(self, count: Count) -> None:
        """Print the count if it is another one than before."""
        if count != self._last:
            self._last = count
            click.echo(str(count), err=True)

    def close(self) -> None:
        """Nothing to take away."""


class _Bar:
    """A bar that goes when the work is done. What the program prints appears above it."""

    interval = 0.2

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._tasks = self._progress.add_task("", total=None)

    def show(self, count: Count) -> None:
        """Draw the bar, from the first task on."""
        if count.total:
            self._progress.start()
            self._progress.update(
                self._tasks, completed=count.done, total=count.total, description=str(count)
            )
            self._progress.refresh()

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()
