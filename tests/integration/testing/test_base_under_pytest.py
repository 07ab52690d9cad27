"""``AsyncTestBase`` as somebody else's test run sees it."""

import subprocess
import sys
from pathlib import Path

SETTINGS = """[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
TESTS = """
import asyncio
import pytest
from vespera import Clock
from vespera.testing import AsyncTestBase

class TestMine(AsyncTestBase):
    async def test_an_async_test_needs_no_mark(self):
        task = await self.create_test_task(payload={"a": 1})
        assert (await self.wait_for_completion(task.task_id)).result == {"a": 1}

    @pytest.mark.asyncio
    async def test_a_marked_test_is_fine(self):
        await self.clock.advance(hours=1)

    @pytest.mark.parametrize("number", [1, 2])
    async def test_parameters_are_fine(self, number, tmp_path):
        assert self.workspace == tmp_path

    def test_a_sync_test_is_fine(self):
        assert self.container.get(Clock) is self.clock

    async def test_that_leaves_a_task_running(self):
        self.leftover = asyncio.create_task(asyncio.Event().wait(), name="the leftover")

    async def test_that_fails(self):
        async def fail(task):
            raise ValueError("in the specialist's own words")
        self.register("fail", fail)
        task = await self.create_test_task(specialist_type="fail")
        await self.wait_for_completion(task.task_id)

class TestMore(TestMine):
    async def test_an_inherited_class_is_fine(self):
        await self.run_until_idle()
"""


def run_pytest(directory: Path, *options: str) -> str:
    (directory / "pytest.ini").write_text(SETTINGS)
    (directory / "test_mine.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(
        [*command, "-q", *options], cwd=directory, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_it_works_in_strict_mode_and_tells_leaks_and_errors(tmp_path):
    output = run_pytest(tmp_path, "--asyncio-mode=strict")
    assert "2 failed, 13 passed, 2 errors" in output, output
    assert output.count("FAILED test_mine.py::TestMine::test_that_fails") == 1
    assert "is failed: ValueError: in the specialist's own words" in output
    assert "ERROR test_mine.py::TestMine::test_that_leaves_a_task_running" in output
    assert "The test left behind:" in output
    assert "the task the leftover (Event.wait)" in output
    assert "made at" in output
    assert "in TestMine.test_that_leaves_a_task_running" in output
