"""The fixture ``faults``, for pytest to load by the name of this module."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Iterator[Any]:
    """``Faults`` in the test's container: that of its ``AsyncTestBase``, or the fixture
    ``container``. A fault that nothing ran into fails the test.
    """
    from vespera.infrastructure.di.base import BaseContainer
    from vespera.testing.faults import Faults

    container = getattr(request.instance, "container", None)
    if not isinstance(container, BaseContainer):
        container = request.getfixturevalue("container")
    faults = Faults(container)
    yield faults
    faults.close()
