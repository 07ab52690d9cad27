"""`vespera recover-context`: what whoever takes a task over has to know."""

import json

import pytest

from vespera.domain.context_size import LEAST_BYTES

DESK = """
from pathlib import Path
from vespera import Container, TaskOrchestrator, providers

async def clerk(task):
    await task.files.write_text("said.txt", "said\\n")
    await task.files.write_text(".env", "TOKEN=hunter2\\n")
    (Path(__file__).parent / "unsaid.txt").write_text("unsaid")
    await task.files.track_file_create("never.txt")

class Desk(Container):
    specialists = providers.Aggregate(clerk=providers.Object(clerk))

async def main(container, input):
    await container.get(TaskOrchestrator).run(title="Write", specialist_type="clerk", task_id="t")
"""


@pytest.fixture
def begun(vespera, workspace):
    """A task whose completion was refused, in a workspace of which there was a snapshot."""
    (workspace / "desk.py").write_text(DESK)
    (workspace / ".gitignore").write_text("__pycache__/\n*.log\n")
    (workspace / "debug.log").touch()
    assert vespera("snapshot", "--for", "t", "--label", "before").exit_code == 0
    assert vespera("run", f"{workspace / 'desk.py'}:Desk").exit_code == 0


@pytest.mark.usefixtures("begun")
def test_everything_is_told_in_markdown(vespera):
    told = vespera("recover-context", "t")

    assert (told.exit_code, told.stderr) == (0, "")
    assert "- create `never.txt`: it was not created: nothing is there\n" in told.stdout
    assert "+said\n" in told.stdout
    assert "- added `unsaid.txt`\n" in told.stdout
    assert "before, of " in told.stdout
    assert "- `debug.log`: ignored\n" in told.stdout
    assert vespera("recover-context", "t", "--markdown").stdout.count("\n") == (
        told.stdout.count("\n")
    )


@pytest.mark.usefixtures("begun")
def test_secrets_are_not_told(vespera):
    for words in ((), ("--json",)):
        told = vespera("recover-context", "t", *words).stdout
        assert "never shown" in told
        assert "hunter2" not in told


@pytest.mark.usefixtures("begun")
def test_the_same_is_told_in_json(vespera):
    form = json.loads(vespera("recover-context", "t", "--json").stdout)

    assert form["task"]["status"] == "executed"
    assert [one["file_path"] for one in form["open_intents"]] == ["never.txt"]
    assert [one["file_path"] for one in form["undeclared"]] == ["unsaid.txt"]
    assert [one["label"] for one in form["snapshots"]] == ["before"]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_it_is_never_longer_than_one_says(vespera, workspace, words):
    for number in range(200):
        (workspace / f"noise-{number:04}.txt").touch()
    told = vespera("recover-context", "t", "--max-bytes", LEAST_BYTES, *words).stdout

    assert LEAST_BYTES * 0.8 < len(told.encode()) <= LEAST_BYTES
    assert "left_out" in told or "more\n" in told


@pytest.mark.usefixtures("begun")
def test_nobody_looks_for_undeclared_changes_if_one_does_not_want_it(vespera):
    told = vespera("recover-context", "t", "--no-scan").stdout

    assert "Nobody has looked for them: the workspace was not scanned" in told
    assert "unsaid" not in told


@pytest.mark.usefixtures("begun")
def test_nothing_is_changed_by_looking(vespera, workspace):
    database = workspace / ".vespera" / "vespera.db"
    before = database.read_bytes()
    vespera("recover-context", "t")

    assert database.read_bytes() == before


@pytest.mark.usefixtures("begun")
def test_what_cannot_be_asked_is_refused_in_one_line(vespera):
    for words, code in {
        ("nobody",): 1,
        ("t", "--json", "--markdown"): 2,
        ("t", "--max-bytes", "10"): 2,
    }.items():
        ran = vespera("recover-context", *words)
        assert (ran.exit_code, ran.stdout, len(ran.stderr.splitlines())) == (code, "", 1)
