"""What outlives a process: the services around it, its files, its database."""

import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeAlias, TypeVar, cast
from weakref import finalize

from vespera.domain.errors import InvalidRequest
from vespera.testing.world_database import Promises, WorldDatabase

S = TypeVar("S", bound="WorldService")
_ANY: Any = object()


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a service did.

    Attributes:
        service: the name of its class.
        method: which method did it.
        key: what it was done under; for ``record``, its first argument.
        value: what it gave, or the rest that was recorded.
        life: in which life of the process, from 1.
        repeated: the key had been seen before, so that nothing was done again.
    """

    service: str
    method: str
    key: object
    value: object
    life: int
    repeated: bool = False

    def __str__(self) -> str:
        again = " (again: nothing was done)" if self.repeated else ""
        return f"{self.service}.{self.method}({self.key!r}) -> {self.value!r}{again}"


class EffectLog(Sequence[Effect]):
    """What was done, in order. Repetitions that did nothing are in ``calls`` only."""

    def __init__(self, calls: Sequence[Effect]) -> None:
        self.calls = tuple(calls)
        self._done = tuple(effect for effect in calls if not effect.repeated)

    def __len__(self) -> int:
        return len(self._done)

    def __getitem__(self, index: Any) -> Any:
        return self._done[index]

    def __repr__(self) -> str:
        return f"[{', '.join(map(str, self._done))}]"

    def of(self, method: str | None = None, *, key: object = _ANY) -> "EffectLog":
        """Those of one method, of one key, or both."""
        return EffectLog(
            [
                effect
                for effect in self.calls
                if method in {None, effect.method} and (key is _ANY or key == effect.key)
            ]
        )

    def count(self, value: Any = None, /, *, key: object = _ANY) -> int:
        """How often something was done: by a method, under a key, or at all."""
        return len(self.of(value, key=key))

    @property
    def keys(self) -> list[object]:
        """The keys of what was done, in order."""
        return [effect.key for effect in self._done]


class Stage(Protocol):
    """Who is told of the calls of services, while a process is simulated."""

    @property
    def life(self) -> int:
        """Which life of the process it is, from 1."""
        ...

    @property
    def time(self) -> float:
        """The virtual time."""
        ...

    async def asked(self, call: str) -> None:
        """A call has reached the service, which has not begun."""
        ...

    async def answered(self, call: str) -> None:
        """The service has done it, and the answer is on its way."""
        ...

    def did(self, effect: Effect) -> None:
        """Something was done."""
        ...


class WorldService:
    """A service outside the process, played by a class of yours: see ``World.Service``.

    Its attributes are its state, which outlives the deaths of the process. ``__init__`` takes no
    arguments and gives the state at the beginning; it is called anew for every explored run.

    Public methods are what the process calls. In them, ``once`` plays a service that knows its
    customers' keys and does the same thing once only; ``record`` plays one that does not. Both
    write to the log that ``World.log`` gives. The process may die before each call is begun and
    after it is done.
    """

    _world: "World"
    _calling: ClassVar[ContextVar[str]] = ContextVar("world_service_method", default="?")

    def once(self, key: object, value: object = None) -> Any:
        """Do something under ``key``, if that was not done before; gives what was given first."""
        found = [effect for effect in self._effects() if effect.key == key]
        first = found[0].value if found else value
        self._world.tell(self, self._calling.get(), key, first, repeated=bool(found))
        return first

    def record(self, key: object = None, value: object = None) -> Any:
        """Do something, however often it was done before; gives ``value``."""
        self._world.tell(self, self._calling.get(), key, value, repeated=False)
        return value

    def _effects(self) -> list[Effect]:
        method = self._calling.get()
        return [effect for effect in self._world.log(type(self)) if effect.method == method]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if not name.startswith("_") and inspect.isfunction(method):
                setattr(cls, name, _observed(name, method))


class World:
    """Everything around a process that is still there when the process has died.

    ``service`` gives what the process talks to, ``workspace`` is a directory for its files,
    ``contents`` one for the store of what they contained, and ``database`` keeps its tasks. An
    exploration begins each run with a new world: services as they were made, an empty workspace,
    an empty store, an empty database.

    Outside an exploration it can be used as well: ``world.bind(container)`` lets a container live
    in it.
    """

    Service: TypeAlias = WorldService
    explored: ClassVar["World | None"] = None
    """In which one an exploration takes place at this moment."""

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        """Keep the workspace below ``directory``; by default below a temporary one."""
        self._remove: Callable[[], object] = lambda: None
        if directory is None:
            directory = tempfile.mkdtemp(prefix="vespera-world-")
            self._remove = finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._directory = Path(directory)
        self.workspace = self._directory / "workspace"
        self.contents = self._directory / "contents"
        self.workspace.mkdir(parents=True, exist_ok=True)
        self._services: dict[type[WorldService], WorldService] = {}
        self._effects: list[Effect] = []
        self._calls = 0
        self._database: WorldDatabase | None = None
        self.stage: Stage | None = None
        self.strays: list[str] = []
        self.promised = Promises()
        self.time = 0.0

    @property
    def directory(self) -> Path:
        """Where the workspace is, and a database that is a file."""
        return self._directory

    @property
    def calls(self) -> int:
        """How often a service may have changed: by what it did, and by each call that ended."""
        return self._calls

    @property
    def database(self) -> WorldDatabase:
        """The database in memory, which lasts as long as this world."""
        if self._database is None:
            self._database = WorldDatabase()
        return self._database

    def service(self, cls: type[S]) -> S:
        """The one service of this class; made when it is first asked for.

        Raises:
            InvalidRequest: the class is no ``World.Service``, or cannot be made without arguments.
        """
        given: object = cls
        if not (isinstance(given, type) and issubclass(given, WorldService)):
            raise InvalidRequest(f"{cls!r} is no subclass of World.Service", field="service")
        if cls not in self._services:
            self._services[cls] = self._begun(cls.__new__(cls))
        return cast("S", self._services[cls])

    def log(self, cls: type[WorldService] | None = None) -> EffectLog:
        """What a service has done, or all of them."""
        name = None if cls is None else cls.__name__
        return EffectLog([e for e in self._effects if name in {None, e.service}])

    def tell(
        self, service: WorldService, method: str, key: object, value: object, *, repeated: bool
    ) -> None:
        """Write to the log what a service does; called by ``once`` and ``record``."""
        life = self.stage.life if self.stage else 1
        effect = Effect(type(service).__name__, method, key, value, life, repeated)
        self._effects.append(effect)
        self._calls += 1
        if self.stage is not None:
            self.stage.did(effect)

    def was_called(self, call: str) -> None:
        """A call of a service has ended; whatever it is made of may be different now."""
        self._calls += 1
        if World.explored not in {None, self}:
            World.explored.strays.append(call)

    def refuse_strays(self) -> None:
        """See that no service of another world was called while this one is explored.

        Raises:
            InvalidRequest: one was.
        """
        if self.strays:
            raise InvalidRequest(
                f"{self.strays[0]} was called, which is of another World than the explored one;"
                " explore the world whose services the program calls",
                field="world",
            )

    def begin_anew(self) -> None:
        """Be as at the beginning; services that somebody holds are the same objects still."""
        self._effects.clear()
        self.strays.clear()
        self._calls = 0
        self.promised = Promises()
        self.time = 0.0
        for service in self._services.values():
            vars(service).clear()
            self._begun(service)
        for left in self.workspace.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        shutil.rmtree(self.contents, ignore_errors=True)
        self.close_database()

    def close(self) -> None:
        """Give everything back. Closing twice is fine."""
        self.close_database()
        self._remove()

    def put_database(self, database: WorldDatabase) -> None:
        """Keep the tasks there."""
        self.close_database()
        self._database = database

    def close_database(self) -> None:
        """Forget the database; the next one is empty."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def state(self) -> dict[str, Any]:
        """What a copy of this process must know to go on with this world."""
        states = {
            f"{cls.__module__}.{cls.__qualname__}": {
                name: value for name, value in vars(service).items() if name != "_world"
            }
            for cls, service in self._services.items()
        }
        return {"services": states, "effects": list(self._effects)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave in a copy of this process."""
        self._effects = list(state["effects"])
        for cls, service in self._services.items():
            vars(service).update(state["services"].get(f"{cls.__module__}.{cls.__qualname__}", {}))

    def _begun(self, service: S) -> S:
        service._world = self  # noqa: SLF001  # so that __init__ can use it
        try:
            type(service).__init__(service)
        except TypeError as error:
            raise InvalidRequest(
                f"{type(service).__name__} is made anew for each run, without arguments: {error}",
                field="service",
            ) from error
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _observed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, with its calls told to the stage."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def called(self: WorldService, *args: Any, **kwargs: Any) -> Any:
            stage = self._world.stage
            text = _call_text(self, name, args, kwargs)
            if stage is not None:
                await stage.asked(text)
            token = WorldService._calling.set(name)  # noqa: SLF001
            try:
                result = await cast("Awaitable[Any]", method(self, *args, **kwargs))
            finally:
                WorldService._calling.reset(token)  # noqa: SLF001
                self._world.was_called(text)
            if stage is not None:
                await stage.answered(text)
            return result

        return called

    @functools.wraps(method)
    def called_plainly(self: WorldService, *args: Any, **kwargs: Any) -> Any:
        token = WorldService._calling.set(name)  # noqa: SLF001
        try:
            return method(self, *args, **kwargs)
        finally:
            WorldService._calling.reset(token)  # noqa: SLF001
            self._world.was_called(_call_text(self, name, args, kwargs))

    return called_plainly


def _call_text(service: WorldService, name: str, args: tuple[Any, ...], kwargs: Any) -> str:
    given = [repr(arg) for arg in args]
    given += [f"{key}={value!r}" for key, value in kwargs.items()]
    return f"{type(service).__name__}.{name}({', '.join(given)})"
