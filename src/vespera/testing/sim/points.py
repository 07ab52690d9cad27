"""The points at which a process can die, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vespera.domain.errors import InvalidRequest

KINDS = ("commit", "effect", "file")
EVENT = "event"
BEFORE, AFTER, TORN = "before", "after", "torn"
_LETTERS = {"commit": "c", "effect": "e", "file": "f", EVENT: "v"}

Mark = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a life at which it can end.

    Attributes:
        kind: "commit", "effect", "file" or "event".
        number: which of its kind, from 1.
        moment: "before", "after" or "torn"; empty for an event.
        operation: the number of the operation; of an event, its own.
        mark: what would outlive the process here; points of the same mark are alike.
        text: what happens there.
        lost: how many commits a power cut takes away.
    """

    kind: str
    number: int
    moment: str = ""
    operation: int = 0
    mark: Mark = ()
    text: str = ""
    lost: int = 0

    @property
    def code(self) -> str:
        """Its name in a command: ``c3a`` is after commit 3."""
        lost = f"p{self.lost}" if self.lost else ""
        return f"{_LETTERS[self.kind]}{self.number}{self.moment[:1]}{lost}"

    def __str__(self) -> str:
        where = {TORN: "in the middle of"}.get(self.moment, self.moment or "after")
        lost = f", and power cut: the last {self.lost} commits are lost" if self.lost else ""
        return f"{where} {self.kind} {self.number} ({self.text}){lost}"

    def losing(self, commits: int) -> "Point":
        """The same with a power cut."""
        return replace(self, lost=commits)


def checked_kinds(at: str | Sequence[str], every: str | None) -> tuple[str, ...]:
    """The kinds of points to die at.

    Raises:
        InvalidRequest: one of them is unknown, or there is none.
    """
    kinds = (at,) if isinstance(at, str) else tuple(at)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise InvalidRequest(
            f"{', '.join(map(repr, unknown))}: no such point; there are {', '.join(KINDS)}",
            field="at",
        )
    if every not in {None, EVENT}:
        raise InvalidRequest(f"{every!r}: there is only {EVENT!r}, or None", field="every")
    if every:
        kinds += (EVENT,)
    if not kinds:
        raise InvalidRequest(f"give some of {', '.join(KINDS)}, or every={EVENT!r}", field="at")
    return kinds
