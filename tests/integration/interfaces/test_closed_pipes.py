"""Whoever reads the output may leave: `vespera task list | head -1`."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

WORK = """
    from pathlib import Path
    from vespera import Container, TaskOrchestrator, providers

    async def worker(task):
        return task.payload

    class Working(Container):
        specialists = providers.Aggregate(worker=providers.Object(worker))

    async def main(container, input):
        requests = [{"title": "Work", "specialist_type": "worker", "task_id": "the one"}]
        results = await container.get(TaskOrchestrator).run_all(requests)
        Path("done").touch()
        return results
"""
PRINTS = """
    async def main(container, input):
        print("hello", flush=True)
"""


@pytest.fixture
def unread():
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def vespera(tmp_path):
    """The command `vespera`, with pipes of its own."""

    def run(*words: str, **streams: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vespera.interfaces.cli", *words],
            cwd=tmp_path,
            text=True,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )

    return run


@pytest.fixture
def job(tmp_path):
    def write(text: str) -> str:
        Path(tmp_path, "job.py").write_text(dedent(text), encoding="utf-8")
        return "job.py"

    return write


@pytest.mark.parametrize(
    "words", [["task", "list"], ["task", "list", "--json"], ["task", "show", "the one"], ["verify"]]
)
def test_a_command_that_looks_ends_quietly(vespera, job, unread, words):
    vespera("run", job(WORK))

    looked = vespera(*words, stdout=unread)

    assert (looked.returncode, looked.stderr) == (141, "")


def test_a_run_ends_quietly_once_the_work_is_done(vespera, job, unread, tmp_path):
    ran = vespera("run", job(WORK), stdout=unread)

    assert (ran.returncode, ran.stderr) == (141, "1/1 tasks\n")
    assert (tmp_path / "done").exists()


def test_a_program_that_prints_ends_quietly(vespera, job, unread):
    ran = vespera("run", job(PRINTS), stdout=unread)

    assert (ran.returncode, ran.stderr) == (141, "")


def test_without_a_reader_of_the_progress_the_work_goes_on(vespera, job, unread):
    ran = vespera("run", job(WORK), stderr=unread)

    assert ran.returncode == 0
    assert ran.stdout == "completed: Work (the one)\n"
