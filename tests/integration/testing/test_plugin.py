"""The plugin in other people's projects."""

import pytest

VIRTUAL = """
    import asyncio
    import pytest
    import pytest_asyncio
    from vespera import Clock, Container, TaskExecutionWorkflow
    from vespera.testing import LoopClock, VirtualClock, VirtualLoop

    @pytest_asyncio.fixture
    async def loop_of_fixtures():
        await asyncio.sleep(3600)
        yield asyncio.get_running_loop()
        await asyncio.sleep(3600)

    @pytest.mark.virtual_time
    async def test_a_week_passes_at_once(clock, loop_of_fixtures):
        assert asyncio.get_running_loop() is loop_of_fixtures
        assert isinstance(loop_of_fixtures, VirtualLoop)
        before = clock.now()
        await clock.advance(days=7)
        await asyncio.sleep(3600)
        assert (clock.now() - before).total_seconds() == 7 * 86400 + 3600

    @pytest.mark.virtual_time
    @pytest.mark.parametrize("number", [1, 2])
    async def test_with_parameters(number, container):
        assert container.get(Clock).now().year == 2030

    @pytest.mark.virtual_time
    class TestThings:
        async def test_in_a_class(self, async_task_orchestrator, clock):
            created = await async_task_orchestrator.create_task({"title": "x"})
            await clock.advance(seconds=1)
            status = await async_task_orchestrator.get_task_status(created.task_id)
            assert status.status == "assigned"

        def test_that_is_not_async(self, tmp_path):
            assert tmp_path.exists()

    @pytest.mark.asyncio
    async def test_without_the_marker_time_is_real(clock, container):
        assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
        assert type(clock) is VirtualClock
        assert container.get(Clock) is clock

    @pytest.mark.asyncio
    async def test_a_container_is_fresh(container, workspace, tmp_path):
        assert type(container) is Container
        assert workspace == tmp_path
        result = await container.get(TaskExecutionWorkflow).create_task(
            {"task_id": "same", "title": "x"}
        )
        assert result.success, result.error

    test_and_the_next_is_as_well = test_a_container_is_fresh

    @pytest.mark.asyncio
    async def test_what_a_session_does_not_commit_is_undone(async_database_session, container):
        from sqlalchemy import text
        await async_database_session.execute(text("create table mine (x)"))
        await async_database_session.commit()
        await async_database_session.execute(text("insert into mine values (1)"))
        await async_database_session.rollback()
        rows = await async_database_session.execute(text("select count(*) from mine"))
        assert rows.scalar() == 0

    @pytest.mark.asyncio
    async def test_a_started_container(async_container):
        from vespera import AsyncDatabaseManager
        assert async_container.get(AsyncDatabaseManager).started

    @pytest.mark.performance
    @pytest.mark.integration
    @pytest.mark.crash
    def test_markers_are_known():
        pass
"""


@pytest.mark.parametrize(
    "options",
    [
        ["--asyncio-mode=auto", "-p", "no:randomly"],
        ["--asyncio-mode=strict", "--strict-markers", "-p", "randomly", "-p", "xdist", "-n2"],
    ],
    ids=["auto", "strict, random, in parallel"],
)
def test_virtual_time_and_fixtures_work(project, options):
    project.write(test_virtual=VIRTUAL)
    project.run(*options).assert_counts(passed=11)


def test_a_project_without_pytest_asyncio_is_left_alone(project):
    project.ini("filterwarnings = error")
    project.write(
        conftest="""
            import sys
            HEAVY = {"vespera.application", "dependency_injector", "sqlalchemy", "pytest_asyncio",
                     "asyncio", "alembic", "msgspec"}
            def pytest_configure(config):
                print("LOADED", sorted(HEAVY & set(sys.modules)))
        """,
        test_plain="""
            import pytest

            def test_plain():
                pass

            @pytest.mark.virtual_time
            def test_marked():
                pass

            def test_that_asks_for_a_container(container):
                pass
        """,
    )
    outcome = project.run(
        *["-p", "no:asyncio", "-p", "no:randomly", "-p", "no:timeout", "-p", "no:xdist", "-s"],
        *["-p", "no:hypothesispytest", "-p", "no:cov", "-p", "no:sybil", "-p", "no:anyio"],
    )
    outcome.assert_counts(passed=2, error=1)
    outcome.assert_says("LOADED []", "The fixtures of Vespera are async: install pytest-asyncio")


def test_a_program_in_which_all_wait_fails_at_once_and_says_who_waits(project):
    project.write(
        test_dead="""
            import asyncio
            import pytest

            pytestmark = pytest.mark.virtual_time

            async def test_that_waits_for_ever():
                answer = asyncio.Queue()
                async def worker():
                    await answer.get()
                async with asyncio.TaskGroup() as group:
                    group.create_task(worker(), name="the worker")

            async def test_that_is_fine():
                await asyncio.sleep(1)
        """
    )
    outcome = project.run("-p", "no:randomly")
    outcome.assert_counts(passed=1, failed=1)
    outcome.assert_says(
        "Nothing can happen any more",
        "2 tasks wait for ever",
        "the worker (test_that_waits_for_ever.<locals>.worker) at test_dead.py:10",
        "waits for Queue.get of <Queue",
    )


HOOK = """
    import asyncio

    class OtherLoop(asyncio.SelectorEventLoop):
        pass

    def pytest_asyncio_loop_factories(config, item):
        return {"other": OtherLoop}
"""
MARKED = """
    import asyncio
    import pytest

    @pytest.mark.virtual_time
    async def test_marked():
        await asyncio.sleep(3600)

    @pytest.mark.asyncio
    async def test_other():
        assert "Loop" in type(asyncio.get_running_loop()).__name__
"""


def test_a_project_s_own_loops_serve_the_tests_that_are_not_marked(project):
    other = MARKED.replace('assert "Loop" in', 'assert "OtherLoop" ==')
    project.write(conftest=HOOK, test_mine=other)
    project.run().assert_counts(passed=2)


def test_a_project_s_own_virtual_loop_is_kept(project):
    project.write(
        conftest="""
            from vespera.testing import VirtualLoop
            class OwnLoop(VirtualLoop):
                pass
            def pytest_asyncio_loop_factories(config, item):
                return {"own": OwnLoop}
        """,
        test_mine=MARKED.replace(
            "await asyncio.sleep(3600)",
            "await asyncio.sleep(3600)\n"
            "        assert type(asyncio.get_running_loop()).__name__ == 'OwnLoop'",
        ),
    )
    project.run().assert_counts(passed=2)


def test_a_hook_that_gives_a_marked_test_another_loop_is_told(project):
    wrapped = HOOK.replace(
        "    def pytest_asyncio",
        "    @pytest.hookimpl(wrapper=True, tryfirst=True)\n    def pytest_asyncio",
    )
    wrapped = wrapped.replace("return {", "yield\n        return {").replace(
        "import asyncio\n", "import asyncio\n    import pytest\n", 1
    )
    project.write(conftest=wrapped, test_mine=MARKED)
    outcome = project.run()
    outcome.assert_counts(passed=1, failed=1)
    outcome.assert_says(
        "VirtualTimeOff", "test_marked is marked virtual_time, but runs on a OtherLoop"
    )


def test_a_fixture_that_gives_a_marked_test_another_loop_is_told(project):
    project.write(
        conftest="""
            import asyncio
            import pytest

            @pytest.fixture(scope="session")
            def _asyncio_loop_factory():
                return asyncio.SelectorEventLoop
        """,
        test_mine=MARKED,
    )
    project.run().assert_says("is marked virtual_time, but runs on a")


def test_a_marked_test_that_asks_for_another_loop_by_name_is_refused_and_not_skipped(project):
    project.write(
        conftest=HOOK,
        test_mine="""
            import pytest

            @pytest.mark.virtual_time
            @pytest.mark.asyncio(loop_factories=["other"])
            async def test_marked():
                pass
        """,
    )
    outcome = project.run()
    assert "skipped" not in outcome.counts
    outcome.assert_says("is marked virtual_time, and asks for the loops other")


def test_a_container_class_may_be_given_by_setting_or_by_fixture(project):
    project.ini(
        "vespera_container = shop:ShopContainer",
        "asyncio_mode = auto",
        "asyncio_default_fixture_loop_scope = function",
    )
    project.write(
        shop="""
            from vespera import Container
            class ShopContainer(Container):
                pass
        """,
        test_mine="""
            import pytest
            from shop import ShopContainer

            async def test_by_setting(container):
                assert type(container) is ShopContainer

            class TestByFixture:
                @pytest.fixture
                def container_class(self):
                    return type("Mine", (ShopContainer,), {})

                @pytest.fixture
                def container_settings(self):
                    return {"concurrency": 3}

                async def test_by_fixture(self, container):
                    assert isinstance(container, ShopContainer)
                    assert container.config.concurrency() == 3
        """,
    )
    project.run().assert_counts(passed=2)
    outcome = project.run("-o", "vespera_container=shop:Nothing")
    outcome.assert_says("vespera_container = shop:Nothing", "Give it as 'package.module:Class'")
    outcome = project.run("-o", "vespera_container=os:path")
    outcome.assert_says("this is no class of containers")


def test_marked_tests_work_on_loops_of_wider_scope(project):
    project.write(
        test_mine="""
            import asyncio
            import pytest
            from vespera.testing import VirtualLoop

            pytestmark = pytest.mark.asyncio(loop_scope="module")

            @pytest.mark.virtual_time
            async def test_one():
                await asyncio.sleep(1e6)
                assert isinstance(asyncio.get_running_loop(), VirtualLoop)

            async def test_two():
                assert not isinstance(asyncio.get_running_loop(), VirtualLoop)

            @pytest.mark.virtual_time
            async def test_three():
                await asyncio.sleep(1e6)
        """
    )
    project.run("-p", "no:randomly").assert_counts(passed=3)


def test_calls_that_block_the_loop_are_found_and_those_of_a_database_in_memory_are_not(project):
    project.write(
        test_mine="""
            import asyncio
            import time
            import pytest
            from vespera import AsyncDatabaseManager, Container, TaskContext
            from vespera import TaskExecutionWorkflow, providers
            from vespera.testing import AsyncTestBase

            class TestMine(AsyncTestBase):
                async def test_the_engine_does_not_block(self):
                    async def write(task: TaskContext):
                        await task.files.write_text("a.txt", "text")
                        return await asyncio.to_thread(lambda: open(task_file).read())

                    task_file = self.workspace / "a.txt"
                    self.register("write", write)
                    task = await self.create_test_task(specialist_type="write")
                    assert (await self.wait_for_completion(task.task_id)).result == "text"

                async def test_a_specialist_that_blocks_is_found(self):
                    async def block(task: TaskContext):
                        time.sleep(0.001)

                    self.register("block", block)
                    task = await self.create_test_task(specialist_type="block")
                    await self.wait_for_completion(task.task_id)

                def test_that_is_not_async_may_block(self):
                    time.sleep(0.001)

            async def edit(task: TaskContext):
                await task.files.write_text("a.txt", "one")
                await task.files.write_text("a.txt", "two")

            class Editing(Container):
                specialists = providers.Aggregate(editor=providers.Object(edit))

            @pytest.mark.asyncio
            @pytest.mark.parametrize("place", ["", "tasks.db"])
            async def test_a_container_of_one_s_own_does_not_block(place, tmp_path):
                url = f"sqlite+aiosqlite:///{tmp_path / place}" if place else "sqlite+aiosqlite://"
                async with Editing(database_url=url, workspace=str(tmp_path)) as container:
                    for name in container.providers:
                        container.get(name)
                    run = container.get(TaskExecutionWorkflow).run
                    assert (await run(title="Edit", specialist_type="editor")).success
                    async with container.get(AsyncDatabaseManager).session() as session:
                        await session.connection()

            @pytest.mark.asyncio
            async def test_a_container_that_knows_no_workspace_does_not_block():
                container = Container()
                for name in container.providers:
                    container.get(name)

            @pytest.mark.asyncio
            async def test_reading_a_file_in_the_loop_is_found():
                open(__file__).read()
        """
    )
    project.ini("asyncio_default_fixture_loop_scope = function")
    outcome = project.run("--vespera-blocking", "-p", "no:randomly", "-o", "vespera_leaks=none")
    outcome.assert_counts(passed=5, failed=2)
    outcome.assert_says("Blocking call to time.sleep", "Blocking call to io.TextIOWrapper.read")
    project.run("-o", "vespera_leaks=none").assert_counts(passed=7)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_static_methods_and_single_parameters_may_be_marked(project, mode):
    project.write(
        test_mine="""
            import asyncio
            import pytest
            from vespera.testing import AsyncTestBase, VirtualLoop

            def is_virtual():
                return isinstance(asyncio.get_running_loop(), VirtualLoop)

            class TestStatic:
                @pytest.mark.virtual_time
                @staticmethod
                async def test_outside():
                    assert is_virtual()

                @staticmethod
                @pytest.mark.virtual_time
                async def test_inside():
                    assert is_virtual()

            @pytest.mark.virtual_time
            class TestBase(AsyncTestBase):
                @classmethod
                async def test_of_the_class(cls):
                    assert is_virtual()

            virtual = pytest.param(True, marks=pytest.mark.virtual_time)

            @pytest.mark.asyncio
            @pytest.mark.parametrize("expected", [False, virtual])
            @pytest.mark.parametrize("number", [1, 2])
            async def test_parameters(expected, number):
                assert is_virtual() == expected

            @pytest.mark.parametrize("expected", [False, virtual])
            def test_that_is_not_async(expected):
                pass
        """
    )
    project.run("-o", f"asyncio_mode={mode}").assert_counts(passed=9)


SCOPED = """
    import asyncio
    import pytest
    import pytest_asyncio
    from vespera import Container, TaskExecutionWorkflow
    from vespera.testing import AsyncTestBase

    pytestmark = pytest.mark.asyncio(loop_scope="module")

    class TestBase(AsyncTestBase):
        @pytest.mark.asyncio(loop_scope="module")
        async def test_works(self):
            task = await self.create_test_task()
            assert (await self.wait_for_completion(task.task_id)).completed

    @pytest.mark.virtual_time
    async def test_clock(clock):
        await clock.advance(hours=1)
        assert asyncio.get_running_loop().time() >= 3600

    async def test_container(container):
        created = await container.get(TaskExecutionWorkflow).create_task({"title": "x"})
        assert created.success

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def shared():
        async with Container() as container:
            yield container

    async def test_shared(shared):
        assert (await shared.get(TaskExecutionWorkflow).create_task({"title": "x"})).success

    async def test_shared_again(shared, workspace):
        assert (await shared.get(TaskExecutionWorkflow).create_task({"title": "x"})).success
"""


def test_a_test_on_another_loop_than_its_fixtures_is_told_so(project):
    project.write(test_scoped=SCOPED)
    outcome = project.run()

    outcome.assert_counts(passed=2, error=3)
    outcome.assert_says(
        "test_clock runs on the event loop of its module (loop_scope), but what it uses of"
        " vespera.testing, clock, on that of its function.",
        "vespera.testing, AsyncTestBase, on that",
        "set asyncio_default_fixture_loop_scope = module, or mark the test",
    )


def test_on_the_loop_of_its_fixtures_it_works_whatever_loop_that_is(project):
    project.ini("asyncio_default_fixture_loop_scope = module", "filterwarnings = error")
    project.write(test_scoped=SCOPED)

    project.run().assert_counts(passed=5)
