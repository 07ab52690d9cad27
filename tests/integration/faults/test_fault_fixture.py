"""The fixture ``faults`` as somebody else's test run sees it."""

import subprocess
import sys

import pytest

TESTS = """
import pytest
from vespera import Container, TaskExecutionWorkflow
from vespera.testing import AsyncTestBase

@pytest.fixture
def container(tmp_path):
    return Container(workspace=str(tmp_path))

@pytest.mark.asyncio
async def test_with_the_fixture_container(faults, container):
    with faults.at("commit"), pytest.raises(Exception, match="disk I/O error"):
        await container.get(TaskExecutionWorkflow).create_task({"title": "a"})
    await container.cleanup_async_services()

class TestMine(AsyncTestBase):
    async def test_with_the_container_of_the_class(self, faults):
        faults.at("step:*", optional=True)
        task = await self.create_test_task(payload={"a": 1})
        assert (await self.wait_for_completion(task.task_id)).completed

    async def test_whose_fault_was_never_hit(self, faults):
        faults.at("step:charge")

    async def test_whose_clock_jumped_unseen(self, faults):
        faults.clock.jumps(hours=1)
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_it_finds_the_container_and_fails_tests_whose_faults_were_never_hit(tmp_path, mode):
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "test_mine.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr

    assert "4 passed, 2 errors" in output, output
    assert "Nothing ran into the fault at 'step:charge'" in output
    assert "The clock jumped by 1:00:00, and nobody asked it for the time" in output
