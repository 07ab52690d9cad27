"""One test's container: how it is made, and how it is taken down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import ref

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import TaskQueue
from vespera.application.ports.resources import ResourceRepository
from vespera.domain.ids import OwnerId
from vespera.infrastructure.di.base import providers
from vespera.infrastructure.di.container import Container
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.threads import Threads
from vespera.testing.clock import VirtualClock
from vespera.testing.death import Grave, OwnersAfterDeath, let_go_of_locks
from vespera.testing.errors import TestingError


class Environment:
    """A container with a clock that waits for what it does in threads.

    Attributes:
        container: keeps its tasks in memory, unless the settings say otherwise.
        clock: its ``Clock``.
        followers: are told of each new container, before anything of it has begun.
    """

    def __init__(
        self,
        container_class: type[Container],
        workspace: Path,
        clock: VirtualClock,
        settings: Mapping[str, object],
    ) -> None:
        self._class, self._settings = container_class, {"workspace": str(workspace), **settings}
        self.clock = clock
        self._grave = Grave()
        self.followers: list[Callable[[Container], None]] = []
        self._dead: set[OwnerId] = set()
        self.container = self._new(self._settings)
        environment = ref(self)  # no cycle through the clock, so that all goes with the test
        clock.watch(lambda: _under_way(environment()))

    async def clean_up(self) -> None:
        """Stop the container; what needs time for that has it.

        Raises:
            AssertionError: tasks are held still by somebody who has stopped.
        """
        try:
            async with self.clock.running(), self._leases_watched():
                await self.container.cleanup_async_services()
        finally:
            self._grave.bury()

    async def die(self, tasks: Iterable[asyncio.Task[Any]]) -> Container:
        """Let the container and these tasks die as in a crash; the new container takes over.

        The database lives on, in memory too; so does what was handed to a thread already.
        """
        old = self.container
        self._grave.kill(tasks)
        database = old.get(AsyncDatabaseManager)
        await database.start()
        new = self._new({**self._settings, "database_url": _url_of(database)})
        for follow in self.followers:
            follow(new)
        await new.get(AsyncDatabaseManager).start()  # before the old one goes: memory lives on
        self.container = new
        old.abandon()
        let_go_of_locks(old.get(Owners))
        self._dead |= set(await new.get(TaskQueue).owners())
        self._dead |= {one.owner for one in await new.get(ResourceRepository).unreleased()}
        new.override(Owners, OwnersAfterDeath(new.get(Owners), self._dead))
        return new

    def _new(self, settings: Mapping[str, object]) -> Container:
        container = self._class(settings)
        # Nothing is built yet, so that nothing has to be looked for that holds another clock.
        container.clock.override(providers.Object(self.clock))
        return container

    @asynccontextmanager
    async def _leases_watched(self) -> AsyncIterator[None]:
        """What holds tasks when the block begins must have let go of them when it ends; the dead,
        whom nobody has followed yet, cannot.
        """
        database = self.container.get(AsyncDatabaseManager)
        is_in_use = getattr(database, "started", None) is True  # a mock may stand there
        if not is_in_use or not await self.container.get(TaskQueue).owners():
            yield
            return
        after = AsyncDatabaseManager(_url_of(database))
        await after.start()
        try:
            yield
            rows = await after.read("SELECT id, title, owner FROM tasks WHERE owner IS NOT NULL")
        finally:
            await after.stop()
        left = [row for row in rows if row[2] not in self._dead]
        if left:
            lines = "".join(f"\n  {title} ({task}), held by {owner}" for task, title, owner in left)
            raise AssertionError(f"Leases are still held, though all workers have stopped:{lines}")


def container_class_of(path: str) -> type[Container]:
    """The class that ``package.module:Class`` names.

    Raises:
        TestingError: there is none.
    """
    module, _, name = path.partition(":")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise TestingError(
            f"vespera_container = {path}: {error}. Give it as 'package.module:Class'."
        ) from error
    if not (isinstance(found, type) and issubclass(found, Container)):
        raise TestingError(f"vespera_container = {path}: this is no class of containers.")
    return found


def _url_of(database: AsyncDatabaseManager) -> str:
    """How another container opens the same database."""
    return f"sqlite+aiosqlite:///{database.path or f':memory:{database.name}'}"


def _under_way(environment: Environment | None) -> int:
    """How much its container does outside the event loop."""
    if environment is None:
        return 0
    parts = map(environment.container.get, (AsyncDatabaseManager, Threads, BlockingCalls))
    return sum(map(_in_flight, parts))


def _in_flight(part: object) -> int:
    """The part's own count, unless a mock has taken the part's place."""
    count = getattr(part, "in_flight", 0)
    return count if type(count) is int else 0
