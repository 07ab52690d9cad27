"""What a test leaves behind is that test's error."""

import re

import pytest

LEAKS = """
    import asyncio
    import sqlite3
    import threading
    import warnings
    import aiosqlite
    import pytest
    from vespera import Container, TaskExecutionWorkflow

    kept = []
    gate = threading.Event()

    async def test_task():
        kept.append(asyncio.create_task(asyncio.Event().wait(), name="left-over"))

    async def test_timer():
        asyncio.get_running_loop().call_later(3600, print, "late")

    async def test_own_timer():
        def ring():
            pass
        asyncio.get_running_loop().call_later(3600, ring)

    @pytest.mark.virtual_time
    async def test_virtual_timer():
        def ring():
            pass
        asyncio.get_running_loop().call_later(3600, ring)

    async def test_thread():
        kept.append(threading.Thread(target=gate.wait, name="waiting", daemon=True))
        kept[-1].start()

    async def test_file(tmp_path):
        kept.append(open(tmp_path / "left.txt", "w"))

    async def test_connection(tmp_path):
        kept.append(sqlite3.connect(tmp_path / "left.db"))

    async def test_async_connection():
        connection = aiosqlite.connect(":memory:")
        connection.daemon = True
        connection._thread.daemon = True
        kept.append(await connection)

    async def test_container():
        kept.append(Container())
        await kept[-1].get(TaskExecutionWorkflow).create_task({"title": "x"})

    async def test_coroutine():
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            asyncio.sleep(0)

    async def test_override():
        Container.clock.override(object())
        kept.append(Container.clock)

    async def test_lease(container):
        from datetime import timedelta
        from vespera import Clock
        from vespera.application.ports.persistence import TaskQueue
        await container.get(TaskExecutionWorkflow).create_task({"title": "held"})
        now = container.get(Clock).now()
        claimed = await container.get(TaskQueue).claim_ready(
            owner="somebody", now=now, lease_until=now + timedelta(days=1), limit=1)
        assert len(claimed) == 1

    def test_that_is_not_async(tmp_path):
        kept.append(open(tmp_path / "left.txt", "w"))

    @pytest.mark.leaks_allowed("files", "timers")
    async def test_that_may(tmp_path):
        kept.append(open(tmp_path / "left.txt", "w"))
        asyncio.get_running_loop().call_later(3600, print, "late")

    @pytest.mark.leaks_allowed
    async def test_that_may_anything(tmp_path):
        kept.append(asyncio.create_task(asyncio.Event().wait()))

    async def test_that_cancels_without_waiting():
        asyncio.create_task(asyncio.Event().wait()).cancel()

    @pytest.fixture(scope="module")
    def server():
        thread = threading.Thread(target=gate.wait, daemon=True)
        thread.start()
        with open(__file__) as file:
            yield file

    async def test_that_uses_what_others_use_too(server):
        pass

    async def test_that_leaves_nothing():
        await asyncio.to_thread(len, "")

    @pytest.fixture(autouse=True, scope="session")
    def the_end():
        yield
        gate.set()
        for thing in kept:
            if isinstance(thing, sqlite3.Connection) or hasattr(thing, "fileno"):
                thing.close()
"""
LEAKY = {
    "test_task": [r"the task left-over \(Event.wait\) at", r"made at .*test_leaks_of_mine.py:14"],
    "test_timer": ["a timer for <built-in function print>"],
    "test_own_timer": [r"a timer for .*test_leaks_of_mine.py:20, in test_own_timer.<locals>.ring"],
    "test_virtual_timer": [r"made at .*test_leaks_of_mine.py:28, in test_virtual_timer"],
    "test_thread": ["the thread waiting, which runs .*Event.wait"],
    "test_file": [r"an open file: .*left\.txt"],
    "test_connection": [r"an open file: .*left\.db"],
    "test_async_connection": ["an aiosqlite connection that was not closed"],
    "test_container": [r"a database that was not stopped \(in memory\): clean up its container"],
    "test_coroutine": ["coroutine 'sleep' was never awaited", "test_leaks_of_mine.py"],
    "test_override": ["an override of Container.clock, in the class itself"],
    "test_lease": ["Leases are still held", r"held \(.*\), held by somebody"],
}
TRACED = {
    "test_thread": r"made at .*test_leaks_of_mine.py:32, in test_thread",
    "test_file": r"made at .*test_leaks_of_mine.py:35, in test_file",
    "test_connection": r"made at .*test_leaks_of_mine.py:38, in test_connection",
    "test_async_connection": r"made at .*test_leaks_of_mine.py:44, in test_async_connection",
    "test_container": r"made at .*test_leaks_of_mine.py:48, in test_container",
}


def sections(text: str) -> dict[str, str]:
    """What the run said of each test that was in error."""
    parts = re.split(r"_+ ERROR at teardown of (\w+) _+", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def leaky(project):
    project.ini("asyncio_default_fixture_loop_scope = function", "asyncio_mode = auto")
    project.write(test_leaks_of_mine=LEAKS)
    return project


def test_each_leak_is_the_error_of_its_test_and_says_what_it_is(leaky):
    outcome = leaky.run("-p", "no:randomly", "-W", "ignore")
    told = sections(outcome.text)
    for test, patterns in LEAKY.items():
        for pattern in patterns:
            assert re.search(pattern, told.get(test, "")), f"{test}: {pattern}\n{outcome.text}"
    assert set(told) == set(LEAKY), outcome.text
    assert outcome.counts["passed"] == 18, outcome.text


def test_tracing_says_where_each_was_made(leaky):
    outcome = leaky.run("-p", "no:randomly", "-W", "ignore", "--vespera-trace")
    told = sections(outcome.text)
    for test, pattern in TRACED.items():
        assert re.search(pattern, told.get(test, "")), f"{test}: {pattern}\n{told.get(test)}"


def test_the_check_may_be_for_all_tests_or_for_none(leaky):
    told = sections(leaky.run("-p", "no:randomly", "-W", "ignore", "-o", "vespera_leaks=all").text)
    assert "left.txt" in told["test_that_is_not_async"]
    outcome = leaky.run("-p", "no:randomly", "-W", "ignore", "-o", "vespera_leaks=none")
    assert "The test left behind" not in outcome.text
    outcome = leaky.run("-o", "vespera_leaks=some")
    outcome.assert_says("vespera_leaks = some: it is one of async, all, none.")
