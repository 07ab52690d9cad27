"""Repositories on a database in memory."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from vespera.domain.ids import TaskId
from vespera.domain.task import Task, TaskStatus
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork

NOW = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def later() -> datetime:
    return NOW + timedelta(seconds=30)


@pytest.fixture
async def database() -> AsyncIterator[AsyncDatabaseManager]:
    database = AsyncDatabaseManager("sqlite+aiosqlite:///:memory:", busy_timeout=0.1)
    yield database
    await database.stop()


@pytest.fixture
def tasks(database: AsyncDatabaseManager) -> SqlTaskRepository:
    return SqlTaskRepository(database)


@pytest.fixture
def queue(database: AsyncDatabaseManager) -> SqlTaskQueue:
    return SqlTaskQueue(database)


@pytest.fixture
def unit_of_work(database: AsyncDatabaseManager) -> SqlUnitOfWork:
    return SqlUnitOfWork(database)


@pytest.fixture
def make_task() -> Callable[..., Task]:
    def make(task_id: str = "t1", **fields: object) -> Task:
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
def running(make_task: Callable[..., Task]) -> Callable[..., Task]:
    def make(task_id: str = "t1", **fields: object) -> Task:
        held = {
            "status": TaskStatus.RUNNING,
            "attempt": 1,
            "owner": "worker-1",
            "lease_until": NOW + timedelta(seconds=30),
        }
        return make_task(task_id, **{**held, **fields})

    return make
