"""Each life a process of its own, with real threads and a real file, and really killed."""

import os
import pickle
import re
import signal
import struct
import threading
import traceback
import warnings
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Any

from vespera.testing.loop import VirtualLoop
from vespera.testing.sim.app import App
from vespera.testing.sim.binding import bind_parts
from vespera.testing.sim.errors import ForkedLifeFailed
from vespera.testing.sim.killing import Killer, KillingLane, KillingThreads
from vespera.testing.sim.life import SimulatedClock, SimulatedIds, alone, made, seeded
from vespera.testing.sim.points import Point
from vespera.testing.sim.runs import Play, Run, Simulation
from vespera.testing.sim.witness import Diary
from vespera.testing.sim.world_file import WorldFile
from vespera.testing.world import World

_SIZE = struct.Struct("!I")
_CHANCE = re.compile(r"[0-9a-z]*[0-9a-f]{16,}(?:-[0-9a-f]+)*")


class ForkedRuns(Simulation):
    """Runs each life in a forked child; see ``Runner``.

    What a life did is told to the parent as it happens, through a pipe, so that it is known up to
    the kill; so is the state of the world's services, which must be picklable.
    """

    def run(self, deaths: Sequence[Point]) -> Run:
        """See ``Runner.run``."""
        self._begin()
        run = Run()
        for death in (*deaths, None):
            is_first, was_there = not run.lives, any(diary.lines for diary in run.lives)
            act = self._act_out if is_first else partial(self._recover, was_there)
            diary, run.error = self._live(len(run.lives) + 1, death, act, check=death is None)
            run.lives.append(diary)
            self.recovered = self.recovered or (not is_first and bool(diary.operations))
            if run.error is not None or (death is not None and diary.death is None):
                self.unmet += run.error is None
                break
        return run

    def twice(self) -> Run:
        """See ``Runner.twice``."""
        self._begin()
        run = Run()
        for number in (1, 2):
            diary, run.error = self._live(number, None, self._act_out, check=False)
            run.lives.append(diary)
            if run.error is not None:
                break
        return run

    def _begin(self) -> None:
        self._world.begin_anew()
        for left in self._world.directory.glob("world.db*"):
            if left.is_dir():
                for lock in left.iterdir():
                    lock.unlink()
                left.rmdir()
            else:
                left.unlink()
        self.runs += 1

    def _live(  # type: ignore[override]
        self,
        number: int,
        death: Point | None,
        act: Callable[[Any], Awaitable[None]],
        *,
        check: bool,
    ) -> tuple[Diary, BaseException | None]:
        """Fork a child that lives; gives its diary, and what it raised."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child uses no thread of ours
            child = os.fork()
        if child == 0:
            os.close(reading)
            self._be_the_child(_Pipe(writing), number, death, act, check=check)
        os.close(writing)
        diary = Diary(number, death=death)
        error = self._listen(reading, diary)
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            diary.death = None
            error = error or _unexpected(status)
        return diary, error

    def _listen(self, reading: int, diary: Diary) -> BaseException | None:
        errors: list[BaseException] = []
        hear: dict[str, Callable[[Any], object]] = {
            "operation": lambda text: diary.operations.append((_CHANCE.sub("*", text), "")),
            "point": diary.points.append,
            "line": diary.lines.append,
            "world": self._world.restore,
            "promised": partial(setattr, self._world, "promised"),
            "time": partial(setattr, self._world, "time"),
            "judged": partial(setattr, diary, "judged"),
            "error": lambda text: errors.append(ForkedLifeFailed(text)),
        }
        with os.fdopen(reading, "rb") as pipe:
            while head := pipe.read(_SIZE.size):
                kind, told = pickle.loads(pipe.read(*_SIZE.unpack(head)))  # noqa: S301  # our own
                hear[kind](told)
        return errors[0] if errors else None

    def _be_the_child(
        self,
        pipe: "_Pipe",
        number: int,
        death: Point | None,
        act: Callable[[Any], Awaitable[None]],
        *,
        check: bool,
    ) -> None:
        """Live, and leave by the back door: nothing of the parent is cleaned up here."""
        try:
            killer = Killer(self._world, death, pipe.tell, every_event=self.every_event)
            life = ForkedLife(self._world, self._plan, number, killer)

            async def live() -> None:
                await act(life)
                killer.close()
                if check:
                    pipe.tell("judged", True)
                    await self._judge(life)  # type: ignore[arg-type]  # it has apps
                await life.clean_up()

            life.run(live)
        except BaseException as error:  # noqa: BLE001  # told to the parent
            pipe.tell("error", "".join(traceback.format_exception(error)))
        finally:
            os._exit(0)


class ForkedLife:
    """A life in a child process; see ``Life``."""

    def __init__(self, world: World, plan: Play, number: int, killer: Killer) -> None:
        self.life = number
        self._world = world
        self._plan = plan
        self._killer = killer
        self._loop = _EventLoop(killer)
        self._loop.start_at(world.time)
        self.apps: list[App] = []

    @property
    def time(self) -> float:
        """Its virtual time."""
        return self._loop.time()

    def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """Live until the end, or until the killer comes."""
        with alone(), seeded(self.life):
            self._killer.open(self._loop)
            self._world.stage = self._killer
            self._loop.run_until_complete(
                self._loop.create_task(self._main(act), context=Context())
            )

    async def clean_up(self) -> None:
        """End it in good order."""
        for app in self.apps:
            await app.container.cleanup_async_services()

    async def _main(self, act: Callable[[], Awaitable[None]]) -> None:
        container = await made(self._plan.builds[0], self._world)
        clock = SimulatedClock(self._loop)
        container.config.set("database_url", f"sqlite+aiosqlite:///{self._killer.database.path}")
        container.config.set("workspace", str(self._world.workspace))
        threads = KillingThreads(self._killer)
        parts = {
            "clock": clock,
            "new_id": SimulatedIds(clock, self.life * 16),
            "lane": partial(KillingLane, self._killer),
            "contents_directory": self._world.contents,
            "threads": threads,
            "step_threads": threads,
        }
        bind_parts(container, parts)
        self.apps.append(App(container, self._world, self.life))
        await act()


class _EventLoop(VirtualLoop):
    """Tells the killer of each turn."""

    def __init__(self, killer: Killer) -> None:
        super().__init__()
        self._killer = killer

    def start_at(self, seconds: float) -> None:
        self._jump(seconds)

    def _run_once(self) -> None:
        super()._run_once()
        self._killer.turned()


class _Pipe:
    """Tells the parent, from any thread."""

    def __init__(self, writing: int) -> None:
        self._writing = writing
        self._lock = threading.Lock()

    def tell(self, kind: str, what: object) -> None:
        try:
            told = pickle.dumps((kind, what))
        except Exception as error:  # noqa: BLE001  # whatever a service keeps
            told = pickle.dumps(("error", f"{kind}: cannot be told to the parent: {error}"))
        with self._lock:
            rest = memoryview(_SIZE.pack(len(told)) + told)
            while rest:
                rest = rest[os.write(self._writing, rest) :]


def _unexpected(status: int) -> BaseException | None:
    if status == 0:
        return None
    return ForkedLifeFailed(f"the child ended by itself, with status {status}")


__all__ = ["ForkedRuns", "WorldFile"]
