"""Ctrl-C and SIGTERM stop a run in good order, and the next one resumes it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RESUME = "interrupted; run the same command again to resume\n"
WAITS = """
import asyncio
from pathlib import Path
from vespera import Container, TaskOrchestrator, providers

async def writer(task):
    await task.step("once", lambda: Path("steps.log").open("a").write("once "))
    if not Path("go").exists():
        print("working", flush=True)
        await asyncio.Event().wait()
    return "written"

class Writing(Container):
    specialists = providers.Aggregate(writer=providers.Object(writer))

async def main(container, input):
    request = {"title": "Write", "specialist_type": "writer", "idempotency_key": "the one"}
    results = await container.get(TaskOrchestrator).run_all([request])
    return results[0].result
"""
STUBBORN = """
import asyncio

async def main(container, input):
    print("working", flush=True)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print("not yet", flush=True)
        await asyncio.Event().wait()
"""

BLOCKS_THE_LOOP = """
import time

async def main(container, input):
    print("working", flush=True)
    time.sleep(3600)
"""
BLOCKS_A_THREAD = """
import asyncio
import time

def work():
    print("working", flush=True)
    time.sleep(3600)

async def main(container, input):
    await asyncio.to_thread(work)
"""
BLOCKS_THE_EXIT = """
import asyncio
import threading
import time

async def main(container, input):
    threading.Thread(target=time.sleep, args=[3600]).start()
    print("working", flush=True)
    await asyncio.Event().wait()
"""
STOPPING = "stopping; a second Ctrl-C ends the process at once\n"
ENDED = "ended at once; run the same command again to resume\n"


@pytest.fixture
def started(tmp_path):
    """Start `vespera run` on a program, and wait until it says that it works."""
    running: list[subprocess.Popen[str]] = []

    def start(text: str) -> subprocess.Popen[str]:
        Path(tmp_path, "job.py").write_text(text, encoding="utf-8")
        process = command(tmp_path)
        running.append(process)
        assert process.stdout.readline() == "working\n", process.communicate()[1]
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def command(workspace: Path, **streams: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vespera.interfaces.cli", "run", "job.py"],
        cwd=workspace,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="sigterm"),
    ],
)
def test_a_signal_stops_cleanly_and_says_how_to_resume(started, number, code):
    process = started(WAITS)

    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == code
    assert stdout == ""
    assert stderr.endswith(RESUME)
    assert "Traceback" not in stderr
    assert "Warning" not in stderr


def test_the_same_command_resumes_and_repeats_no_step(started, tmp_path):
    process = started(WAITS)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    Path(tmp_path, "go").touch()

    stdout, stderr = command(tmp_path).communicate(timeout=60)

    assert stdout == "written\n", stderr
    assert Path(tmp_path, "steps.log").read_text() == "once "


def test_a_second_signal_ends_a_program_that_does_not_stop(started):
    process = started(STUBBORN)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "not yet\n"

    process.send_signal(signal.SIGINT)

    stderr = process.communicate(timeout=60)[1]
    assert (process.returncode, stderr) == (-signal.SIGINT, STOPPING + ENDED)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCKS_THE_LOOP, id="the loop is blocked"),
        pytest.param(BLOCKS_A_THREAD, id="a thread of the loop is waited for"),
    ],
)
def test_a_second_signal_ends_a_program_that_waits_for_something_else(started, text, number):
    process = started(text)
    process.send_signal(number)
    assert process.stderr.readline() == STOPPING

    process.send_signal(number)

    assert process.communicate(timeout=60)[1] == ENDED
    assert process.returncode == -number


def test_a_second_signal_ends_the_waiting_for_threads_at_the_end_of_python(started):
    process = started(BLOCKS_THE_EXIT)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == STOPPING
    assert process.stderr.readline() == RESUME

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == -signal.SIGINT


def test_a_program_that_fails_while_it_stops_tells_its_error(started):
    process = started(STUBBORN.partition('print("not yet"')[0] + "raise RuntimeError('stuck')\n")

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60)[1].endswith(":9: RuntimeError: stuck\n")
    assert process.returncode == 1


def test_a_program_that_finishes_in_spite_of_the_signal_is_interrupted_all_the_same(started):
    process = started(STUBBORN.partition('print("not yet"')[0] + "return 'done'\n")

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60) == ("", STOPPING + RESUME)
    assert process.returncode == 130


def test_on_a_terminal_there_is_a_bar_and_it_goes_away(tmp_path):
    Path(tmp_path, "job.py").write_text(WAITS, encoding="utf-8")
    Path(tmp_path, "go").touch()
    ours, terminal = os.openpty()

    process = command(tmp_path, stderr=terminal)
    stdout, _ = process.communicate(timeout=60)
    os.close(terminal)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)

    assert (process.returncode, stdout) == (0, "written\n"), shown
    assert "1/1 tasks" in shown
    assert "\x1b[2K" in shown
