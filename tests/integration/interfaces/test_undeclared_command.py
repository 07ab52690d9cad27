"""`vespera undeclared`: what changed without any task having said so."""

import json

SPECIALISTS = """
from pathlib import Path
from vespera import Container, TaskOrchestrator, providers

async def clerk(task):
    await task.files.write_text("said.txt", "said")
    (Path(__file__).parent / "unsaid.txt").write_text("unsaid")

class Desk(Container):
    specialists = providers.Aggregate(clerk=providers.Object(clerk))

async def main(container, input):
    orchestrator = container.get(TaskOrchestrator)
    result = await orchestrator.run(title="Write", specialist_type="clerk", task_id="t")
    assert result.success, result.error
"""


def begun(vespera, workspace) -> None:
    (workspace / "desk.py").write_text(SPECIALISTS)
    (workspace / ".gitignore").write_text("__pycache__/\n")
    assert vespera("snapshot", "--for", "t").exit_code == 0


def run(vespera, workspace) -> None:
    assert vespera("run", f"{workspace / 'desk.py'}:Desk").exit_code == 0


def test_what_no_task_declared_is_told_and_the_exit_code_says_so(vespera, workspace):
    begun(vespera, workspace)
    run(vespera, workspace)
    found = vespera("undeclared", "t")

    assert found.exit_code == 1
    assert found.stdout.splitlines() == ["undeclared  added  unsaid.txt"]


def test_what_is_allowed_is_told_and_is_no_failure(vespera, workspace):
    begun(vespera, workspace)
    run(vespera, workspace)
    found = vespera("undeclared", "t", "--allow", "unsaid.*")

    assert found.exit_code == 0
    assert found.stdout.splitlines() == ["allowed  added  unsaid.txt", "nothing undeclared"]


def test_where_nothing_changed_there_is_nothing_to_tell(vespera, workspace):
    begun(vespera, workspace)

    assert vespera("undeclared", "t").stdout == "nothing undeclared\n"


def test_programs_are_told_in_json_to_whom_each_change_is_put_down(vespera, workspace):
    begun(vespera, workspace)
    vespera("snapshot", "--for", "another task")
    run(vespera, workspace)
    found = json.loads(vespera("undeclared", "another task", "--json").stdout)

    assert found["since"]["task_id"] == "another task"
    told = [(change["path"], change["account"], change["tasks"]) for change in found["changes"]]
    assert told == [("said.txt", "foreign", ["t"]), ("unsaid.txt", "undeclared", [])]


def test_without_a_snapshot_of_the_task_it_is_told_what_to_do(vespera):
    vespera("snapshot")
    refused = vespera("undeclared", "nobody")

    assert refused.exit_code == 1
    assert "No snapshot was taken for task 'nobody'; say since which one to look." in refused.stderr
