"""Real databases: in memory, and in files of either durability."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NOBODY = 65534


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "work.db"


@pytest.fixture(params=["memory", "full", "normal"])
async def database(
    request: pytest.FixtureRequest, path: Path
) -> AsyncIterator[AsyncDatabaseManager]:
    in_memory = request.param == "memory"
    database = AsyncDatabaseManager(
        "sqlite+aiosqlite:///:memory:" if in_memory else f"sqlite+aiosqlite:///{path}",
        durability="full" if in_memory else request.param,
        busy_timeout=5,
    )
    yield database
    await database.stop()


@pytest.fixture
async def file_database(path: Path) -> AsyncIterator[AsyncDatabaseManager]:
    database = AsyncDatabaseManager(str(path), busy_timeout=0.1)
    yield database
    await database.stop()


@pytest.fixture
def tasks(database: AsyncDatabaseManager) -> SqlTaskRepository:
    return SqlTaskRepository(database)


@pytest.fixture
def unit_of_work(database: AsyncDatabaseManager) -> SqlUnitOfWork:
    return SqlUnitOfWork(database)


@pytest.fixture
def make_task() -> Callable[..., Task]:
    def make(task_id: str, **fields: object) -> Task:
        values: dict[str, object] = {
            "id": TaskId(task_id),
            "title": "a task",
            "description": "",
            "specialist_type": "generic",
            "payload": b"{}",
            "created_at": NOW,
            "updated_at": NOW,
        }
        return Task(**{**values, **fields})

    return make


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python programs in processes of their own; none outlives the test."""
    started = []

    def start(source: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", source, *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdout=pipe, stderr=pipe, stdin=pipe, text=True, **options
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions hold nobody up who runs as root; so, for the block, be somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def unprivileged() -> Callable[[], object]:
    return without_privileges


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody can reach and change, unlike pytest's own."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        yield directory
        directory.chmod(0o777)
