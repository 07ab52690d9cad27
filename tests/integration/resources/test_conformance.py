"""The types of resources that Vespera has keep the promises of their port."""

from contextlib import asynccontextmanager

import pytest

from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.session_resources import DatabaseSessions
from vespera.infrastructure.resources.child_processes import ChildProcesses
from vespera.infrastructure.resources.file_locks import FileLocks
from vespera.infrastructure.resources.http_sessions import HttpSessions
from vespera.infrastructure.resources.temporary_directories import TemporaryDirectories
from vespera.infrastructure.threads import Threads
from vespera.testing import SampleResources
from vespera.testing.conformance import ResourceTypeConformance


@asynccontextmanager
async def some_threads():
    threads = Threads()
    try:
        yield threads
    finally:
        await threads.stop()


class TestTemporaryDirectories(ResourceTypeConformance):
    nonsense = ({"no such field": 1}, {"directory": 7}, {"directory": ""})

    async def make_type(self, directory):
        async with some_threads() as threads:
            yield TemporaryDirectories(threads)

    def configured(self, directory):
        return {"directory": directory}


class TestFileLocks(ResourceTypeConformance):
    nonsense = (
        *({"no such field": 1}, {"path": None}, {"path": ""}),
        *({"timeout": -1}, {"timeout": "1"}, {"timeout": float("nan")}),
    )

    async def make_type(self, directory):
        async with some_threads() as threads:
            yield FileLocks(threads, SystemClock())

    def configured(self, directory):
        return {"path": directory / "lock"}


class TestChildProcesses(ResourceTypeConformance):
    configuration = {"program": ["sleep", "60"]}
    nonsense = (
        *({"no such field": 1}, {"program": "sleep 60"}, {"program": []}, {"program": [7]}),
        *({"environment": {"A": 1}}, {"environment": 7}, {"grace": -1}, {"stdout": "file"}),
    )

    async def make_type(self, directory):
        async with some_threads() as threads:
            yield ChildProcesses(threads, SystemClock())


class TestHttpSessions(ResourceTypeConformance):
    leaves = False
    nonsense = (
        *({"no such field": 1}, {"base_url": 7}),
        *({"headers": [1]}, {"timeout": -1}, {"timeout": "soon"}),
    )

    def make_type(self, directory):
        return HttpSessions()


class TestDatabaseSessions(ResourceTypeConformance):
    leaves = False

    async def make_type(self, directory):
        database = AsyncDatabaseManager("sqlite+aiosqlite:///:memory:")
        yield DatabaseSessions(database)
        await database.stop()


class TestSampleResources(ResourceTypeConformance):
    nonsense = ()

    def make_type(self, directory):
        return SampleResources()


def test_a_type_is_taken_as_one(container):
    names = container.get("resource_catalogue").names()

    assert [container.get("resource_catalogue").find(name) for name in names]
    assert len(names) == 6


@pytest.fixture
def container_settings(tmp_path):
    return {"workspace": str(tmp_path)}
