"""The fixture ``faults``, for pytest to load by the name of this module."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Iterator[Any]:
    """``Faults`` in the test's container: that of its ``AsyncTestBase``, or the fixture
    ``container``. A fault that nothing ran into fails the test. They go on in the container that
    ``kill_and_recover`` makes.
    """
    from vespera.infrastructure.di.base import BaseContainer
    from vespera.testing.faults import Faults

    container = getattr(request.instance, "container", None)
    if not isinstance(container, BaseContainer):
        container = request.getfixturevalue("container")
    faults = Faults(container)
    environment = getattr(request.instance, "_environment", None)
    if environment is not None:
        environment.followers.append(faults.follow)
    yield faults
    faults.close()
