"""`vespera rollback`: what a task did to files is taken back."""

import json

import pytest

SPECIALISTS = """
from vespera import Container, TaskOrchestrator, providers

async def clerk(task):
    await task.files.write_text("changed.txt", "new")
    await task.files.write_text("folder/new.txt", "new")

class Desk(Container):
    specialists = providers.Aggregate(clerk=providers.Object(clerk))

async def main(container, input):
    orchestrator = container.get(TaskOrchestrator)
    result = await orchestrator.run(title="Write", specialist_type="clerk", task_id="t")
    assert result.success, result.error
"""


@pytest.fixture
def worked(vespera, workspace):
    """The task "t" is done."""
    (workspace / "desk.py").write_text(SPECIALISTS)
    (workspace / "changed.txt").write_text("old")
    assert vespera("run", f"{workspace / 'desk.py'}:Desk").exit_code == 0


def rows(output):
    return [line.split(maxsplit=1) for line in output.splitlines()]


@pytest.mark.usefixtures("worked")
def test_a_dry_run_tells_what_would_be_done_and_does_nothing(vespera, workspace):
    told = vespera("rollback", "t", "--dry-run")

    assert told.exit_code == 0
    assert rows(told.stdout) == [["remove", "folder/new.txt"], ["replace", "changed.txt"]]
    assert "the directory folder is empty, and stays" in told.stderr
    assert (workspace / "changed.txt").read_text() == "new"


@pytest.mark.usefixtures("worked")
def test_it_is_taken_back_and_that_is_undone_by_the_command_that_is_told(vespera, workspace):
    done = vespera("rollback", "t")

    assert done.exit_code == 0, done.stderr
    assert (workspace / "changed.txt").read_text() == "old"
    assert not (workspace / "folder" / "new.txt").exists()
    *_, last = done.stdout.splitlines()
    undo = last.removeprefix("to undo this: vespera ").split()
    assert vespera(*undo).exit_code == 0
    assert (workspace / "changed.txt").read_text() == "new"
    assert vespera("rollback", "--undo", "t").stdout == "nothing to take back\n"
    assert vespera("rollback", "t").exit_code == 0
    assert (workspace / "changed.txt").read_text() == "old"
    assert vespera("rollback", "t").stdout == "nothing to take back\n"


@pytest.mark.usefixtures("worked")
def test_an_edit_since_is_told_and_nothing_is_touched(vespera, workspace):
    (workspace / "changed.txt").write_text("mine")
    planned = vespera("rollback", "t", "--dry-run")
    refused = vespera("rollback", "t")

    assert planned.exit_code == refused.exit_code == 1
    assert "conflict  changed.txt     (it was left as a file of 3 bytes" in planned.stdout
    assert "conflict  changed.txt  (it was left as a file of 3 bytes" in refused.stdout
    assert "Nothing was touched" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert (workspace / "folder" / "new.txt").exists()


@pytest.mark.usefixtures("worked")
def test_the_others_are_taken_back_on_request(vespera, workspace):
    (workspace / "changed.txt").write_text("mine")

    assert vespera("rollback", "t", "--partial", "--dry-run").exit_code == 0
    assert vespera("rollback", "t", "--partial").exit_code == 0
    assert not (workspace / "folder" / "new.txt").exists()
    assert (workspace / "changed.txt").read_text() == "mine"


@pytest.mark.usefixtures("worked")
def test_programs_are_told_in_json(vespera, workspace):
    plan = json.loads(vespera("rollback", "t", "--dry-run", "--json").stdout)
    (workspace / "changed.txt").write_text("mine")
    refused = vespera("rollback", "t", "--json")
    done = json.loads(vespera("rollback", "t", "--path", "folder", "--json").stdout)

    assert [step["kind"] for step in plan["steps"]] == ["remove", "replace"]
    assert plan["steps"][1]["wanted"]["state"] == "file"
    assert plan["unfinished"] is None
    assert refused.exit_code == 1
    [conflict] = json.loads(refused.stdout)["conflicts"]
    assert (conflict["path"], conflict["obstacle"]) == ("changed.txt", "edited")
    assert done["success"]
    assert done["rollback_id"]
    assert [step["path"] for step in done["steps"]] == ["folder/new.txt"]


@pytest.mark.usefixtures("worked")
def test_what_was_displaced_is_cleared_when_that_is_said(vespera, workspace):
    vespera("rollback", "t")
    quarantine = workspace / ".vespera" / "quarantine"
    kept = vespera("rollback", "--clear", "1d", "-y")
    assert len(list(quarantine.glob("*/*"))) == 2
    cleared = vespera("rollback", "--clear", "0s", "-y")

    assert kept.stdout == "rollbacks cleared: 0, 0 bytes free again\n"
    assert cleared.stdout == "rollbacks cleared: 1, 6 bytes free again\n"
    assert list(quarantine.iterdir()) == []
    told = json.loads(vespera("rollback", "--clear", "0s", "-y", "--json").stdout)
    assert told == {"removed": [], "bytes": 0}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Say which TASK, or --clear."),
        (("t", "--clear", "1d"), "Say which TASK, or --clear."),
        (("t", "--undo", "--tree"), "--undo takes a whole rollback back"),
        (("--clear", "1d"), "-y says yes"),
    ],
)
def test_what_makes_no_sense_is_refused(vespera, words, told):
    refused = vespera("rollback", *words)

    assert refused.exit_code == 2
    assert told in refused.stderr


@pytest.mark.usefixtures("worked")
def test_what_nobody_knows_is_told(vespera):
    for words in (("nobody",), ("nobody", "--dry-run"), ("nobody", "--undo")):
        refused = vespera("rollback", *words)
        assert refused.exit_code == 1
        assert "'nobody'" in refused.stderr
