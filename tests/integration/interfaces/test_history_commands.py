"""`vespera task export` and `vespera task import`."""

import json

import pytest

PROGRAM = """
    from vespera import Container, TaskOrchestrator, providers

    async def asker(task):
        await task.files.write_text("question.txt", "may I?")
        return await task.wait_for_signal("answer")

    async def writer(task):
        return await task.step("write", lambda: f"wrote {task.payload['title']}")

    class Office(Container):
        defaults = {**Container.defaults, "linger_seconds": 0}
        specialists = providers.Aggregate(
            asker=providers.Object(asker), writer=providers.Object(writer)
        )

    async def main(container, input):
        orchestrator = container.get(TaskOrchestrator)
        for request in input:
            await orchestrator.create_task(request)
        await orchestrator.run_until_idle()
"""
WRITE = {
    "title": "a letter",
    "task_id": "w",
    "specialist_type": "writer",
    "payload": {"title": "a secret letter"},
    "completion": "auto",
}
ASK = {"title": "ask", "task_id": "a", "specialist_type": "asker", "completion": "auto"}


@pytest.fixture
def ran(vespera, program):
    done = vespera("run", program(PROGRAM), "--input", json.dumps([WRITE, ASK]))
    assert done.exit_code == 0, done.stderr


def test_a_task_moves_into_another_database_by_a_file(vespera, ran, workspace):
    file, there = workspace / "w.json", workspace / "there.db"
    exported = vespera("task", "export", "w", "-o", file)
    imported = vespera("task", "import", file, "--db", there)
    shown = vespera("task", "show", "w", "--db", there, "--json")

    assert (exported.exit_code, imported.exit_code) == (0, 0), exported.stderr + imported.stderr
    assert exported.stdout.startswith(f"{file}: written (")
    assert imported.stdout == "w: imported (completed)\n"
    assert json.loads(shown.stdout)["status"] == "completed"


def test_a_task_moves_through_a_pipe_and_is_paused(vespera, ran, workspace):
    exported = vespera("task", "export", "a")
    imported = vespera("task", "import", "-", "--db", workspace / "there.db", given=exported.stdout)

    assert imported.stdout == (
        "a: imported (pending, paused)\n`vespera task resume a` lets it go on\n"
    )


def test_a_redacted_document_has_no_values_and_cannot_be_imported(vespera, ran):
    exported = vespera("task", "export", "w", "--redact")
    refused = vespera("task", "import", "-", "--id", "copy", given=exported.stdout)

    assert "secret" not in exported.stdout
    assert json.loads(exported.stdout)["task"]["payload"] == {"redacted": True}
    assert refused.exit_code == 1
    assert "redacted: its values were left out" in refused.stderr


def test_answers_in_json(vespera, ran, workspace):
    file = workspace / "w.json"
    exported = vespera("task", "export", "w", "-o", file, "--json")
    imported = vespera("task", "import", file, "--id", "copy", "--json")

    assert json.loads(exported.stdout) == {"path": str(file), "bytes": file.stat().st_size}
    assert json.loads(imported.stdout) == {
        "task_id": "copy",
        "status": "completed",
        "paused": False,
        "missing": [],
    }


def test_what_is_missing_is_told(vespera, ran):
    document = json.loads(vespera("task", "export", "w").stdout)
    document["task"].update(id="child", parent_id="gone")
    imported = vespera("task", "import", "-", given=json.dumps(document))

    assert imported.stdout.splitlines()[1:] == ["not here: parent gone"]


def test_files_may_be_left_out_of_a_finished_task_only(vespera, ran):
    document = vespera("task", "export", "a").stdout
    refused = vespera("task", "import", "-", "--id", "copy", "--no-files", given=document)

    assert refused.exit_code == 1
    assert "files: what the task says of files" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("export", "nobody"), "No task has the id 'nobody'."),
        (("export", "w", "-o", "job.py"), "job.py is there already; choose another name"),
        (("export", "w", "-o", "no/such/place.json"), "no/such/place.json cannot be written: "),
        (("import", "no-such.json"), "no-such.json cannot be read: "),
        (("import", "job.py"), "job.py is no JSON: "),
        (("import", "w.json"), "task.id: 'w' is taken by another task"),
    ],
)
def test_refusals_are_one_line(vespera, ran, workspace, monkeypatch, arguments, told):
    monkeypatch.chdir(workspace)
    vespera("task", "export", "w", "-o", "w.json")
    refused = vespera("task", *arguments)

    assert refused.exit_code == 1
    assert told in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_exporting_makes_no_database(vespera, workspace):
    refused = vespera("task", "export", "w")

    assert "there is no database" in refused.stderr
    assert list(workspace.iterdir()) == []
