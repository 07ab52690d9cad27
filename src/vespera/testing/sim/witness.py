"""Who lets a process live until a chosen point, and writes down what it did."""

from collections import defaultdict, deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from vespera.testing.sim.changes import FileChanges
from vespera.testing.sim.life import LifeDirector
from vespera.testing.sim.operations import COMMIT, EFFECT, Operation
from vespera.testing.sim.points import AFTER, BEFORE, EVENT, TORN, Mark, Point
from vespera.testing.sim.threads import FILE
from vespera.testing.world import Effect, World

_EVENT_TEXT = "a callback or an operation of the loop"


@dataclass(slots=True)
class Diary:
    """What happened in a life.

    Attributes:
        operations: every operation as it was carried out: in a line, and in full.
        lines: what changed something outside, for people.
        points: where it could have ended.
        events: how many events there were.
        death: where it was to end, if not by itself.
        judged: it came to its end, and the invariants were asked.
    """

    number: int
    operations: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    events: int = 0
    death: Point | None = None
    judged: bool = False

    @property
    def points_outside(self) -> list[Point]:
        """The points at which it changed something outside."""
        return [point for point in self.points if point.kind != EVENT]


class Witness(LifeDirector):
    """Follows a life up to ``death``, or to its end if that is None."""

    def __init__(
        self,
        world: World,
        number: int,
        death: Point | None,
        *,
        copies: int = 0,
        every_event: bool = False,
    ) -> None:
        self._world = world
        self._death = death
        self._counts: dict[str, int] = defaultdict(int)
        self._asked: dict[str, deque[int]] = defaultdict(deque)
        self._before: Mark = ()
        self._files = 0
        self._on_the_loop = FileChanges()
        self._told = self._version_now = world.database.version
        self._version = self._told
        self.copies: deque[bytes] = deque(maxlen=copies + 1)
        if copies:
            self.copies.append(world.database.copy())
        self._every_event = every_event
        self._is_over = False
        self.diary = Diary(number, death=death)

    def lifetime(self) -> AbstractContextManager[None]:
        """See ``LifeDirector.lifetime``."""
        return self._on_the_loop.watched()

    def close(self) -> None:
        """What follows is not part of the life that is explored."""
        self._is_over = True

    def dies_before(self, operation: Operation) -> bool:
        """See ``Director.dies_before``."""
        self._before = self._mark()
        return self._is_death(BEFORE, operation)

    def dies_after(self, operation: Operation) -> bool:
        """See ``Director.dies_after``."""
        self._files += FILE in operation.changes
        self._version_now = self._world.database.version  # it changes in operations only
        self._keep_a_copy()
        if not self._is_over:
            self._write_down(operation)
        return self._is_death(AFTER, operation) or self._is_death(TORN, operation)

    def dies_now(self, event: int) -> bool:
        """See ``Director.dies_now``."""
        if self._is_over:
            return False
        self.diary.events = event
        if self._version_now != self._told:
            self._told = self._version_now
            self._world.promised = self._world.promised.and_now(self._world.database.promises())
        if self._every_event:
            mark = self._mark()
            self.diary.points.append(Point(EVENT, event, "", event, mark, _EVENT_TEXT))
        death = self._death
        return death is not None and death.kind == EVENT and death.operation == event

    def tears(self, operation: Operation) -> bool:
        """See ``LifeDirector.tears``."""
        return self._is_death(TORN, operation)

    def did(self, effect: Effect, during: Operation | None) -> None:
        """See ``LifeDirector.did``."""
        self.diary.lines.append(f"effect  {effect}")

    def _is_death(self, moment: str, operation: Operation) -> bool:
        death = self._death
        return (
            death is not None
            and death.kind != EVENT
            and death.moment == moment
            and death.operation == operation.number
        )

    def _mark(self) -> Mark:
        world = self._world
        files = (self._files, self._on_the_loop.count)
        return (self._version_now, self._told, world.calls, files, world_time(world))

    def _keep_a_copy(self) -> None:
        if self.copies and self._version_now != self._version:
            self._version = self._version_now
            self.copies.append(self._world.database.copy())

    def _write_down(self, operation: Operation) -> None:
        self.diary.operations.append((operation.label, operation.full))
        for kind in (COMMIT, EFFECT, FILE):
            if kind in operation.changes:
                self._add_points(kind, operation)

    def _add_points(self, kind: str, operation: Operation) -> None:
        number = self._number_of(kind, operation)
        text = operation.detail or operation.what
        moments = {BEFORE: self._before, TORN: (TORN, operation.number), AFTER: self._mark()}
        if kind != FILE or not operation.tears:
            del moments[TORN]
        for moment, mark in moments.items():
            if operation.moment in {"", moment}:
                point = Point(kind, number, moment, operation.number, mark, text)
                self.diary.points.append(point)
        if operation.moment != AFTER and kind != EFFECT:
            self.diary.lines.append(f"{kind:<6}  {number}: {operation.who}{text}")

    def _number_of(self, kind: str, operation: Operation) -> int:
        if operation.moment == AFTER:
            return self._asked[operation.what].popleft()
        self._counts[kind] += 1
        if operation.moment == BEFORE:
            self._asked[operation.what].append(self._counts[kind])
        return self._counts[kind]


def world_time(world: World) -> float:
    """The virtual time of the life that is on stage."""
    return world.stage.time if world.stage else world.time
