"""A real container in memory, with a clock that nobody waits for."""

from collections.abc import AsyncIterator

import pytest

from vespera import Container
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.testing import VirtualClock


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    clock = VirtualClock()
    async with clock.running():
        yield clock


@pytest.fixture
def container_class() -> type[Container]:
    return Container


@pytest.fixture
async def container(
    clock: VirtualClock, container_class: type[Container]
) -> AsyncIterator[Container]:
    container = container_class(workspace="/nonexistent/vespera", concurrency=4)
    container.override(Clock, clock)
    clock.watch(lambda: container.get(AsyncDatabaseManager).in_flight)
    clock.watch(lambda: container.get(BlockingCalls).in_flight)
    async with container:
        yield container


@pytest.fixture
def specialists(container: Container) -> Specialists:
    return container.get(Specialists)
