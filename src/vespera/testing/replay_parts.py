"""What stands behind a replay: everything is remembered, and nothing is done."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from os import fsdecode, fspath
from typing import Any, NoReturn

from vespera.application.ports.files import AnyPath
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.steps import Key, StepLog
from vespera.application.runtime.turns import Turns
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.domain.errors import NonDeterministicTask, PathRefused
from vespera.domain.file_operation import FileOperation, Phase, UnknownState
from vespera.domain.ids import TaskId
from vespera.domain.step import PATCH_PREFIX, UNDO_PREFIX, StepRecord
from vespera.domain.task import Task
from vespera.infrastructure.files.looking import digest_of
from vespera.testing.errors import TestingError
from vespera.testing.turns import one_turn

PATIENT = 50  # turns of the loop, fewer than those after which a replay is judged


class Frontier:
    """Where the recorded part of a task ends. Whoever would do something new stays there.

    Attributes:
        reached: set when the first one has come.
        moves: how often something was asked for.
        files: those that would be touched.
    """

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.moves = 0
        self.files: list[str] = []
        self.over = False

    async def stay(self) -> NoReturn:
        """Until the replay is over."""
        self.reached.set()
        for_ever: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        await for_ever

    def __getattr__(self, name: str) -> Any:
        """In the place of a repository or a file store: all that it would do is new."""

        async def stay(*_: object, **__: object) -> NoReturn:
            await self.stay()

        return stay


class ReplayTurns(Turns):
    """Where no time passes: a handler that does not ask for what is recorded is waited for as long
    as others ask for something.
    """

    __slots__ = ("_frontier",)

    def __init__(self, frontier: Frontier, **of_turns: Any) -> None:
        super().__init__(**of_turns)
        self._frontier = frontier

    async def _patiently(self, turn: asyncio.Future[None]) -> None:
        still, moves = 0, self._frontier.moves
        while not turn.done():
            if still == PATIENT:
                self._frontier.moves += 1  # from here on it goes on
                raise TimeoutError
            await one_turn()
            still = still + 1 if self._frontier.moves == moves else 0
            moves = self._frontier.moves

    def _come(self, moment: datetime) -> None:
        super()._come(moment)
        self._frontier.moves += 1


class ReplayLog(StepLog):
    """Knows what was asked for beyond the record.

    Attributes:
        beyond: names that are not recorded, or whose record is not the last word: a failure of an
            earlier epoch, a wait that has not ended.
    """

    def __init__(self, *, frontier: Frontier, added: Mapping[str, bytes], **of_log: Any) -> None:
        super().__init__(**of_log)
        self._frontier, self._added = frontier, added
        self.turns = ReplayTurns(
            frontier, records=of_log["records"], is_due=self.is_due, clock=of_log["clock"]
        )
        self.beyond: list[str] = []

    def ask(self, name: str) -> tuple[Key, StepRecord | None]:
        """As ``StepLog.ask``; what was ``added`` is taken for recorded."""
        if self._frontier.over:
            raise asyncio.CancelledError  # from a handler's clean-up, after all is judged
        self._frontier.moves += 1
        known = (name, self._asked.get(name, 0) + 1) in self._recorded
        key, record = super().ask(name)
        if record is None and not known and name in self._added:
            return key, self._of(key, value=self._added[name])
        if record is None or record.open:
            self.beyond.append(name)
        return key, record

    def find(self, key: Key) -> StepRecord | None:
        """As ``StepLog.find``; where the history ends, a change of the handler holds."""
        record = super().find(key)
        if record is None and key[0].startswith(PATCH_PREFIX) and not self.has_more():
            return self._of(key, value=b"null")
        return record

    def unasked(self) -> list[str]:
        """What is recorded and was not asked for."""
        return [record.name for record in self._recorded.values() if self.is_due(record)]

    def judge(self, *, ended: bool, complete: bool) -> None:
        """Judge where the handler has stopped.

        Args:
            ended: it came to its end.
            complete: it did so, too, when the history was recorded.

        Raises:
            NonDeterministicTask: it went another way than the history; names what differs.
        """
        unasked, task_id = self.unasked(), self._task.id
        if unasked and (ended or self.beyond):
            asked = f"; it asked for {_listed(self.beyond)} instead" if self.beyond else ""
            raise NonDeterministicTask(
                f"Task {task_id!r} recorded the step {_listed(unasked)}, but the handler did not"
                f" ask for it again{asked}. Running tasks would fail with this code."
            )
        if complete and not ended:
            beyond = [f"the step {name!r}" for name in dict.fromkeys(self.beyond)]
            beyond += [f"the file {path!r}" for path in self._frontier.files]
            raise NonDeterministicTask(
                f"Task {task_id!r} is complete, but the handler asks for {', '.join(beyond)}, which"
                " is not recorded. If a step is new on purpose, give its value:"
                " replay(..., added={name: value})."
            )


class HaltedPresence(Presence):
    """Never lets work begin."""

    def __init__(self, frontier: Frontier, *args: Any) -> None:
        super().__init__(*args)
        self._frontier = frontier

    async def begin_work(self) -> None:
        """Stay at the frontier."""
        await self._frontier.stay()


class KnownTasks:
    """As much of a ``TaskRepository`` as a ``TaskContext`` asks for."""

    def __init__(self, frontier: Frontier, dependencies: Sequence[Task] | None) -> None:
        self._frontier, self._dependencies = frontier, dependencies

    async def get(self, task_id: TaskId) -> Task:
        """Asked for by what waits."""
        await self._frontier.stay()

    async def dependencies_of(self, task_id: TaskId) -> Sequence[Task]:
        """Those that were given."""
        if self._dependencies is None:
            raise TestingError(
                "task.dependencies(): a history does not tell what came of other tasks. Give"
                " dependencies={id: TaskOutcome(...)}."
            )
        return self._dependencies


class KnownFiles:
    """As much of a ``FileStore`` as a replay of recorded operations needs."""

    def __init__(
        self,
        frontier: Frontier,
        operations: Sequence[FileOperation],
        contents: Mapping[str, bytes],
    ) -> None:
        self._frontier, self._contents = frontier, contents
        self._paths = {operation.path for operation in operations}
        self._refused = {op.path: op.after for op in operations if op.phase is Phase.REFUSED}

    async def locate(self, path: AnyPath) -> str:
        """The path as it is recorded; of an absolute one, the end that is."""
        self._frontier.moves += 1
        given = fsdecode(fspath(path))
        match self._refused.get(given):
            case UnknownState(reason):
                raise PathRefused(given, reason)
            case _:
                where = _plain(given)
        ends = [known for known in self._paths if where.endswith(f"/{known}")]
        return max(ends, key=len) if where.startswith("/") and ends else where

    async def read(self, path: str) -> bytes:
        """The content that was given."""
        if path not in self._contents:
            raise TestingError(
                f"task.files: a history has no contents of files. Give files={{{path!r}: b'...'}}."
            )
        return self._contents[path]

    def digest(self, content: bytes) -> str:
        """See ``FileStore.digest``."""
        return digest_of(content)

    def __getattr__(self, name: str) -> Any:
        """All else would touch a file, or record that one is touched."""

        async def stay(path: Any, *_: object, **__: object) -> NoReturn:
            touched = path[0] if isinstance(path, list) else fsdecode(fspath(path))
            self._frontier.files.append(touched)
            await self._frontier.stay()

        return stay


class NothingKept(ReplacedContents):
    """A history has no contents; what was read is what is given for it."""

    def __init__(self) -> None:
        """There is no store."""

    async def keep(self, operation: FileOperation) -> None:
        """Nothing is replaced."""

    async def get(self, digest: str) -> bytes | None:
        """Nothing is there."""
        return None


def without_undoing(records: Sequence[StepRecord]) -> list[StepRecord]:
    """What the handler itself has asked for."""
    return [record for record in records if not record.name.startswith(UNDO_PREFIX)]


def _plain(path: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in dict.fromkeys(names))
