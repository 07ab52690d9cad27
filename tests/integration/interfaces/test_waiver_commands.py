"""`vespera waive`, `waivers` and `revoke`: somebody answers for what could not be proven."""

import json

import pytest

DREAMER = """
from pathlib import Path

from vespera import Container, TaskExecutionWorkflow, providers

async def dreamer(task):
    await task.files.track_file_create("dreamt.txt")

async def sloppy(task):
    (Path(__file__).parent / "unsaid.txt").write_text("unsaid")

class Desk(Container):
    defaults = {"snapshot_tasks": {"sloppy": "around"}, "snapshot_ignore": ["__pycache__", "*.py"]}
    specialists = providers.Aggregate(
        dreamer=providers.Object(dreamer), sloppy=providers.Object(sloppy)
    )

class LaxDesk(Desk):
    defaults = {"proof": {"dreamer": "report_only"}}

async def main(container, input):
    workflow = container.get(TaskExecutionWorkflow)
    kind = input or "dreamer"
    await workflow.run(title="Work", specialist_type=kind, task_id="t", idempotency_key="t")
    return await workflow.complete_task("t")
"""
ADA = ("--by", "ada", "--reason", "it comes on Monday")


@pytest.fixture
def desk(vespera, program):
    target = program(DREAMER, "desk.py")
    assert vespera("run", f"{target}:Desk").exit_code == 1
    return target


def test_a_waived_finding_lets_the_task_complete_and_is_told_as_waived(vespera, desk):
    waived = vespera("waive", "t", "dreamt.txt", *ADA)
    completed = vespera("run", f"{desk}:Desk")
    verified, strictly = vespera("verify", "t"), vespera("verify", "t", "--strict")

    assert waived.exit_code == 0
    assert waived.stdout.endswith(": dreamt.txt (create, refuted) is waived\n")
    assert completed.exit_code == 0
    assert verified.exit_code == 0
    assert verified.stdout.splitlines()[0].endswith("; waived by ada: it comes on Monday")
    assert verified.stdout.endswith("\n0 file operations verified, 1 let pass\n")
    assert strictly.exit_code == 1
    assert "waived by ada: it comes on Monday" in vespera("task", "show", "t").stdout


def test_an_operation_is_waived_by_its_id_and_the_waiver_can_be_revoked(vespera, desk):
    judged = json.loads(vespera("verify", "t", "--json").stdout)
    [operation] = [finding["operation_id"] for finding in judged["findings"]]
    [waiver] = json.loads(vespera("waive", "t", operation, *ADA, "--json").stdout)["waivers"]
    revoked = vespera("revoke", waiver["id"], "--by", "bob")

    assert (waiver["operation_id"], waiver["by"], waiver["verdict"]) == (
        operation,
        "ada",
        "refuted",
    )
    assert waiver["now"] == [{"state": "absent"}]
    assert revoked.stdout == f"{waiver['id']}: revoked by bob\n"
    assert vespera("verify", "t").exit_code == 1
    assert vespera("run", f"{desk}:Desk").exit_code == 1


def test_waivers_are_listed_with_who_and_why(vespera, desk):
    [waiver] = json.loads(vespera("waive", "t", "dreamt.txt", *ADA, "--json").stdout)["waivers"]
    vespera("revoke", waiver["id"], "--by", "bob")
    vespera("waive", "t", "dreamt.txt", *ADA)
    listed, page = vespera("waivers", "t"), vespera("waivers", "--limit", "1")

    heading, newest, older = listed.stdout.splitlines()
    assert heading.split() == ["ID", "WAIVED", "TASK", "PATH", "VERDICT", "BY", "REASON"]
    assert newest.endswith("t     dreamt.txt  refuted  ada                   it comes on Monday")
    assert older.endswith("t     dreamt.txt  refuted  ada (revoked by bob)  it comes on Monday")
    assert len(page.stdout.splitlines()) == 2
    assert page.stderr.startswith("more: vespera waivers --before ")
    told = json.loads(vespera("waivers", "t", "--json").stdout)["waivers"]
    assert [one["revoked_by"] for one in told] == [None, "bob"]
    revoked = json.loads(vespera("revoke", waiver["id"], "--by", "carl", "--json").stdout)
    assert revoked["revoked_by"] == "bob"


def test_a_container_s_policy_holds_for_its_commands(vespera, desk):
    tolerated = vespera("verify", "t", "--app", f"{desk}:LaxDesk")

    assert tolerated.exit_code == 0
    assert "; tolerated\n" in tolerated.stdout
    assert vespera("verify", "t", "--app", f"{desk}:LaxDesk", "--strict").exit_code == 1
    assert vespera("run", f"{desk}:LaxDesk").exit_code == 0


def test_what_nobody_declared_is_told_and_waived_where_the_container_is_named(vespera, program):
    target = f"{program(DREAMER, 'desk.py')}:Desk"
    refused = vespera("run", target, "--input", '"sloppy"')
    verified = vespera("verify", "t", "--app", target)
    unnamed = vespera("verify", "t")
    waived = vespera("waive", "t", "unsaid.txt", *ADA, "--app", target)
    completed = vespera("run", target, "--input", '"sloppy"')

    assert refused.exit_code == verified.exit_code == 1
    assert "1 finding on undeclared changes: 'unsaid.txt' (create)" in refused.stdout
    assert verified.stdout.startswith("unsaid.txt: undeclared: nobody declared it: ")
    assert unnamed.stdout == "0 file operations verified\n"
    assert waived.stdout.endswith(": unsaid.txt (create, undeclared) is waived\n")
    assert completed.exit_code == 0


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["waive", "t", "b.txt", *ADA], 1, "the report on task 't' has nothing of 'b.txt'"),
        (["waive", "t", "dreamt.txt", "--by", "ada"], 2, "Missing option '--reason'"),
        (["revoke", "w7", "--by", "bob"], 1, "No waiver has the id 'w7'."),
        (["waivers", "--before", ""], 2, "'--before': must not be empty"),
    ],
)
def test_what_cannot_be_done_is_one_line(vespera, words, code, error):
    refused = vespera(*words)

    assert refused.exit_code == code
    assert error in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
