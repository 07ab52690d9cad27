"""In the place of the fixtures, where pytest-asyncio is missing: they say so."""

import pytest


def _missing() -> None:
    pytest.fail(
        "The fixtures of Vespera are async: install pytest-asyncio, or vespera[testing].",
        pytrace=False,
    )


container = pytest.fixture(_missing, name="container")
async_container = pytest.fixture(_missing, name="async_container")
async_database_session = pytest.fixture(_missing, name="async_database_session")
async_task_orchestrator = pytest.fixture(_missing, name="async_task_orchestrator")
clock = pytest.fixture(_missing, name="clock")
world = pytest.fixture(_missing, name="world")
