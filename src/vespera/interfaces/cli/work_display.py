"""What a worker does, for people and programs: lines, JSON lines, or a table on a terminal."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import click

from vespera.application.ports.clock import Clock
from vespera.application.runtime.work_events import WorkEvent, WorkEventKind
from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.interfaces.cli.failures import printable
from vespera.interfaces.cli.pipes import silenced_if_unread

REDRAWN_EVERY = 0.5  # seconds
NO_END = frozenset(
    {WorkEventKind.BEGAN, WorkEventKind.TAKEN_BACK, WorkEventKind.TROUBLE}
    | {WorkEventKind.MENDED, WorkEventKind.FIRED}
)


@dataclass(frozen=True, slots=True)
class Underway:
    """A task that this worker is at, and since when."""

    task: Task
    since: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """An event with its moment and, at the end of an attempt, the seconds that it took."""

    event: WorkEvent
    at: datetime
    seconds: float | None


class Display(Protocol):
    """How events are shown."""

    def ready(self, facts: Mapping[str, object], at: datetime) -> None:
        """The worker has begun."""

    def tell(self, told: Told) -> None:
        """Something happened."""

    def draw(self, underway: Mapping[TaskId, Underway], now: datetime) -> None:
        """Show what is under way."""

    def close(self, ends: Mapping[str, int], at: datetime) -> None:
        """The worker has ended; ``ends`` counts what came of its attempts."""


class WorkLog:
    """Hears a worker's events, and shows them. Nobody who reads is no reason to stop working."""

    def __init__(self, display: Display, clock: Clock) -> None:
        self._display, self._clock = display, clock
        self._underway: dict[TaskId, Underway] = {}
        self._ends: Counter[str] = Counter()

    def ready(self, facts: Mapping[str, object]) -> None:
        """Show that the worker has begun, on what, and as whom."""
        with _unread_is_fine():
            self._display.ready(facts, self._clock.now())

    def hear(self, event: WorkEvent) -> None:
        """Show an event of the worker."""
        now, task = self._clock.now(), event.task
        seconds = None
        if event.kind is WorkEventKind.BEGAN and task is not None:
            self._underway[task.id] = Underway(task, now)
        elif event.kind not in NO_END and task is not None:
            self._ends[event.kind.value] += 1
            begun = self._underway.pop(task.id, None)
            seconds = (now - begun.since).total_seconds() if begun else None
        with _unread_is_fine():
            self._display.tell(Told(event, now, seconds))
            self._display.draw(self._underway, now)

    def redrawn(self) -> "asyncio.Task[object]":
        """An asyncio task that shows what is under way again and again, as times go on."""
        return asyncio.create_task(self._redraw(), name="vespera display")

    def close(self) -> None:
        """Show what came of it all."""
        with _unread_is_fine():
            self._display.close(dict(self._ends), self._clock.now())

    async def _redraw(self) -> None:
        while True:
            await self._clock.sleep(REDRAWN_EVERY)
            with _unread_is_fine():
                self._display.draw(self._underway, self._clock.now())


class Lines:
    """One line for each event."""

    def ready(self, facts: Mapping[str, object], at: datetime) -> None:
        """Print what the worker works on."""
        known = {name: value for name, value in facts.items() if name != "database"}
        rest = ", ".join(f"{name} {value}" for name, value in known.items())
        _print(f"{_moment(at)}  ready       {facts['database']} ({rest})")

    def tell(self, told: Told) -> None:
        """Print the event."""
        _print(line_of(told))

    def draw(self, underway: Mapping[TaskId, Underway], now: datetime) -> None:
        """Nothing: lines stand for themselves."""

    def close(self, ends: Mapping[str, int], at: datetime) -> None:
        """Print the counts."""
        _print(f"{_moment(at)}  stopped     {counts_of(ends)}")


class JsonLines:
    """One JSON object in one line for each event."""

    def ready(self, facts: Mapping[str, object], at: datetime) -> None:
        """Print what the worker works on."""
        _print_json({"event": "ready", "at": at.isoformat(), **facts})

    def tell(self, told: Told) -> None:
        """Print the event."""
        _print_json(form_of(told))

    def draw(self, underway: Mapping[TaskId, Underway], now: datetime) -> None:
        """Nothing: lines stand for themselves."""

    def close(self, ends: Mapping[str, int], at: datetime) -> None:
        """Print the counts."""
        _print_json({"event": "stopped", "at": at.isoformat(), "ended": dict(ends)})


class LiveTable:
    """A table of what is under way, below the lines of what has ended."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._lines = Console(highlight=False, markup=False)
        self._live = Live(console=self._lines, auto_refresh=False, transient=True)

    def ready(self, facts: Mapping[str, object], at: datetime) -> None:
        """Print what the worker works on, and begin to draw."""
        self._lines.print(f"working on {facts['database']}; Ctrl-C stops it")
        self._live.start()

    def tell(self, told: Told) -> None:
        """Print what is no beginning: that stands in the table."""
        if told.event.kind is not WorkEventKind.BEGAN:
            self._lines.print(printable(line_of(told)), soft_wrap=True)

    def draw(self, underway: Mapping[TaskId, Underway], now: datetime) -> None:
        """Draw the table anew."""
        from rich.table import Table
        from rich.text import Text

        table = Table("TYPE", "TITLE", "ID", "ATTEMPT", "SECONDS", box=None, title_justify="left")
        for one in underway.values():
            task, seconds = one.task, (now - one.since).total_seconds()
            row = (task.specialist_type, task.title, task.id, str(task.attempt), f"{seconds:.0f}")
            table.add_row(*(Text(printable(cell)) for cell in row))
        self._live.update(table, refresh=True)

    def close(self, ends: Mapping[str, int], at: datetime) -> None:
        """Take the table away, and print the counts."""
        self._live.stop()
        self._lines.print(f"stopped: {counts_of(ends)}")


def display_of(*, as_json: bool) -> Display:
    """The one that fits the standard output."""
    if as_json:
        return JsonLines()
    return LiveTable() if sys.stdout.isatty() else Lines()


def line_of(told: Told) -> str:
    """The event in one line."""
    event, task = told.event, told.event.task
    parts = [_moment(told.at), f"{event.kind.value:<10}"]
    if task is not None:
        attempt = f", attempt {task.attempt}" if task.attempt > 1 else ""
        seconds = "" if told.seconds is None else f", {told.seconds:.2f} s"
        parts.append(f"{task.specialist_type}: {task.title} ({task.id}{attempt}{seconds})")
    if event.told:
        parts.append(event.told)
    return "  ".join(" ".join(part.split()) if n > 1 else part for n, part in enumerate(parts))


def form_of(told: Told) -> dict[str, object]:
    """The event in JSON types."""
    event, task = told.event, told.event.task
    form: dict[str, object] = {"event": event.kind.value, "at": told.at.isoformat()}
    if task is not None:
        form |= {
            "task_id": task.id,
            "title": task.title,
            "specialist_type": task.specialist_type,
            "status": task.status.value,
            "attempt": task.attempt,
            "failures": task.failures,
        }
    if told.seconds is not None:
        form["seconds"] = told.seconds
    return form | ({"told": event.told} if event.told else {})


def counts_of(ends: Mapping[str, int]) -> str:
    """What came of a worker's attempts, in words."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(ends.items())) or "nothing done"


@contextmanager
def _unread_is_fine() -> Iterator[None]:
    """A block that may print to where nobody reads any more."""
    try:
        yield
    except BrokenPipeError:
        if not silenced_if_unread(sys.stdout):
            raise


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _print(line: str) -> None:
    click.echo(printable(line))


def _print_json(form: Mapping[str, object]) -> None:
    click.echo(json.dumps(form))
