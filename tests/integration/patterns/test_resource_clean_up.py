"""What is opened is closed: after success, an error, a cancellation, and half a start."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from vespera.testing import (
    async_context_manager_mock,
    create_async_context_manager_mock,
    mock_client,
)


class AsyncResource:
    def __init__(self, name="resource", log=None):
        self.name, self.is_closed, self._log = name, False, log if log is not None else []

    async def __aenter__(self):
        self._log.append(f"open {self.name}")
        return self

    async def __aexit__(self, *error):
        self.is_closed = True
        self._log.append(f"close {self.name}")

    async def process(self):
        if self.is_closed:
            raise RuntimeError("Session is closed")
        return "processed"


async def test_it_is_open_inside_and_closed_after():
    async with AsyncResource() as resource:
        assert await resource.process() == "processed"

    assert resource.is_closed
    with pytest.raises(RuntimeError, match="Session is closed"):
        await resource.process()


@pytest.mark.parametrize("error", [ValueError("inside"), asyncio.CancelledError()])
async def test_it_is_closed_although_the_test_fails(error):
    """Clean-up in the line after would not have run."""
    resource = AsyncResource()

    with pytest.raises(type(error)):
        async with resource:
            raise error

    assert resource.is_closed


async def test_a_task_that_is_cancelled_closes_what_it_opened():
    resource, is_open = AsyncResource(), asyncio.Event()

    async def work():
        async with resource:
            is_open.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await is_open.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert resource.is_closed


async def test_resources_are_closed_in_the_reverse_order():
    log = []

    async with AsyncExitStack() as stack:
        for name in ("database", "cache", "session"):
            await stack.enter_async_context(AsyncResource(name, log))

    assert log == [
        *["open database", "open cache", "open session"],
        *["close session", "close cache", "close database"],
    ]


async def test_when_the_third_does_not_open_the_first_two_are_closed():
    log = []
    broken = async_context_manager_mock(ConnectionError("no session"))

    with pytest.raises(ConnectionError, match="no session"):
        async with AsyncResource("database", log), AsyncResource("cache", log), broken:
            pytest.fail("entered")

    assert log[-2:] == ["close cache", "close database"]
    broken.__aexit__.assert_not_awaited()


@pytest.fixture
async def resource():
    """``finally`` is not needed: pytest runs what follows the yield, whatever the test did."""
    async with AsyncResource() as resource:
        yield resource


async def test_a_fixture_gives_what_is_open(resource):
    assert await resource.process() == "processed"


class Pipeline:
    """Uses a pool as libraries have it: ``async with pool.acquire() as connection``."""

    def __init__(self, pool):
        self._pool = pool

    async def load(self):
        async with self._pool.acquire() as connection:
            return await connection.fetch("select 1")


async def test_a_connection_is_given_back():
    manager = async_context_manager_mock(mock_client(fetch=[{"id": 1}]))

    assert await Pipeline(mock_client(acquire=manager)).load() == [{"id": 1}]

    manager.__aexit__.assert_awaited_once_with(None, None, None)


async def test_a_connection_is_given_back_when_the_query_fails():
    connection = mock_client(fetch=OSError("gone"))
    manager = async_context_manager_mock(connection)

    with pytest.raises(OSError, match="gone"):
        await Pipeline(mock_client(acquire=manager)).load()

    assert manager.__aexit__.await_args.args[0] is OSError


async def test_the_factory_is_a_function_and_not_a_fixture_with_arguments(
    create_async_context_manager_mock,
):
    """A fixture that takes ``**attrs`` always gets none."""
    mock = create_async_context_manager_mock(status=200)

    async with mock as entered:
        assert entered.status == 200


async def test_a_context_manager_of_one_s_own_is_left_once():
    left = []

    @asynccontextmanager
    async def session():
        try:
            yield "session"
        finally:
            left.append("session")

    async with session() as entered:
        assert entered == "session"
    assert left == ["session"]


async def test_what_is_entered_is_the_mock_that_was_configured():
    """``AsyncMock().__aenter__`` gives another one."""
    mock = create_async_context_manager_mock(**{"process.return_value": "processed"})

    async with mock as entered:
        assert await entered.process() == "processed"
