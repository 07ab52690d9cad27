"""`vespera worker`: processes that work on one file until they are told to stop."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vespera import Container, TaskOrchestrator

APP = """
import asyncio
import json
import os
import time
from pathlib import Path
from vespera import Container, providers

HERE = Path(__file__).parent

def note(line):
    descriptor = os.open(HERE / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode() + b"\\n")
    os.close(descriptor)

async def quick(task):
    await task.step("note", note, f"done {task.id}")

async def gated(task):
    await task.step("note", note, f"begun {task.id}")
    print(json.dumps({"event": "working", "task_id": task.id}), flush=True)
    opened = asyncio.Event()
    asyncio.get_running_loop().call_soon(look, opened)
    try:
        await opened.wait()
    except asyncio.CancelledError:
        note(f"cleaned up {task.id}")
        raise

def look(opened):
    if (HERE / "gate").exists():
        opened.set()
    else:
        asyncio.get_running_loop().call_later(0.01, look, opened)

async def stubborn(task):
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note("will not go")

async def blocking(task):
    time.sleep(3600)

async def failing(task):
    raise ValueError("it does not work")

class Works(Container):
    specialists = providers.Aggregate(
        quick=providers.Object(quick),
        gated=providers.Object(gated),
        stubborn=providers.Object(stubborn),
        blocking=providers.Object(blocking),
        failing=providers.Object(failing),
    )
"""
Start = Callable[..., "Process"]


class Process:
    """`vespera worker` in a process of its own, and what it has said so far."""

    def __init__(self, workspace: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vespera.interfaces.cli", "worker", *words, "--json"],
            cwd=workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def next(self, kind: str, task_id: str | None = None) -> dict[str, object]:
        """The next event of this kind, of this task if it matters."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, object] = json.loads(line)
            if event["event"] == kind and task_id in {None, event.get("task_id")}:
                return event
        raise AssertionError(f"no {kind}: {self.process.stderr and self.process.stderr.read()}")

    def announced(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def ended(self) -> tuple[int, str]:
        stderr = self.process.communicate(timeout=60)[1]
        return self.process.returncode, stderr


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker, and wait until it is ready."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    running: list[Process] = []

    def start(*words: str, app: str = "app.py") -> Process:
        worker = Process(tmp_path, app, *words)
        running.append(worker)
        worker.next("ready")
        return worker

    yield start
    for worker in running:
        worker.process.kill()
        worker.process.communicate()


@pytest.fixture
def create(tmp_path: Path) -> Callable[..., None]:
    """Store tasks, each named by its type and number."""

    async def store(kind: str, count: int) -> None:
        database = tmp_path / ".vespera" / "vespera.db"
        async with Container(database_url=str(database)) as container:
            orchestrator = container.get(TaskOrchestrator)
            for number in range(count):
                await orchestrator.create_task(
                    title=f"{kind} {number}",
                    specialist_type=kind,
                    task_id=f"{kind}-{number}",
                    completion="auto",
                )

    return lambda kind, count=1: asyncio.run(store(kind, count))


def log_of(workspace: Path) -> list[str]:
    return (workspace / "log").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def stands(tmp_path: Path) -> Callable[[str], tuple[object, ...]]:
    """How a task stands: status, attempt, failures, crashes."""

    def look(task_id: str) -> tuple[object, ...]:
        ran = subprocess.run(
            [sys.executable, "-m", "vespera.interfaces.cli", "task", "show", task_id, "--json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        shown = json.loads(ran.stdout)
        return tuple(shown[name] for name in ("status", "attempt", "failures", "crashes"))

    return look


@pytest.mark.parametrize("app", ["app.py", "app.py:Works", "app:Works"])
def test_it_works_off_what_is_there_and_what_comes(start, create, stands, app):
    create("quick", 2)
    worker = start(app=app)
    worker.next("completed", "quick-1")
    create("failing")
    failed = worker.next("failed", "failing-0")

    worker.process.send_signal(signal.SIGTERM)
    stopped = worker.next("stopped")
    code, _ = worker.ended()

    assert failed["told"] == "ValueError: it does not work"
    assert stopped["ended"] == {"completed": 2, "failed": 1}
    assert code == 143
    assert stands("quick-1") == ("completed", 1, 0, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_lets_what_is_under_way_end(start, create, stands, tmp_path, number, code):
    create("gated", 2)
    worker = start("--concurrency", "1")
    worker.next("working", "gated-0")

    worker.process.send_signal(number)
    assert worker.announced().startswith("stopping; what is under way may go on for 30 s")
    (tmp_path / "gate").touch()
    ended = worker.ended()

    assert ended == (code, "stopped; what had not ended is pending again\n")
    assert stands("gated-0") == ("completed", 1, 0, 0)
    assert stands("gated-1") == ("pending", 0, 0, 0), "nothing more was claimed"


def test_what_does_not_end_in_time_is_interrupted_cleans_up_and_is_pending_again(
    start, create, stands, tmp_path
):
    create("gated")
    worker = start("--drain", "0.05")
    worker.next("working", "gated-0")

    worker.process.send_signal(signal.SIGTERM)
    worker.next("released", "gated-0")

    assert worker.ended()[0] == 143
    assert log_of(tmp_path) == ["begun gated-0", "cleaned up gated-0"]
    assert stands("gated-0") == ("pending", 1, 0, 0)


def test_a_second_signal_interrupts_at_once(start, create, stands, tmp_path):
    create("gated")
    worker = start("--drain", "3600")
    worker.next("working", "gated-0")
    worker.process.send_signal(signal.SIGTERM)
    worker.announced()

    worker.process.send_signal(signal.SIGTERM)

    assert worker.announced() == "interrupting; a third signal ends the process at once\n"
    assert worker.ended()[0] == 143
    assert log_of(tmp_path) == ["begun gated-0", "cleaned up gated-0"]
    assert stands("gated-0") == ("pending", 1, 0, 0)


@pytest.mark.parametrize("kind", ["stubborn", "blocking"])
def test_a_third_signal_ends_a_process_that_cannot_stop(start, create, kind):
    create(kind)
    worker = start()
    if kind == "stubborn":  # the other one blocks the loop before it can be told of
        worker.next("began", "stubborn-0")
    for _ in range(2):
        worker.process.send_signal(signal.SIGINT)
        worker.announced()

    worker.process.send_signal(signal.SIGINT)

    code, said = worker.ended()
    assert (code, said) == (
        -signal.SIGINT,
        "ended at once; run the same command again to resume\n",
    )


def test_the_task_of_a_killed_worker_is_taken_over_at_once_by_one_that_works_already(
    start, create, stands, tmp_path
):
    """At once: a look in a second, where the lease would be waited for for 30."""
    create("gated")
    killed = start()
    killed.next("working", "gated-0")
    heir = start()
    killed.process.kill()
    died = datetime.now(UTC)

    taken = heir.next("taken back")
    heir.next("began", "gated-0")
    (tmp_path / "gate").touch()

    heir.next("completed", "gated-0")

    assert log_of(tmp_path) == ["begun gated-0"], "its step is not done again"
    assert stands("gated-0") == ("completed", 2, 0, 1)
    assert taken["told"] == "gated-0"
    assert (datetime.fromisoformat(str(taken["at"])) - died).total_seconds() < 9


def test_many_work_on_one_file_and_do_each_task_once(start, create, tmp_path):
    create("quick", 40)
    workers = [start("--until-idle", "--concurrency", "3") for _ in range(3)]

    codes = [worker.ended()[0] for worker in workers]

    assert codes == [0, 0, 0]
    assert sorted(log_of(tmp_path)) == sorted(f"done quick-{n}" for n in range(40))


def test_doctor_shows_who_works(start, tmp_path):
    start()
    ready = start()

    ran = subprocess.run(
        [sys.executable, "-m", "vespera.interfaces.cli", "doctor", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (workers,) = [r for r in json.loads(ran.stdout)["remarks"] if r["about"] == "workers"]

    assert workers["text"].startswith("2 alive on this machine")
    assert ready.process.poll() is None


@pytest.mark.parametrize("options", [["--loop", "uvloop"], ["--gc-freeze"]])
def test_the_options_for_speed_change_nothing_else(start, create, stands, options):
    create("quick")
    worker = start(*options)
    worker.next("completed", "quick-0")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended()[0] == 143
    assert stands("quick-0") == ("completed", 1, 0, 0)


def test_without_uvloop_the_option_says_what_to_install(vespera, program, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)

    ran = vespera("worker", program(APP, "app.py"), "--loop", "uvloop", "--until-idle")

    assert ran.exit_code == 2
    assert "pip install 'vespera[uvloop]'" in ran.stderr


def test_on_a_pipe_there_is_a_line_for_each_event(vespera, program, create):
    create("quick")
    create("failing")

    ran = vespera("worker", program(APP, "app.py"), "--until-idle")

    kinds = [line.split()[1] for line in ran.stdout.splitlines()]
    assert ran.exit_code == 0, ran.stderr
    assert kinds[0] == "ready"
    assert sorted(kinds[1:5]) == ["began", "began", "completed", "failed"]
    assert ran.stdout.splitlines()[-1].endswith("stopped     1 completed, 1 failed")
    assert "failing: failing 0 (failing-0, " in ran.stdout
    assert "ValueError: it does not work" in ran.stdout


def test_nobody_who_reads_is_no_reason_to_stop(tmp_path, create, stands):
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    create("quick", 3)
    line = f"{sys.executable} -m vespera.interfaces.cli worker app.py --until-idle | head -0"

    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert stands("quick-2")[0] == "completed"


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("nowhere.py", "nowhere.py does not exist"),
        ("no.where:App", "there is no module 'no'"),
        ("json:App", "json has no Container subclass 'App'"),
    ],
)
def test_an_app_that_is_not_there_is_named(vespera, target, complaint):
    ran = vespera("worker", target)

    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_a_defect_of_the_worker_itself_ends_the_process(vespera, program):
    app = program(
        """
        from vespera import Container, providers
        from vespera.infrastructure.persistence.task_queue import SqlTaskQueue

        class Broken(SqlTaskQueue):
            async def claim_ready(self, **how):
                raise ZeroDivisionError("a defect")

        class Works(Container):
            queue = providers.Singleton(Broken, Container.database)
        """
    )

    ran = vespera("worker", app)

    assert ran.exit_code == 1
    assert "ZeroDivisionError: a defect" in ran.stderr
