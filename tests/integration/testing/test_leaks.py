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

    async def test_mock():
        from vespera.testing import mock_client
        class Repository:
            async def load(self, key): ...
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            mock_client(Repository, load=1).load("7")

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
    "test_timer": [
        "a timer for <built-in function print>",
        r"made at .*test_leaks_of_mine.py:17, in test_timer",
    ],
    "test_own_timer": [
        r"a timer for .*test_leaks_of_mine.py:20, in test_own_timer.<locals>.ring",
        r"made at .*test_leaks_of_mine.py:22, in test_own_timer",
    ],
    "test_virtual_timer": [r"made at .*test_leaks_of_mine.py:28, in test_virtual_timer"],
    "test_thread": [
        "the thread waiting, which runs .*Event.wait",
        r"made at .*test_leaks_of_mine.py:32, in test_thread",
    ],
    "test_file": [
        r"an open file: .*left\.txt",
        r"made at .*test_leaks_of_mine.py:35, in test_file",
    ],
    "test_connection": [
        r"an open file: .*left\.db",
        r"made at .*test_leaks_of_mine.py:38, in test_connection",
    ],
    "test_async_connection": [
        "an aiosqlite connection that was not closed",
        r"made at .*test_leaks_of_mine.py:44, in test_async_connection",
    ],
    "test_container": [
        r"a database that was not stopped \(in memory\): clean up its container",
        r"made at .*test_leaks_of_mine.py:48, in test_container",
    ],
    "test_coroutine": [
        "coroutine 'sleep' was never awaited",
        r"made at .*test_leaks_of_mine.py:53, in test_coroutine",
    ],
    "test_mock": [
        "was never awaited",
        r"made at .*test_leaks_of_mine.py:61, in test_mock",
    ],
    "test_override": ["an override of Container.clock, in the class itself"],
    "test_lease": ["Leases are still held", r"held \(.*\), held by somebody"],
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
    assert told["test_override"].count("an override of") == 1
    assert outcome.counts["passed"] == 19, outcome.text


def test_the_check_may_be_for_all_tests_or_for_none(leaky):
    told = sections(leaky.run("-p", "no:randomly", "-W", "ignore", "-o", "vespera_leaks=all").text)
    assert "left.txt" in told["test_that_is_not_async"]
    outcome = leaky.run("-p", "no:randomly", "-W", "ignore", "-o", "vespera_leaks=none")
    assert "The test left behind" not in outcome.text
    outcome = leaky.run("-o", "vespera_leaks=some")
    outcome.assert_says("vespera_leaks = some: it is one of async, all, none.")


SHARED = """
    import asyncio
    import threading
    import anyio
    import pytest
    import pytest_asyncio
    from anyio import to_thread
    from vespera import Clock, Container, TaskExecutionWorkflow, TaskOrchestrator
    from vespera.testing import VirtualClock

    pytestmark = pytest.mark.asyncio(loop_scope="module")
    kept = []
    gate = threading.Event()
    module_level = Container()

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def shared():
        container = Container()
        container.override(Clock, VirtualClock())
        yield container
        await container.cleanup_async_services()

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def started():
        container = Container()
        container.override(Clock, VirtualClock())
        yield container
        await container.cleanup_async_services()

    @pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
    async def service():
        async def serve():
            while True:
                asyncio.create_task(asyncio.sleep(3600))  # handled by whoever asks
                await asked.wait()
                asked.clear()
        asked = asyncio.Event()
        serving = asyncio.create_task(serve())
        yield asked
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def test_that_starts_what_others_use_too(started):
        await started.get(TaskOrchestrator).start()
        await started.get(TaskExecutionWorkflow).create_task({"title": "x"})

    async def test_override(shared):
        shared.override(TaskExecutionWorkflow, "mine", check=False)

    async def test_native_override(shared):
        shared.codec.override(VirtualClock())

    async def test_override_in_a_module_s_container():
        kept.append(module_level.override(Clock, VirtualClock()))

    async def test_override_that_is_undone(shared):
        with module_level.override(Clock, VirtualClock()):
            pass

    async def test_own_container():
        container = Container()
        container.override(Clock, VirtualClock())
        kept.append(container)

    async def test_task():
        kept.append(asyncio.create_task(asyncio.Event().wait(), name="left-over"))

    async def test_timer():
        def ring():
            pass
        asyncio.get_running_loop().call_later(3600, ring)

    async def test_that_asks_the_service(service):
        service.set()
        await asyncio.sleep(0)

    async def test_that_cancels_without_waiting():
        asyncio.create_task(asyncio.Event().wait()).cancel()

    async def test_task_of_a_callback():
        loop = asyncio.get_running_loop()
        def call_back():
            kept.append(loop.create_task(asyncio.sleep(3600), name="by a callback"))
        loop.call_soon(call_back)
        await asyncio.sleep(0)

    @pytest.mark.asyncio(loop_scope="function")
    async def test_on_a_loop_of_its_own():
        kept.append(asyncio.create_task(asyncio.Event().wait(), name="on its own"))

    async def test_anyio_thread():
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        def work():
            loop.call_soon_threadsafe(reached.set)
            gate.wait()
        async with anyio.create_task_group() as group:
            async def call():
                await to_thread.run_sync(work, abandon_on_cancel=True)
            group.start_soon(call)
            await reached.wait()
            group.cancel_scope.cancel()

    @pytest.fixture(autouse=True, scope="session")
    def the_end():
        yield
        gate.set()
"""
LEFT_WHERE_OTHERS_ARE = {
    "test_override": [r"an override of Container\.workflow, in a container that other tests use"],
    "test_native_override": [r"an override of Container\.codec, in a container"],
    "test_override_in_a_module_s_container": [r"an override of Container\.clock, in a container"],
    "test_task": [
        r"the task left-over \(Event.wait\) at",
        r"made at .*test_shared.py:\d+, in test_t",
    ],
    "test_timer": [r"a timer for .*test_shared.py:\d+, in test_timer.<locals>.ring"],
    "test_task_of_a_callback": [r"the task by a callback \(sleep\) at"],
    "test_on_a_loop_of_its_own": [r"the task on its own \(Event.wait\) at"],
    "test_anyio_thread": [r"a call of anyio.to_thread that does not come back"],
}


@pytest.mark.parametrize("order", ["-pno:randomly", "--randomly-seed=1", "--randomly-seed=2"])
def test_what_is_left_where_other_tests_are_is_the_error_of_the_test_that_left_it(project, order):
    project.write(test_shared=SHARED)
    outcome = project.run(order, "-W", "ignore")
    told = sections(outcome.text)
    assert set(told) >= set(LEFT_WHERE_OTHERS_ARE), outcome.text
    for test, patterns in LEFT_WHERE_OTHERS_ARE.items():
        for pattern in patterns:
            assert re.search(pattern, told[test]), f"{test}: {pattern}\n{outcome.text}"
    assert set(told) == set(LEFT_WHERE_OTHERS_ARE), outcome.text
    assert outcome.text.count("left-over") == 1, outcome.text  # and not again when the loop ends
