"""`vespera files` and `vespera diff TASK`: what a task said of files, and what it changed."""

import json
import shutil
import subprocess

DESK = """
from vespera import Container, TaskOrchestrator, providers

async def clerk(task):
    await task.files.write_text("new.txt", "one\\ntwo\\n")
    await task.files.write_text("bin", "\\0")
    await task.files.move("old.txt", "sub/came.txt")
    await task.files.track_file_create("never.txt")

class Desk(Container):
    specialists = providers.Aggregate(clerk=providers.Object(clerk))

async def main(container, input):
    await container.get(TaskOrchestrator).run(title="Write", specialist_type="clerk", task_id="t")
"""


def run(vespera, workspace) -> None:
    (workspace / "old.txt").write_text("old\n")
    (workspace / "desk.py").write_text(DESK)
    assert vespera("run", f"{workspace / 'desk.py'}:Desk").exit_code == 0


def test_operations_are_lines_with_tabs_in_a_pipe(vespera, workspace):
    run(vespera, workspace)
    found = vespera("files", "t")
    rows = [line.split("\t") for line in found.stdout.splitlines()]

    assert found.exit_code == 0
    assert [row[1:4] for row in rows] == [
        ["done", "create", "new.txt"],
        ["done", "create", "bin"],
        ["done", "move", "old.txt -> sub/came.txt"],
        ["intent", "create", "never.txt"],
    ]
    assert rows[0][4] == "nothing"
    assert rows[3][6:] == ["refuted", "it was not created: nothing is there"]


def test_operations_are_told_in_json_with_both_states(vespera, workspace):
    run(vespera, workspace)
    operations = json.loads(vespera("files", "t", "--json").stdout)["operations"]

    assert operations[3]["verdict"] == "refuted"
    assert operations[3]["remedy"].startswith("carry out the create")
    assert operations[2]["destination"] == "sub/came.txt"
    assert (operations[0]["before"], operations[0]["after"]["size"]) == ({"state": "absent"}, 8)


def test_what_a_task_changed_is_shown_path_by_path(vespera, workspace):
    run(vespera, workspace)

    assert vespera("diff", "t").stdout.splitlines() == [
        "added bin (after: it is binary)",
        "added new.txt",
        "--- /dev/null",
        "+++ b/new.txt",
        "@@ -0,0 +1,2 @@",
        "+one",
        "+two",
        "removed old.txt (moved to 'sub/came.txt')",
        "added sub/came.txt (moved from 'old.txt'; its content is the same)",
    ]


def test_what_is_shown_can_be_taken_back_by_git(vespera, workspace):
    run(vespera, workspace)
    patch = vespera("diff", "t").stdout
    git = shutil.which("git")
    assert git
    subprocess.run([git, "apply", "-R"], cwd=workspace, input=patch, text=True, check=True)

    assert not (workspace / "new.txt").exists()


def test_lines_are_counted_if_that_is_all_one_wants(vespera, workspace):
    run(vespera, workspace)

    assert vespera("diff", "t", "--stat").stdout.splitlines() == [
        "added    bin                  after: it is binary",
        "added    new.txt       +2 -0",
        "removed  old.txt              moved to 'sub/came.txt'",
        "added    sub/came.txt         moved from 'old.txt'; its content is the same",
        "4 paths, +2 -0",
    ]


def test_changes_are_told_in_json_with_or_without_differences(vespera, workspace):
    run(vespera, workspace)
    whole = json.loads(vespera("diff", "t", "--json").stdout)["changes"]
    counted = json.loads(vespera("diff", "t", "--json", "--stat").stdout)["changes"]

    assert [one["path"] for one in whole] == ["bin", "new.txt", "old.txt", "sub/came.txt"]
    assert whole[1]["diff"].endswith("+one\n+two\n")
    assert [whole[3][name] for name in ("kind", "moved_from", "as_left")] == [
        "added",
        "old.txt",
        True,
    ]
    assert counted == [{k: v for k, v in one.items() if k != "diff"} for one in whole]


def test_what_others_did_since_is_told(vespera, workspace):
    run(vespera, workspace)
    (workspace / "new.txt").unlink()

    assert "added new.txt (after: its content was not kept; now there is nothing)" in (
        vespera("diff", "t").stdout
    )


def test_a_task_that_changed_nothing_is_told(vespera, workspace):
    idle = [line for line in DESK.splitlines() if "task.files" not in line]
    (workspace / "desk.py").write_text("\n".join(idle).replace("(task):", "(task): pass"))
    assert vespera("run", f"{workspace / 'desk.py'}:Desk").exit_code == 0

    assert vespera("diff", "t").stdout == "nothing has changed\n"
    assert vespera("files", "t").stdout == ""


def test_what_is_a_snapshot_and_a_task_is_a_snapshot_unless_one_says_so(vespera, workspace):
    run(vespera, workspace)
    vespera("snapshot", "--for", "t")

    assert vespera("diff", "newest").stdout == "nothing has changed\n"
    assert vespera("diff", "newest", "--task").stderr.startswith("Error: No task has the id")


def test_what_is_no_task_is_an_error_in_one_line(vespera, workspace):
    run(vespera, workspace)

    for words, told in {
        ("files", "x"): "Error: No task has the id 'x'.\n",
        ("diff", "x"): "Error: No task has the id 'x'. Nor has a snapshot.\n",
    }.items():
        ran = vespera(*words)
        assert (ran.exit_code, ran.stderr) == (1, told)


def test_options_that_do_not_go_together_are_refused(vespera, workspace):
    run(vespera, workspace)
    vespera("snapshot")

    for words in (("x", "y", "--task"), ("newest", "--stat"), ("t", "--full")):
        ran = vespera("diff", *words)
        assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
