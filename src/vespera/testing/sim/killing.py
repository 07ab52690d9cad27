"""Who kills a real process at a chosen point."""

import os
import signal
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from vespera.infrastructure.persistence.file_lock import never
from vespera.infrastructure.persistence.lane import Done, GivenUp, Lane, Work
from vespera.infrastructure.threads import Threads
from vespera.testing.loop import VirtualLoop
from vespera.testing.sim.changes import CutOff, FileChanges, snapshot, tear
from vespera.testing.sim.loop import name_of
from vespera.testing.sim.operations import COMMIT, EFFECT
from vespera.testing.sim.points import AFTER, BEFORE, EVENT, TORN, Point
from vespera.testing.sim.sql import described
from vespera.testing.sim.threads import FILE
from vespera.testing.sim.world_file import WorldFile
from vespera.testing.world import Effect, World

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Killer:
    """Sends SIGKILL to its own process at the point; tells of all that happens until then.

    Units of the writer, calls in threads and calls of services are counted, each on their own; a
    point is found again by its count.
    """

    def __init__(
        self,
        world: World,
        death: Point | None,
        tell: Callable[[str, object], None],
        *,
        every_event: bool,
    ) -> None:
        self._world = world
        self._death = death
        self.tell = tell
        self._every_event = every_event
        self.database = WorldFile(world.directory / "world.db")
        world.put_database(self.database)
        self._loop: VirtualLoop | None = None
        self._counts: Counter[str] = Counter()
        self._asked: dict[str, deque[tuple[int, int]]] = defaultdict(deque)
        self._turns = 0
        self._is_over = False
        self._lock = threading.Lock()
        self.life = 1

    @property
    def time(self) -> float:
        """The virtual time."""
        return self._loop.time() if self._loop else 0.0

    def open(self, loop: VirtualLoop) -> None:
        """The life begins, on this loop."""
        self._loop = loop

    def close(self) -> None:
        """What follows is not part of the life that is explored."""
        self._is_over = True

    def begin(self, kind: str) -> int:
        """The number of a thing of this kind that is about to be done, unless that is the end."""
        with self._lock:
            self._counts[f"{kind} begun"] += 1
            number = self._counts[f"{kind} begun"]
        self._kill_if(kind, BEFORE, number)
        return number

    def is_torn(self, number: int) -> bool:
        """Whether this call in a thread is the last, and is cut off."""
        return self._is_death(FILE, TORN, number)

    def done(self, kind: str, begun: int, text: str, *, torn: bool = False) -> None:
        """It changed something outside; and nobody was told, if that is the end."""
        if self._is_over:
            return
        with self._lock:
            self._counts[kind] += 1
            number = self._counts[kind]
        moments = (BEFORE, TORN, AFTER) if torn else (BEFORE, AFTER)
        for moment in moments:
            self._tell_point(Point(kind, number, moment, begun, (kind, number, moment), text))
        self.tell("operation", f"{kind} {text}")
        self.tell("line", f"{kind:<6}  {number}: {text}")
        self.tell("time", self.time)
        self._kill_if(kind, AFTER, begun)

    def told(self) -> None:
        """A commit was answered."""
        if not self._is_over:
            self._world.promised = self._world.promised.and_now(self.database.promises())
            self.tell("promised", self._world.promised)

    def turned(self) -> None:
        """The loop has turned."""
        self._turns += 1
        if self._every_event and not self._is_over:
            self._tell_point(Point(EVENT, self._turns, "", self._turns, (self._turns,), "a turn"))
        self._kill_if(EVENT, "", self._turns)

    def kill(self) -> None:
        """End the process as nobody can refuse."""
        self.tell("time", self.time)
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()  # it comes

    async def asked(self, call: str) -> None:
        """See ``Stage.asked``."""
        begun = self.begin(EFFECT)
        self._counts[EFFECT] += 1
        number = self._counts[EFFECT]
        self._asked[call].append((begun, number))
        self._tell_point(Point(EFFECT, number, BEFORE, begun, (EFFECT, number, BEFORE), call))

    async def answered(self, call: str) -> None:
        """See ``Stage.answered``."""
        begun, number = self._asked[call].popleft()
        self._tell_point(Point(EFFECT, number, AFTER, begun, (EFFECT, number, AFTER), call))
        self.tell("world", self._world.state())
        self._kill_if(EFFECT, AFTER, begun)

    def did(self, effect: Effect) -> None:
        """See ``Stage.did``."""
        self.tell("line", f"effect  {effect}")
        self.tell("world", self._world.state())

    def _tell_point(self, point: Point) -> None:
        if not self._is_over:
            self.tell("point", point)

    def _kill_if(self, kind: str, moment: str, number: int) -> None:
        if self._is_death(kind, moment, number):
            self.kill()

    def _is_death(self, kind: str, moment: str, number: int) -> bool:
        death = self._death
        return (
            death is not None
            and not self._is_over
            and (death.kind, death.moment, death.operation) == (kind, moment, number)
        )


class KillingLane(Lane):
    """A lane at whose commits the process may die."""

    def __init__(
        self, killer: Killer, *, name: str, inline: bool, patience: float, wary: bool = False
    ) -> None:
        super().__init__(name=name, inline=inline, patience=patience, wary=wary)
        self._killer = killer
        self._is_writer = name.endswith("writer")

    def submit(
        self, work: Work[T], done: Done, given_up: GivenUp = never, *, aside: bool = False
    ) -> None:
        """See ``Lane.submit``."""
        if not self._is_writer:
            super().submit(work, done, given_up, aside=aside)
            return

        def answered(result: Any, error: BaseException | None) -> None:
            self._killer.told()
            done(result, error)

        super().submit(partial(self._carry_out, work), answered, given_up, aside=aside)

    def _carry_out(self, work: Work[T], connection: Any) -> T:
        begun = self._killer.begin(COMMIT)
        statements: list[str] = []
        before = connection.total_changes
        connection.set_trace_callback(statements.append)
        try:
            result = work(connection)
        finally:
            connection.set_trace_callback(None)
        text = described(statements)
        if connection.total_changes != before:
            self._killer.done(COMMIT, begun, text)
        return result


class KillingThreads(Threads):
    """Threads in whose calls the process may die."""

    def __init__(self, killer: Killer) -> None:
        super().__init__(1)  # one at a time: the same order in every life
        self._killer = killer

    async def run(self, function: Callable[[*Args], T], *args: *Args) -> T:
        """See ``Threads.run``."""
        call = partial(function, *args)
        return await super().run(lambda: self._carry_out(call, call))

    async def call(self, function: Callable[[], T], *, what: str = "") -> T:
        """See ``Threads.call``."""
        return await super().call(lambda: self._carry_out(function, function), what=what)

    async def run_stoppable(self, function: Callable[[threading.Event], T]) -> T:
        """See ``Threads.run_stoppable``."""
        return await super().run_stoppable(
            lambda stop: self._carry_out(partial(function, stop), partial(function))
        )

    def _carry_out(self, call: Callable[[], T], named: Callable[..., T]) -> T:
        begun = self._killer.begin(FILE)
        world = self._killer.database.path.parent
        places = (world / "workspace", world / "contents")
        is_torn = self._killer.is_torn(begun)
        changes = FileChanges(cut=is_torn)
        before = snapshot(places) if is_torn else {}
        try:
            with changes.watched():
                result = call()
        except CutOff:
            tear(places, before)
            self._killer.kill()
            raise
        if is_torn:
            tear(places, before)
            self._killer.kill()
        if changes.any:
            self._killer.done(FILE, begun, name_of(named), torn=changes.writes)
        return result
