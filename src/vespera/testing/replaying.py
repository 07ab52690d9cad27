"""A task's exported history, gone through again by today's code, with nothing done."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Final

from vespera.application.ports.histories import TaskHistory
from vespera.application.runtime.children import ChildWork
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.costs.tracker import CostTracker
from vespera.application.runtime.crew import Crew
from vespera.application.runtime.equipment import AttemptWork, Equipment
from vespera.application.runtime.file_notes import FileWork
from vespera.application.runtime.intake import Intake
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.waits import WaitWork
from vespera.application.usecases.history_document import HistoryForm
from vespera.domain.errors import NonDeterministicTask
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task, TaskOutcome, TaskStatus
from vespera.infrastructure.codec.json_forms import JsonForms
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.di.base import BaseContainer
from vespera.testing.clock import VirtualClock
from vespera.testing.errors import TestingError
from vespera.testing.one_task import ProgressOfOneTask
from vespera.testing.replay_parts import (
    Frontier,
    HaltedPresence,
    KnownFiles,
    KnownTasks,
    NothingKept,
    ReplayLog,
    without_undoing,
)
from vespera.testing.turns import one_turn
from vespera.testing.unheld_resources import UnheldResources

History = Mapping[str, object] | str | PathLike[str]
COMPLETE = frozenset({TaskStatus.EXECUTED, TaskStatus.COMPLETED})
STILL: Final = 100
"""Turns of the event loop without a question, after which nobody will ask any more."""

_NO_LIMIT = 2**40
_LEASE = timedelta(days=3650)
_OWNER = OwnerId("the replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How far today's code has come with a history.

    ``outcome`` is what the handler handed back, ``recorded`` what it had handed back when the task
    was executed. ``stops_at`` names what it would do or wait for next, where the history ends; it
    is empty if the handler came to its end. ``error`` is what it raised, if the task had failed.
    """

    outcome: TaskOutcome | None = None
    recorded: TaskOutcome | None = None
    stops_at: tuple[str, ...] = ()
    error: Exception | None = None


async def replay(
    history: History,
    runner: object,
    *,
    added: Mapping[str, object] | None = None,
    dependencies: Mapping[str, TaskOutcome] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Replayed:
    """Run a handler over the history of a task, and see whether it goes the same way.

        replayed = await replay("histories/order-7.json", Checkout(payment=AsyncMock()))
        assert replayed.outcome == replayed.recorded

    Nothing is done: recorded steps, waits, children and files give what they gave, and no function
    is called. Where the history ends the handler is stopped.

    Args:
        history: what ``export_task`` gave, or the path of a file with it as JSON.
        runner: a specialist (an object with ``execute``, or a function), several versions of one
            in a list, or a container that has one for the task's type and version.
        added: what steps give that are new in the code, by name.
        dependencies: what ``task.dependencies()`` gives, by id.
        files: contents for ``task.files.read_bytes`` and ``read_text``, by path.

    Raises:
        NonDeterministicTask: the handler did not ask for a step that is recorded, or asked for one
            that is not, though the task is complete; names both. A running task would fail so.
        InvalidRequest: the history is damaged, or redacted; the place in it is named.
        SpecialistError: nobody does tasks of this type.
        Exception: what the handler raised, unless the task had failed.
    """
    codec = MsgspecCodec(_NO_LIMIT)
    form = HistoryForm(codec=codec, forms=JsonForms(codec, _NO_LIMIT))
    known = form.history(_document(history))
    handler = _handler(runner, known.task)
    given = {name: codec.encode(value, what=name) for name, value in (added or {}).items()}
    parts = _Parts(known, codec, given, dependencies, files or {})
    return await _Run(known, handler, parts).result()


class _Parts:
    """What the handler's ``TaskContext`` is made of."""

    def __init__(
        self,
        history: TaskHistory,
        codec: MsgspecCodec,
        added: Mapping[str, bytes],
        dependencies: Mapping[str, TaskOutcome] | None,
        files: Mapping[str, bytes],
    ) -> None:
        self.frontier = Frontier()
        self.outcomes = Outcomes(codec)
        self._history, self._codec = history, codec
        self._task = _last_attempt(history.task)
        self._clock = VirtualClock(history.task.updated_at)
        self._nothing: Any = self.frontier
        self._contents = files
        self._tasks: Any = KnownTasks(self.frontier, self._done(dependencies))
        self.log = ReplayLog(
            frontier=self.frontier,
            added=added,
            task=self._task,
            owner=_OWNER,
            records=without_undoing(history.steps),
            beats=history.heartbeats,
            steps=self._nothing,
            codec=codec,
            clock=self._clock,
            lease=_LEASE,
        )

    def context(self) -> TaskContext:
        """The task, as its handler sees it."""
        unheld: Any = UnheldResources()
        work = AttemptWork(
            tasks=self._tasks,
            codec=self._codec,
            outcomes=self.outcomes,
            supervision=Supervision(clock=self._clock, chance=lambda: 0.5, threads=self._nothing),
            files=self._file_work(),
            progress=ProgressOfOneTask(),
            waits=self._wait_work(),
            children=self._child_work(),
            resources=lambda: unheld,
            costs=CostTracker,  # whatever was spent was so before
        )
        self._equipment = Equipment(
            task=self._task,
            log=self.log,
            presence=HaltedPresence(self.frontier, self._clock),
            work=work,
            operations=self._history.operations,
        )
        return TaskContext(self._equipment)

    def judge(self, *, ended: bool, complete: bool) -> None:
        """Judge where the handler has stopped; see ``ReplayLog.judge``.

        Raises:
            NonDeterministicTask: it went another way than the history; names what differs.
        """
        self._equipment.files.check(beyond=self.frontier.files)
        self.log.judge(ended=ended, complete=complete)

    def _wait_work(self) -> WaitWork:
        return WaitWork(
            tasks=self._tasks,
            signals=self._nothing,
            notices=Notices(),
            codec=self._codec,
            clock=self._clock,
            linger=None,
        )

    def _child_work(self) -> ChildWork:
        return ChildWork(
            tasks=self._tasks,
            intake=Intake(codec=self._codec, clock=self._clock, new_id=lambda: "new"),
            outcomes=self.outcomes,
            notices=Notices(),
            crew=Crew(),
        )

    def _file_work(self) -> FileWork:
        store: Any = KnownFiles(self.frontier, self._history.operations, self._contents)
        return FileWork(
            store=store,
            operations=self._nothing,
            tracking=store,
            clock=self._clock,
            new_id=lambda: "new",
            replaced=NothingKept(),
        )

    def _done(self, dependencies: Mapping[str, TaskOutcome] | None) -> list[Task] | None:
        if dependencies is None:
            return None if self._history.depends_on else []
        encode = self.outcomes.encode
        return [
            replace(self._task, id=TaskId(name), status=TaskStatus.COMPLETED, outcome=encode(each))
            for name, each in dependencies.items()
        ]


class _Run:
    """One attempt at the history."""

    def __init__(
        self, history: TaskHistory, handler: Callable[[TaskContext], Any], parts: _Parts
    ) -> None:
        self._history, self._parts = history, parts
        self._complete = history.task.status in COMPLETE
        self._call = asyncio.ensure_future(self._called(handler))

    async def result(self) -> Replayed:
        log, outcomes = self._parts.log, self._parts.outcomes
        try:
            ended = await self._went_on()
            raised = self._call.exception() if ended else None
            if raised is not None and not self._may_raise(raised):
                raise raised
            self._parts.judge(ended=ended, complete=self._complete)
        finally:
            await self._stop()
        stored = self._history.task.outcome
        return Replayed(
            outcome=None if raised or not ended else outcomes.decode(self._encoded()),
            recorded=None if stored is None else outcomes.decode(stored),
            stops_at=() if ended else (*dict.fromkeys(log.beyond), *self._parts.frontier.files),
            error=raised if isinstance(raised, Exception) else None,
        )

    def _may_raise(self, error: BaseException) -> bool:
        """Whether it may be what the task had failed with."""
        told_by_us = isinstance(error, TestingError | NonDeterministicTask)
        return self._history.task.status is TaskStatus.FAILED and not told_by_us

    async def _called(self, handler: Callable[[TaskContext], Any]) -> object:
        returned = handler(self._parts.context())
        return await returned if hasattr(returned, "__await__") else returned

    async def _went_on(self) -> bool:
        """Whether the handler came to its end; False once all of it has stopped at the frontier."""
        frontier = self._parts.frontier
        reached = asyncio.ensure_future(frontier.reached.wait())
        try:
            await asyncio.wait({self._call, reached}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reached.cancel()
        still, moves = 0, frontier.moves
        while still < STILL and not self._call.done():
            await one_turn()
            still = still + 1 if frontier.moves == moves else 0
            moves = frontier.moves
        return self._call.done()

    def _encoded(self) -> bytes:
        return self._parts.outcomes.encode(self._call.result())

    async def _stop(self) -> None:
        self._parts.frontier.over = True
        for _ in range(STILL):  # a handler's clean-up may wait as well
            if self._call.done():
                return
            self._call.cancel()
            await asyncio.wait({self._call}, timeout=0)
        raise TestingError("replay(): the handler does not end when it is cancelled.")


def _document(history: History) -> object:
    if isinstance(history, str | PathLike):
        return json.loads(Path(history).read_text(encoding="utf-8"))
    return history


def _handler(runner: object, task: Task) -> Callable[[TaskContext], Any]:
    if isinstance(runner, BaseContainer):
        return _registered(runner.get(Specialists), task)
    if isinstance(runner, type) and issubclass(runner, BaseContainer):
        raise TestingError(f"replay(): give a container, as {runner.__name__}(), not its class.")
    registry = Specialists(catalogue=dict)
    registry.register(task.specialist_type, runner)
    return registry.handler(task.specialist_type, task.handler_version)


def _registered(specialists: Specialists, task: Task) -> Callable[[TaskContext], Any]:
    kind, version = task.specialist_type, task.handler_version
    if not specialists.knows(kind):
        raise TestingError(f"replay(): {specialists.told_missing(kind)}.")
    if version is not None and not specialists.takes_version(kind, version):
        raise TestingError(f"replay(): {specialists.told_refused(kind, version)}")
    return specialists.handler(kind, version)


def _last_attempt(task: Task) -> Task:
    """The task as its last attempt saw it; or, if there is to be another, as that will."""
    if task.status is TaskStatus.FAILED and task.failures:
        return replace(task, failures=task.failures - 1, status=TaskStatus.RUNNING)
    return replace(task, status=TaskStatus.RUNNING)
