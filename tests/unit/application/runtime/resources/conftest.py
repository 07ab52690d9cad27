"""A container whose resources are names on a list."""

import pytest
import pytest_asyncio

from vespera import AsyncResourceManager, Container, providers
from vespera.testing import SampleResources
from vespera.testing.loop_clock import clock_of_this_loop


class Sampled(Container):
    resource_types = providers.Aggregate(test_resource=providers.Singleton(SampleResources))


@pytest_asyncio.fixture
async def clock():
    """The loop's own time, which is that of the container too."""
    return clock_of_this_loop()


@pytest.fixture
def container_class():
    return Sampled


@pytest.fixture
def manager(container):
    return container.get(AsyncResourceManager)


@pytest.fixture
def sample(container):
    return container.get("resource_types.test_resource")
