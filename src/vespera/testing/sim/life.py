"""One life of a process: made, let run, killed or ended, and buried."""

import asyncio
import gc
import inspect
import logging
import random
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from vespera.domain.ids import OwnerId
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.di.container import Container
from vespera.testing.sim.app import App
from vespera.testing.sim.binding import bind_parts
from vespera.testing.sim.errors import ExplorationError
from vespera.testing.sim.lanes import SimulatedLane
from vespera.testing.sim.loop import Director, SimulatedLoop, settling
from vespera.testing.sim.operations import EFFECT, Operation
from vespera.testing.sim.threads import SimulatedThreads, watched
from vespera.testing.world import Effect, World

T = TypeVar("T")
Build = Callable[..., Any]
Act = Callable[..., Any]
_MOST_WISHES = 10  # how often the dead may begin something anew
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


class LifeDirector(Director):
    """A director that is also told of what services do, and may tear a file."""

    def lifetime(self) -> AbstractContextManager[None]:
        """What lasts as long as the life does."""
        return nullcontext()

    def did(self, effect: Effect, during: Operation | None) -> None:
        """A service did something."""

    def tears(self, operation: Operation) -> bool:
        """Whether the process dies in the middle of this operation."""
        return False


class Life:
    """A process, or several workers of one database, from their making to their end.

    Nothing of a life that died runs again: its frames are kept until ``bury``, which closes them
    when their doing cannot matter any more.
    """

    def __init__(
        self, world: World, builds: Sequence[Build], director: LifeDirector, number: int
    ) -> None:
        self._number = number
        self._world = world
        self._builds = builds
        self._director = director
        self._containers: list[Container] = []
        self._loop = SimulatedLoop(director, start=world.time)
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._loop.carry = partial(watched, (world.workspace, world.contents), director.tears)
        self.apps: list[App] = []
        self._dead: set[asyncio.Task[Any]] = set()

    def run(self, act: Callable[[], Awaitable[T]]) -> T | None:
        """What ``act`` gives, or None if the process died; see ``died``.

        Raises:
            Exception: whatever the life raised.
        """
        with alone(), seeded(self._number), self._director.lifetime():
            self._world.stage = self
            main = self._loop.create_task(self._main(act), context=Context())
            try:
                return self._loop.run_until_complete(main)
            except RuntimeError:
                if not self.died:
                    raise
                return None
            finally:
                self._world.stage = None
                self._world.time = self._loop.time()

    @property
    def life(self) -> int:
        """Its number."""
        return self._number

    @property
    def died(self) -> bool:
        """Whether the director killed it."""
        return self._loop.dead

    @property
    def time(self) -> float:
        """Its virtual time."""
        return self._loop.time()

    @property
    def events(self) -> int:
        """How many callbacks and operations there were."""
        return self._loop.events

    @property
    def current(self) -> Operation | None:
        """The operation that is being carried out."""
        return self._loop.current

    def kill(self) -> None:
        """Take its connections and its containers away, as the system does."""
        self._dead |= asyncio.all_tasks(self._loop)  # else garbage collection would close them
        self._loop.die()
        for container in self._containers:
            container.abandon()
        self._containers.clear()

    async def clean_up(self) -> None:
        """End it in good order."""
        for container in self._containers:
            await container.cleanup_async_services()
        self._containers.clear()

    def bury(self) -> None:
        """Close its frames. What they do in their ``finally`` reaches nobody any more."""
        self.kill()
        with alone(self._loop), _unheard():  # what they still begin there never runs
            for _ in range(_MOST_WISHES):
                open_ones = [task for task in asyncio.all_tasks(self._loop) if _is_open(task)]
                if not open_ones:
                    break
                refusals = sum(map(_close, open_ones))
                if refusals:
                    gc.collect(1)  # what did not want to go is told where nobody hears it
            self._dead.clear()
        self._loop.close()

    async def asked(self, call: str) -> None:
        """See ``Stage.asked``."""
        await self._moment(Operation(EFFECT, call, object(), lambda: None, moment="before"))

    async def answered(self, call: str) -> None:
        """See ``Stage.answered``."""
        await self._moment(
            Operation(EFFECT, call, object(), lambda: None, moment="after", shared=False)
        )

    def did(self, effect: Effect) -> None:
        """See ``Stage.did``."""
        if self._loop.current is not None:
            self._loop.current.changes.add(EFFECT)
        self._director.did(effect, self._loop.current)

    async def _moment(self, operation: Operation) -> None:
        passed: asyncio.Future[None] = self._loop.create_future()
        operation.act = lambda: settling(passed, None, None)
        operation.changes.add(EFFECT)
        self._loop.submit(operation)
        await passed

    async def _main(self, act: Callable[[], Awaitable[T]]) -> T:
        for place, build in enumerate(self._builds):
            container = await made(build, self._world)
            if container in self._containers:
                raise ExplorationError("build() gave the same container twice; make a new one.")
            self._bind(container, place)
            self._containers.append(container)
            self.apps.append(App(container, self._world, self._number))
        return await act()

    def _bind(self, container: Container, place: int) -> None:
        """Let the container live in this world, where nothing happens by chance."""
        who = f"worker {place + 1}: " if len(self._builds) > 1 else ""
        database = self._world.database
        clock = SimulatedClock(self._loop)
        container.config.set("database_url", database.url)
        container.config.set("workspace", str(self._world.workspace))
        parts = {
            "clock": clock,
            "new_id": SimulatedIds(clock, self._number * 16 + place),
            "chance": random.Random(self._number).random,  # noqa: S311  # to be the same each time
            "lane": partial(SimulatedLane, database, who),
            "contents_directory": self._world.contents,
            "threads": SimulatedThreads(who),
            "step_threads": SimulatedThreads(who),
            "owners": SimulatedOwners(self._number, place),
        }
        bind_parts(container, parts)


class SimulatedClock(SystemClock):
    """The virtual time of a life; it begins on New Year's Day 2030."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        """See ``Clock.now``."""
        return BEGINNING + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self._loop.time()


class SimulatedIds:
    """Ids as ``TimeOrderedIds`` makes them, and the same in each life that goes the same way."""

    def __init__(self, clock: SimulatedClock, maker: int) -> None:
        self._clock = clock
        self._maker = maker
        self._count = 0

    def __call__(self) -> str:
        """A new id."""
        self._count += 1
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"{milliseconds:012x}7{self._maker % 4096:03x}8{self._count:015x}"


class SimulatedOwners:
    """Owners of a simulated host: those of earlier lives are known to be dead."""

    def __init__(self, life: int, place: int) -> None:
        self._life = life
        self._place = place
        self._count = 0
        self._left: set[OwnerId] = set()

    def register(self) -> OwnerId:
        """See ``Owners.register``."""
        self._count += 1
        return OwnerId(f"life-{self._life}-worker-{self._place + 1}-{self._count}")

    def leave(self, owner: OwnerId) -> None:
        """See ``Owners.leave``."""
        self._left.add(owner)

    def dead(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """See ``Owners.dead``."""
        return {owner for owner in owners if owner in self._left or self._is_past(owner)}

    def strangers(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """See ``Owners.strangers``."""
        return {owner for owner in owners if not owner.startswith("life-")}

    def _is_past(self, owner: OwnerId) -> bool:
        life = owner.split("-")[1] if owner.startswith("life-") else ""
        return life.isdigit() and int(life) < self._life


async def made(build: Build, world: World) -> Container:
    """The container that ``build`` makes.

    Raises:
        ExplorationError: it makes something else.
    """
    container = called(build, world)
    if inspect.isawaitable(container):
        container = await container
    if not isinstance(container, Container):
        raise ExplorationError(
            f"build() gave {container!r}; it must make a Container, a new one each time."
        )
    return container


def called(function: Callable[..., T], *args: object) -> T:
    """Call with as many of the arguments as the function must be given."""
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = [p for p in positional if p.default is p.empty]
    return function(*args[: len(needed)])


@contextmanager
def _unheard() -> Iterator[None]:
    """Nothing is logged or warned of while the block runs."""
    level, hook = logging.root.manager.disable, sys.unraisablehook
    logging.disable()
    sys.unraisablehook = lambda _what: None
    try:
        yield
    finally:
        logging.disable(level)
        sys.unraisablehook = hook


def _is_open(task: "asyncio.Task[Any]") -> bool:
    return getattr(task.get_coro(), "cr_frame", None) is not None


def _close(task: "asyncio.Task[Any]") -> bool:
    """Close the task's frames; whether that did not go smoothly."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
    coroutine: Any = task.get_coro()
    try:
        coroutine.close()
    except BaseException:  # noqa: BLE001  # it is dead, and may say what it likes
        return True
    return False


@contextmanager
def alone(loop: asyncio.AbstractEventLoop | None = None) -> Iterator[None]:
    """No other event loop runs in this thread while the block does; ``loop`` seems to."""
    outer = asyncio._get_running_loop()  # noqa: SLF001
    asyncio._set_running_loop(loop)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)  # noqa: SLF001


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Chance is the same each time; afterwards it is as it was."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
