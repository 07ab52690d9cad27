"""What earlier attempts at a task have recorded of files, against what this one asks for."""

import os
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vespera.domain.errors import NonDeterministicTask
from vespera.domain.file_operation import DIGEST, FileOperation, OperationKind, Phase
from vespera.domain.ids import TaskId
from vespera.domain.task import Task

ORDER = "vespera:order"
"""In a context: the how-manieth operation it is that the task has asked for at this path."""
GIVEN = "vespera:given"
"""In a context: the path as it was asked for, where it is recorded in another spelling."""
EPOCH = "vespera:epoch"
"""In a context: how often the task had failed, and been retried, when it was recorded."""
MARK = "vespera:mark"
"""In a context: what tells the act from others of its kind at the same paths."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One request for a file operation: the ``number``-th at the path ``given``."""

    given: str
    number: int


class FileMemory:
    """An operation is told apart by its path and by how often that was asked for, not by its place
    among all others: what is done side by side needs no order.

    A crash does not change which way a handler goes; what it recorded since the task failed last,
    in this *epoch*, it must ask for again. What it recorded before that is remembered as long as it
    asks for the same; where it goes another way, the rest of it at that path is the past.

    ``open`` are the acts that were announced, and are not known to be done.
    """

    def __init__(self, task_id: TaskId, recorded: Sequence[FileOperation], epoch: str) -> None:
        self.epoch = epoch
        self._task_id = task_id
        self._known: dict[str, dict[int, FileOperation]] = {}
        self._asked: dict[str, int] = {}
        self._new: list[str] = []
        self._last = recorded[-1].id if recorded else None
        for operation in recorded:
            if operation.phase is not Phase.REFUSED and ORDER in operation.context:
                self._learn(operation)
        self.open = {one.id: one for one in recorded if one.phase is Phase.INTENT and is_ours(one)}

    @property
    def moves(self) -> Sequence[FileOperation]:
        """Those that are recorded."""
        known = (one for numbered in self._known.values() for one in numbered.values())
        return [one for one in known if one.kind is OperationKind.MOVE]

    def ticket(self, kind: OperationKind, paths: Sequence[object]) -> Ticket:
        """Count the request; to be called before anything is awaited, so that what is asked for
        side by side is counted in the same order each time. A copy is asked for at its destination.
        """
        given = _text_of(paths[_place_of(kind)])
        self._asked[given] = number = self._asked.get(given, 0) + 1
        return Ticket(given, number)

    def context(self, ticket: Ticket, path: str = "") -> dict[str, object]:
        """What the context of the operation says of the request; ``path`` is its, if known."""
        told: dict[str, object] = {ORDER: ticket.number, EPOCH: self.epoch}
        return told if ticket.given == path else {**told, GIVEN: ticket.given}

    def knows(self, ticket: Ticket) -> bool:
        """Whether anything is recorded of the request."""
        return ticket.number in self._known.get(ticket.given, ())

    def recall(
        self,
        ticket: Ticket,
        paths: Sequence[str],
        kinds: Sequence[OperationKind],
        is_same: Callable[[FileOperation], bool] = lambda _: True,
    ) -> FileOperation | None:
        """What is recorded of the request; None: it is a new one.

        Args:
            ticket: of the request.
            paths: that it is of, as located.
            kinds: as what it can have been recorded.
            is_same: whether what an earlier epoch recorded is what is asked for now.

        Raises:
            NonDeterministicTask: within the epoch, the handler asked for something else.
        """
        known = self._known.get(ticket.given, {}).get(ticket.number)
        fits = known is not None and known.paths == tuple(paths) and known.kind in kinds
        if known is not None and self.is_of_now(known):
            if not fits:
                asked = f"{kinds[-1]} {_way(paths)}"
                raise self._astray([known], f"its handler now asks for {asked} instead")
            return known
        if known is not None and fits and is_same(known):
            return known
        self._forget(ticket)
        return None

    def note(self, kind: OperationKind, paths: Sequence[str]) -> None:
        """Remember that a new one was recorded."""
        self._new.append(f"{kind} {_way(paths)}")

    def check(self, beyond: Sequence[str] = ()) -> None:
        """Judge, at the handler's end, whether it asked for all that the epoch had recorded; but if
        it asked for nothing new, it may have come less far.

        Args:
            beyond: what it was about to do besides.

        Raises:
            NonDeterministicTask: it did something else instead.
        """
        missing = [
            one
            for given, numbered in self._known.items()
            for number, one in numbered.items()
            if number > self._asked.get(given, 0) and self.is_of_now(one)
        ]
        new = [*self._new, *map(repr, beyond)]
        if missing and new:
            instead = ", ".join(new[:3])
            told = f"its handler did not ask for it again; it asked for {instead} instead"
            raise self._astray(missing, told)

    def is_last(self, operation: FileOperation) -> bool:
        """Whether nothing was recorded behind it, by this attempt neither."""
        return self._last == operation.id and not self._new

    def is_of_now(self, operation: FileOperation) -> bool:
        """Whether it was recorded since the task failed last."""
        return operation.context.get(EPOCH) == self.epoch

    def _learn(self, operation: FileOperation) -> None:
        path = operation.paths[_place_of(operation.kind)]
        numbered = self._known.setdefault(str(operation.context.get(GIVEN, path)), {})
        number = int(str(operation.context[ORDER]))
        epoch = operation.context.get(EPOCH)
        for later in [
            n for n in numbered if n >= number and numbered[n].context.get(EPOCH) != epoch
        ]:
            del numbered[later]  # another way was gone since
        numbered[number] = operation

    def _forget(self, ticket: Ticket) -> None:
        """What earlier epochs did from here on at this path is the past."""
        numbered = self._known.get(ticket.given, {})
        for number in [n for n in numbered if n >= ticket.number]:
            if not self.is_of_now(numbered[number]):
                del numbered[number]

    def _astray(self, known: Sequence[FileOperation], told: str) -> NonDeterministicTask:
        first = f"{known[0].kind} {_way(known[0].paths)}"
        more = f" and {len(known) - 1} more" if len(known) > 1 else ""
        return NonDeterministicTask(
            f"Task {self._task_id!r} recorded {first}{more} as a file operation; {told}. After a"
            " crash, a handler must ask for the same operations again."
        )


def is_ours(operation: FileOperation) -> bool:
    """Whether it is an act of ``task.files``; else somebody only says something."""
    return not {DIGEST, MARK}.isdisjoint(operation.context)


def epoch_of(task: Task) -> str:
    """How often the task has failed since it was last retried, and how often it was retried."""
    return f"{task.retries}.{task.failures}"


def _place_of(kind: OperationKind) -> int:
    return -1 if kind is OperationKind.COPY else 0


def _text_of(path: object) -> str:
    """As what it is counted; what is no path is refused elsewhere."""
    if not isinstance(path, str | bytes | os.PathLike):
        return ascii(path)
    given = os.fspath(path)
    text = given.decode("utf-8", "surrogateescape") if isinstance(given, bytes) else given
    return posixpath.normpath(text) if text else text


def _way(paths: Sequence[str]) -> str:
    return " -> ".join(map(repr, paths))
