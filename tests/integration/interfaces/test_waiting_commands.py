"""`vespera task signal`, `approve` and `reject`; what is shown of tasks that wait."""

import json
import os
import signal
import subprocess
import sys

import pytest

LETTERS = """
    import asyncio
    from vespera import Container, TaskOrchestrator, TaskRepository, providers

    async def letter(task):
        yes = await task.wait_for_approval("Send the letter?")
        if not yes:
            return f"kept: {yes.comment}"
        address = await task.wait_for_signal("address")
        return f"sent to {address['town']} for {yes.by}"

    class Letters(Container):
        specialists = providers.Aggregate(letter=providers.Object(letter))

    async def main(container, input):
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.create_task(
            title="A letter", specialist_type="letter", task_id="letter-1", completion="auto"
        )
        await orchestrator.run_until_idle()  # which does not wait for people
        if input == "stay":
            print("here", flush=True)
            await orchestrator.wait_for_completion("letter-1")
        return await orchestrator.get_task_status("letter-1")
"""


@pytest.fixture
def run(vespera, program):
    """Run the program until all is idle."""
    path = program(LETTERS)

    def run_again():
        ran = vespera("run", path, "--json")
        assert ran.exit_code == 0, ran.stderr
        return json.loads(ran.stdout)

    return run_again


def test_a_letter_is_approved_and_sent(vespera, run):
    run()
    assert vespera("task", "approve", "letter-1", "--by", "ann").exit_code == 0
    sent = vespera("task", "signal", "letter-1", "address", "--payload", '{"town": "Rome"}')
    assert (sent.exit_code, sent.stderr) == (0, "")
    assert sent.stdout.startswith("sent to letter-1 as signal ")

    assert run()["outcome"]["result"] == "sent to Rome for ann"


def test_a_letter_is_rejected(vespera, run):
    run()
    rejected = vespera("task", "reject", "letter-1", "--comment", "too long", "--json")
    assert json.loads(rejected.stdout)["success"] is True

    assert run()["outcome"]["result"] == "kept: too long"


def test_the_same_id_is_sent_once(vespera, run):
    run()
    words = ("task", "signal", "letter-1", "address", "--id", "once", "--payload")
    assert vespera(*words, "1").exit_code == vespera(*words, "1").exit_code == 0
    other = vespera(*words, "2")

    assert other.exit_code == 1
    assert "'once' was sent before, with another name or payload" in other.stderr
    shown = json.loads(vespera("task", "show", "letter-1", "--json").stdout)
    assert [each["id"] for each in shown["signals"]] == ["once"]


def test_a_list_tells_what_tasks_wait_for(vespera, run):
    run()
    listed = vespera("task", "list")
    assert "WAITS FOR" in listed.stdout.splitlines()[0]
    assert listed.stdout.splitlines()[1].endswith("A letter  Send the letter?")

    (task,) = json.loads(vespera("task", "list", "--json").stdout)["tasks"]
    assert task["waits"] == [{"awaits": "Send the letter?", "wake_at": None}]


def test_what_is_shown_tells_what_the_task_waits_for_and_what_was_sent(vespera, run):
    run()
    vespera("task", "signal", "letter-1", "address", "--payload", '"early"')
    shown = vespera("task", "show", "letter-1").stdout
    assert "  signal:approval  waits  Send the letter?" in shown
    assert "  address  kept  20" in shown
    vespera("task", "approve", "letter-1")
    run()

    shown = vespera("task", "show", "letter-1").stdout
    assert "waits" not in shown
    assert "  approval  received  20" in shown


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["signal", "nobody", "go"], 1, "there is no task 'nobody'"),
        (["approve", "nobody"], 1, "there is no task 'nobody'"),
        (["signal", "letter-1", ""], 2, "'NAME': must not be empty"),
        (["signal", "letter-1"], 2, "Missing argument 'NAME'"),
        (["signal", "letter-1", "go", "--payload", "{"], 2, "--payload: this is no JSON"),
        (["signal", "letter-1", "go", "--payload", "@nothing"], 2, "--payload: nothing cannot"),
    ],
)
def test_what_cannot_be_sent_is_refused(vespera, run, words, code, told):
    run()
    refused = vespera("task", *words)

    assert refused.exit_code == code
    assert told in refused.stderr
    assert refused.stdout == ""


def test_a_finished_task_takes_nothing(vespera, run):
    run()
    vespera("task", "reject", "letter-1")
    run()

    assert "Task 'letter-1' (A letter) is completed." in (
        vespera("task", "approve", "letter-1").stderr
    )


def test_a_signal_reaches_the_process_that_runs_the_task_and_ctrl_c_ends_one_that_waits(
    vespera, program, workspace
):
    path = program(LETTERS)
    command = [sys.executable, "-m", "vespera.interfaces.cli", "run", str(path)]
    command += ["--input", '"stay"', "--workspace", str(workspace)]

    def begun():
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "here\n"
        return process

    with begun() as first:
        os.kill(first.pid, signal.SIGINT)
        _, told = first.communicate()
    assert first.returncode == 130
    assert "Traceback" not in told

    with begun() as second:
        assert vespera("task", "approve", "letter-1", "--by", "ann").exit_code == 0
        words = ["--payload", '{"town": "Rome"}']
        assert vespera("task", "signal", "letter-1", "address", *words).exit_code == 0
        printed, _ = second.communicate()
    assert second.returncode == 0
    assert "completed" in printed
