"""One test's container: how it is made, and how it is taken down."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from vespera.application.ports.clock import Clock
from vespera.infrastructure.di.container import Container
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.threads import Threads
from vespera.testing.clock import VirtualClock
from vespera.testing.errors import TestingError


def new_container(
    container_class: type[Container],
    workspace: Path,
    clock: VirtualClock,
    settings: Mapping[str, object],
) -> Container:
    """A container that keeps its tasks in memory, unless the settings say otherwise, and whose
    ``Clock`` is ``clock``, which waits for the container's work in threads.
    """
    container = container_class({"workspace": str(workspace), **settings})
    container.override(Clock, clock)
    clock.watch(lambda: _in_flight(container.get(AsyncDatabaseManager)))
    clock.watch(lambda: _in_flight(container.get(Threads)))
    return container


@asynccontextmanager
async def cleaned_up(container: Container, clock: VirtualClock) -> AsyncIterator[Container]:
    """Clean the container up when the block ends; what needs time for that has it."""
    try:
        yield container
    finally:
        async with clock.running():
            await container.cleanup_async_services()


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


def _in_flight(part: object) -> int:
    """The part's own count, unless a mock has taken the part's place."""
    count = getattr(part, "in_flight", 0)
    return count if type(count) is int else 0
