"""The plugin's fixtures. They bring in what they need when a test asks for them."""

from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio


def _kit(module: str) -> Any:
    """A module of the kit: loading the plugin must not load the container."""
    return import_module(f"vespera.testing.{module}")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The directory that the test's tasks may touch; empty, and the test's own."""
    return tmp_path


@pytest.fixture
def container_class(request: pytest.FixtureRequest) -> Any:
    """What the test's container is made of: the ini setting ``vespera_container``, or Vespera's.

    Override it in a conftest, a module or a class.
    """
    return _kit("environment").container_class_of(request.config.getini("vespera_container"))


@pytest.fixture
def container_settings() -> Mapping[str, object]:
    """Settings for the test's container, to be overridden; by default there are none."""
    return {}


@pytest_asyncio.fixture
async def clock() -> Any:
    """The test's ``VirtualClock``, which is its container's ``Clock`` too.

    Under ``virtual_time`` it is the event loop's time; without, it moves when it is told to.
    """
    return _kit("loop_clock").clock_of_this_loop()


@pytest_asyncio.fixture
async def container(
    container_class: Any,
    container_settings: Mapping[str, object],
    workspace: Path,
    clock: Any,
) -> AsyncIterator[Any]:
    """A container of the test's own, in memory, not started yet; cleaned up after the test."""
    made = _kit("environment").Environment
    environment = made(container_class, workspace, clock, container_settings)
    yield environment.container
    await environment.clean_up()


@pytest_asyncio.fixture
async def async_container(container: Any) -> Any:
    """The test's container, started."""
    await container.initialize_async_services()
    return container


@pytest_asyncio.fixture
async def async_database_session(container: Any) -> AsyncIterator[Any]:
    """A SQLAlchemy ``AsyncSession`` on the test's database; what is not committed is undone."""
    database = container.get(import_module("vespera").AsyncDatabaseManager)
    async with database.session() as session:
        yield session


@pytest_asyncio.fixture
async def async_task_orchestrator(async_container: Any) -> Any:
    """The ``TaskOrchestrator`` of the test's container, running tasks in the background."""
    orchestrator = async_container.get(import_module("vespera").TaskOrchestrator)
    await orchestrator.start()
    return orchestrator


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    """The ``World`` outside the process: what survives when it dies."""
    with _kit("world").World(tmp_path) as made:
        yield made
