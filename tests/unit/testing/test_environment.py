"""The container of one test, and what is left of it."""

import gc
from pathlib import Path
from weakref import ref

import pytest

from vespera import AsyncDatabaseManager, Container
from vespera.testing import VirtualClock
from vespera.testing.environment import Environment


@pytest.fixture
def no_collector():
    """What goes, goes because nobody holds it."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_a_container_goes_with_its_test_though_the_clock_has_watched_it():
    clock = VirtualClock()
    environment = Environment(Container, Path("/nonexistent"), clock, {})
    await environment.container.get(AsyncDatabaseManager).start()
    await environment.clean_up()
    container = ref(environment.container)

    del environment

    assert container() is None
    await clock.advance(seconds=1)
