"""`vespera task retry|fork|cancel|run|wait` and `vespera recover`."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from vespera import Container, TaskOrchestrator

JOBS = """
    import os, signal
    from pathlib import Path
    from vespera import Container, providers

    HERE = Path(__file__).parent

    async def job(task):
        first = await task.step("first", lambda: "one", undo=lambda _: (HERE / "undone").touch())
        if task.payload.get("dies") and task.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if task.payload.get("waits"):
            await task.wait_for_signal("go")
        return await task.step("second", second, first, task.payload)

    def second(first, payload):
        if payload.get("breaks") and not (HERE / "mended").exists():
            raise ValueError("broken")
        return f"{first} {payload.get('word', 'two')}"

    class Jobs(Container):
        specialists = providers.Aggregate(job=providers.Object(job))
"""


@pytest.fixture
def jobs(program):
    return program(JOBS)


@pytest.fixture
def created(vespera, jobs, workspace):
    """Create jobs; ``work`` runs them as well."""

    def create(*requests, work=False):
        asyncio.run(store(workspace, requests))
        if work:
            assert vespera("worker", jobs, "--until-idle").exit_code == 0

    return create


async def store(workspace, requests):
    url = str(workspace / ".vespera" / "vespera.db")
    async with Container(database_url=url, workspace=str(workspace)) as container:
        for request in requests:
            given = {"title": "A job", "specialist_type": "job", "completion": "auto"}
            stored = await container.get(TaskOrchestrator).create_task({**given, **request})
            assert stored.success, stored.error


def status_of(vespera, task_id):
    return json.loads(vespera("task", "show", task_id, "--json").stdout)["status"]


def test_a_failed_task_is_retried_and_done(vespera, created, jobs, workspace):
    created({"task_id": "a", "payload": {"breaks": 1}}, work=True)
    (workspace / "mended").touch()
    retried = vespera("task", "retry", "a", "-y", "--reason", "mended")
    assert (retried.exit_code, retried.stdout) == (0, "pending: A job (a)\n")
    ran = vespera("task", "run", "a", "--app", jobs)

    assert (ran.exit_code, ran.stdout) == (0, "completed: A job (a)\n")
    shown = vespera("task", "show", "a")
    assert "retried  1 time\n" in shown.stdout
    told = vespera("events", "--json").stdout
    assert '"reason": "mended"' in told.replace('":"', '": "')


def test_those_that_were_cancelled_with_it_are_named(vespera, created):
    behind = {"task_id": "b", "depends_on": ["a"], "on_failed_dependency": "cancel"}
    created({"task_id": "a", "payload": {"breaks": 1}}, behind, work=True)
    retried = vespera("task", "retry", "a", "-y")
    assert retried.stdout.endswith("\nstill cancelled, as it had failed: b\n")
    assert vespera("task", "cancel", "a", "-y").exit_code == 0
    again = vespera("task", "retry", "a", "-y", "--dependents")

    assert again.stdout.endswith("\npending again with it: b\n")
    assert status_of(vespera, "b") == "pending"


def test_a_retry_asks_first(vespera, created):
    created({"task_id": "a"})
    refused = vespera("task", "retry", "a")

    assert refused.exit_code == 2
    assert "Let task a run again? There is no terminal to ask on" in refused.stderr


@pytest.mark.parametrize("verb", [("retry", "-y"), ("cancel", "-y"), ("fork",), ("wait",)])
def test_an_unknown_task_is_one_line(vespera, created, verb):
    created({"task_id": "a"})
    refused = vespera("task", verb[0], "nobody", *verb[1:])

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "No task has the id 'nobody'" in refused.stderr


def test_what_is_pending_is_not_retried(vespera, created):
    created({"task_id": "a"})
    refused = vespera("task", "retry", "a", "-y")

    assert refused.exit_code == 1
    assert "is pending; only a task that has failed" in refused.stderr


def test_a_fork_runs_on_from_a_step(vespera, created, jobs):
    created({"task_id": "a"}, work=True)
    more = ("--new-id", "f", "--payload", '{"word": "three"}', "--json")
    forked = json.loads(vespera("task", "fork", "a", "--from-step", "second", *more).stdout)
    assert (forked["task_id"], forked["status"]) == ("f", "pending")
    ran = json.loads(vespera("task", "run", "f", "--app", jobs, "--json").stdout)

    assert ran["outcome"]["result"] == "one three"
    shown = json.loads(vespera("task", "show", "f", "--json").stdout)
    assert shown["forked_from"] == "a"


def test_an_unknown_step_lists_those_that_there_are(vespera, created):
    created({"task_id": "a"}, work=True)
    refused = vespera("task", "fork", "a", "--from-step", "third", "--occurrence", 2)

    assert refused.exit_code == 1
    assert "no step 'third' (occurrence 2) is recorded; recorded are 'first'" in refused.stderr


def test_an_occurrence_without_a_step_is_wrong_usage(vespera, created):
    created({"task_id": "a"})

    assert vespera("task", "fork", "a", "--occurrence", 2).exit_code == 2


def test_a_task_is_called_off(vespera, created):
    created({"task_id": "a"})
    cancelled = vespera("task", "cancel", "a", "-y", "--reason", "nobody needs it", "--json")

    assert json.loads(cancelled.stdout)["status"] == "cancelled"
    shown = json.loads(vespera("task", "show", "a", "--json").stdout)
    assert "nobody needs it" in str(shown["error"])
    assert vespera("task", "cancel", "a", "-y").exit_code == 1


def test_what_can_be_undone_is_undone_by_the_container_that_does_the_task(
    vespera, created, jobs, workspace
):
    created({"task_id": "a", "payload": {"waits": 1}}, work=True)
    refused = vespera("task", "cancel", "a", "-y", "--reason", "rain " * 10_000)
    assert (refused.exit_code, "'--reason': is longer than" in refused.stderr) == (2, True)
    without = vespera("task", "cancel", "a", "-y")
    assert "waits: a worker that does 'job', to undo its steps" in without.stdout
    assert not (workspace / "undone").exists()
    cancelled = vespera("task", "cancel", "a", "-y", "--app", jobs)

    assert (cancelled.exit_code, cancelled.stdout) == (0, "cancelled: A job (a)\n")
    assert (workspace / "undone").exists()


def test_a_task_is_run_alone_and_signed_off(vespera, created, jobs):
    created({"task_id": "a", "completion": "manual"}, {"task_id": "b"})
    ran = vespera("task", "run", "a", "--app", jobs)

    assert (ran.exit_code, ran.stdout) == (0, "completed: A job (a)\n")
    assert status_of(vespera, "b") == "pending"


def test_a_task_that_fails_makes_the_exit_code_1(vespera, created, jobs):
    created({"task_id": "a", "payload": {"breaks": 1}})
    ran = vespera("task", "run", "a", "--app", jobs)

    assert ran.exit_code == 1
    assert ran.stdout.startswith("failed: A job: StepFailed")


def test_a_task_is_run_by_the_container_that_is_named(vespera, created, program):
    created({"task_id": "a"})
    nothing = program("from vespera import Container\nclass Empty(Container): ...", "empty.py")
    unknown = vespera("task", "run", "a", "--app", nothing)

    assert vespera("task", "run", "a").exit_code == 2
    assert unknown.exit_code == 1
    assert "No specialist does 'job'" in unknown.stderr
    assert status_of(vespera, "a") == "pending"


def test_waiting_ends_when_the_task_has_ended(vespera, created):
    created({"task_id": "a"}, {"task_id": "b", "payload": {"breaks": 1}}, work=True)

    assert vespera("task", "wait", "a").exit_code == 0
    waited = vespera("task", "wait", "b")
    assert waited.exit_code == 1
    assert waited.stdout == "failed: A job: StepFailed: Step 'second' failed: ValueError: broken\n"
    shown = vespera("task", "show", "b").stdout.splitlines()
    assert "  undoing     failed  Step 'second' failed: ValueError: broken" in shown


@pytest.mark.parametrize("command", [("task", "wait", "a", "--timeout"), ("dev", "--drain")])
def test_what_is_no_number_of_seconds_is_refused(vespera, command):
    refused = vespera(*command, "nan")

    assert refused.exit_code == 2
    assert "'nan' is no number of seconds." in refused.stderr


def test_waiting_runs_nothing_and_has_an_end(vespera, created, jobs):
    created({"task_id": "a"})
    waited = vespera("task", "wait", "a", "--timeout", "0", "--app", jobs)

    assert waited.exit_code == 1
    assert "is pending after 0 s" in waited.stderr
    assert status_of(vespera, "a") == "pending"


def test_whoever_waits_in_vain_is_told_why_the_task_does_not_run(vespera, created, jobs):
    created({"task_id": "a"})
    vespera("task", "pause", "a")
    waited = vespera("task", "wait", "a", "--timeout", "0", "--app", jobs)
    listed = vespera("task", "list")

    assert waited.exit_code == 1
    assert "is pending after 0 s: it is paused since " in waited.stderr
    assert listed.stdout.splitlines()[0].endswith("WAITS FOR")
    assert listed.stdout.splitlines()[1].endswith("paused")


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_dead_worker_holds_is_taken_back(vespera, created, jobs, workspace, form):
    created({"task_id": "a", "payload": {"dies": 1}})
    command = [sys.executable, "-m", "vespera.interfaces.cli", "worker", str(jobs)]
    died = subprocess.run(
        [*command, "--workspace", str(workspace)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    taken = vespera("recover", *(["--json"] if form == "json" else []))

    assert taken.exit_code == 0
    if form == "json":
        ((task),) = json.loads(taken.stdout)["taken_back"]
        assert (task["id"], task["status"], task["crashes"]) == ("a", "pending", 1)
    else:
        assert taken.stdout == "taken back:  a  job  A job  crash 1 in a row\n"
    assert vespera("recover").stdout == "nothing is held by the dead\n"
