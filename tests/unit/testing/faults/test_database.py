import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from vespera import Container
from vespera.application.ports.clock import Clock
from vespera.application.ports.persistence import TaskRepository, UnitOfWork
from vespera.domain.errors import (
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    StorageError,
)
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import a_task
from vespera.testing.faults import FaultRefused, Faults

WRITE = text("DELETE FROM task_dependencies")
READ = text("SELECT count(*) FROM task_dependencies")


@pytest.fixture
async def container():
    container = Container(workspace="/nonexistent/vespera")
    yield container
    await container.cleanup_async_services()


@pytest.fixture
def clock(container):
    return container.override(Clock, VirtualClock()).__enter__()


@pytest.fixture
def faults(container, clock):
    faults = Faults(container)
    yield faults
    faults.close()


@pytest.fixture
def tasks(container, faults):
    return container.get(TaskRepository)


async def ids(tasks):
    return [task.id for task in await tasks.page()]


@pytest.mark.parametrize(
    ("target", "error", "code"),
    [
        ("database:busy", DatabaseLocked, "SQLITE_BUSY"),
        ("database:full", DatabaseFull, "SQLITE_FULL"),
        ("database:read-only", DatabaseReadOnly, "SQLITE_READONLY"),
        ("database:corrupt", DatabaseCorrupt, "SQLITE_CORRUPT"),
        ("commit", StorageError, "SQLITE_IOERR"),
    ],
)
async def test_trouble_is_sqlite_s_own_error_in_our_translation(
    container, faults, tasks, target, error, code
):
    with faults.at(target) as fault, pytest.raises(error) as told:
        await tasks.add(a_task("a"))

    assert type(told.value) is error
    assert told.value.__cause__.sqlite_errorname == code
    assert fault.hits > 0
    assert await ids(tasks) == []
    await tasks.add(a_task("a"))
    assert await ids(tasks) == ["a"]


@pytest.mark.parametrize("trouble", ["busy", "full", "read-only"])
async def test_who_only_reads_is_not_troubled(faults, tasks, trouble):
    await tasks.add(a_task("a"))
    with faults.at(f"database:{trouble}", optional=True):
        assert await ids(tasks) == ["a"]


async def test_a_damaged_database_cannot_be_read_either(faults, tasks):
    with faults.at("database:corrupt"), pytest.raises(DatabaseCorrupt):
        await tasks.page()


async def test_who_is_busy_and_lets_go_is_only_waited_for(faults, tasks):
    with faults.at("database:busy", times=3) as fault:
        await tasks.add(a_task("a"))

    assert fault.hits == 3
    assert await ids(tasks) == ["a"]


async def test_the_nth_commit_fails(faults, tasks):
    with faults.at("commit", after=2, times=1) as fault:
        await tasks.add(a_task("a"))
        await tasks.add(a_task("b"))
        with pytest.raises(StorageError):
            await tasks.add(a_task("c"))
        await tasks.add(a_task("d"))

    assert (fault.passed, fault.hits) == (2, 1)
    assert await ids(tasks) == ["a", "b", "d"]


@pytest.mark.parametrize("target", ["commit", "database:full"])
async def test_units_that_share_a_commit_fail_together_and_that_is_one_hit(faults, tasks, target):
    await tasks.add(a_task("first"))
    with faults.at(target, times=1) as fault:
        results = await asyncio.gather(
            *(tasks.add(a_task(name)) for name in "abc"), return_exceptions=True
        )

    assert fault.hits == 1
    assert all(isinstance(result, StorageError) for result in results)
    assert len({id(result) for result in results}) == 3
    assert await ids(tasks) == ["first"]


async def test_a_unit_of_work_is_dropped_whole(container, faults, tasks):
    with faults.at("commit", error="full"), pytest.raises(DatabaseFull):
        async with container.get(UnitOfWork)():
            await tasks.add(a_task("a"))
            await tasks.add(a_task("b"))

    assert await ids(tasks) == []


async def test_a_commit_can_fail_with_any_error(faults, tasks):
    with faults.at("commit", error=[OSError("cable"), DatabaseFull("quota"), "busy"]):
        with pytest.raises(StorageError, match="cable"):
            await tasks.add(a_task("a"))
        with pytest.raises(DatabaseFull, match="quota"):
            await tasks.add(a_task("a"))
        await tasks.add(a_task("a"))

    assert await ids(tasks) == ["a"]


async def test_a_slow_commit_is_done_and_answered_late(clock, faults, tasks):
    began = clock.now()
    with faults.at("commit", delay=60, times=1):
        adding = asyncio.create_task(tasks.add(a_task("a")))
        await clock.advance(seconds=59)
        assert not adding.done()
        await clock.advance(seconds=1)
        await adding

    assert clock.now() - began == timedelta(seconds=60)
    assert await ids(tasks) == ["a"]


async def test_a_slow_commit_that_fails_fails_late(clock, faults, tasks):
    with faults.at("commit", error="full", delay=60, times=1):
        adding = asyncio.create_task(tasks.add(a_task("a")))
        await clock.advance(seconds=60)
        with pytest.raises(DatabaseFull):
            await adding

    assert await ids(tasks) == []


async def test_a_late_answer_comes_at_the_close_at_last(faults, tasks):
    fault = faults.at("commit", delay=1_000_000)
    adding = asyncio.create_task(tasks.add(a_task("a")))
    while not fault.hits:
        await asyncio.sleep(0)
    assert not adding.done()
    faults.close()
    await adding

    assert await ids(tasks) == ["a"]


class TestSessions:
    @pytest.fixture
    def database(self, container, faults):
        return container.get(AsyncDatabaseManager)

    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            ("busy", DatabaseLocked),
            ("full", DatabaseFull),
            ("read-only", DatabaseReadOnly),
            ("corrupt", DatabaseCorrupt),
        ],
    )
    async def test_a_session_that_writes_meets_the_trouble_too(
        self, faults, database, trouble, error
    ):
        async with database.session() as session:
            with faults.at(f"database:{trouble}"), pytest.raises(error):
                await session.execute(WRITE)
            await session.rollback()
            assert (await session.execute(READ)).scalar_one() == 0

    async def test_a_session_waits_for_who_lets_go(self, faults, database):
        async with database.session() as session:
            with faults.at("database:busy", times=2) as fault:
                await session.execute(WRITE)
            assert fault.hits == 2
            await session.rollback()

    async def test_the_commit_of_a_session_fails(self, faults, database):
        async with database.session() as session:
            await session.execute(WRITE)
            with faults.at("commit", error="full"), pytest.raises(DatabaseFull):
                await session.commit()

    async def test_a_session_that_read_only_commits_nothing(self, faults, database):
        async with database.session() as session:
            with faults.at("commit", optional=True) as fault:
                await session.execute(READ)
                await session.commit()
            assert fault.hits == 0

    async def test_many_rows_at_once_meet_the_trouble(self, faults, database):
        async with database.session() as session:
            with faults.at("database:full"), pytest.raises(DatabaseFull):
                await session.execute(
                    text("DELETE FROM tasks WHERE id = :id"), [{"id": "a"}, {"id": "b"}]
                )
            await session.rollback()
            await session.execute(
                text("DELETE FROM tasks WHERE id = :id"), [{"id": "a"}, {"id": "b"}]
            )


@pytest.mark.parametrize(
    "given", [{"error": "full"}, {"error": OSError}, {"delay": 1}, {"when": "after"}]
)
def test_a_trouble_of_the_database_says_all(faults, given):
    with pytest.raises(FaultRefused, match="says all"):
        faults.at("database:full", **given)


def test_a_commit_cannot_fail_after_it_took_effect(faults):
    with pytest.raises(FaultRefused, match="done or it is not"):
        faults.at("commit", when="after")


def test_a_misspelt_trouble_of_a_commit_is_refused(faults):
    with pytest.raises(FaultRefused, match=r"one of busy, corrupt, full.*Did you mean 'full'"):
        faults.at("commit", error="ful")
