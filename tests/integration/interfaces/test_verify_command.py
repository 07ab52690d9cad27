"""`vespera verify` names what is not as it was said, and exits 1."""

import json
import re

import pytest

WRITER = """
    from pathlib import Path
    from vespera import Container, TaskOrchestrator, TrackFileOperationsUseCase, providers

    async def writer(task):
        await task.files.write_text(task.payload["path"], "as it should be")
        if task.payload.get("then_fail"):
            raise RuntimeError("after writing")

    class Writing(Container):
        specialists = providers.Aggregate(writer=providers.Object(writer))

    async def main(container, input):
        requests = [
            {"title": "Write", "specialist_type": "writer", "payload": payload}
            for payload in input
        ]
        return await container.get(TaskOrchestrator).run_all(requests)
"""
CLAIMS = """
    from vespera import TrackFileOperationsUseCase

    async def main(container, input):
        tracking = container.get(TrackFileOperationsUseCase)
        claimed = await tracking.track_file_creation(input)
        return {"operation": claimed.operation_id}
"""


@pytest.fixture
def written(vespera, program):
    """Run a task per path that writes the file."""

    def run(*paths: str, **more: object) -> list[str]:
        given = json.dumps([{"path": path, **more} for path in paths])
        ran = vespera("run", program(WRITER), "--input", given, "--json")
        return [result["task_id"] for result in json.loads(ran.stdout)]

    return run


def test_what_is_as_it_was_said_is_verified(vespera, written):
    written("a.txt", "b/c.txt")

    verified = vespera("verify")

    assert (verified.exit_code, verified.stderr) == (0, "")
    assert verified.stdout == "2 file operations verified\n"


def test_a_file_with_one_byte_changed_is_named_and_is_exit_code_1(vespera, written, workspace):
    written("a.txt", "b.txt")
    (workspace / "b.txt").write_text("as it should bE", encoding="utf-8")

    verified = vespera("verify")

    assert verified.exit_code == 1
    refused, summary = verified.stdout.splitlines()
    assert refused.startswith("b.txt: changed_since: ")
    assert summary == "1 of 2 file operations refused"


def test_a_file_that_is_gone_is_named(vespera, written, workspace):
    written("a.txt")
    (workspace / "a.txt").unlink()

    verified = vespera("verify")

    assert verified.exit_code == 1
    assert verified.stdout.startswith("a.txt: ")


def test_one_task_can_be_verified(vespera, written, workspace):
    first, second = written("a.txt", "b.txt")
    (workspace / "b.txt").unlink()

    assert vespera("verify", first).stdout == "1 file operation verified\n"
    assert vespera("verify", second).exit_code == 1


def test_one_operation_can_be_verified(vespera, written, workspace):
    written("a.txt", "b.txt")
    (workspace / "a.txt").unlink()
    findings = json.loads(vespera("verify", "--json").stdout)["findings"]
    by_path = {finding["path"]: finding["operation_id"] for finding in findings}

    assert vespera("verify", by_path["a.txt"]).exit_code == 1
    assert vespera("verify", by_path["b.txt"]).stdout == "1 file operation verified\n"


def test_a_claim_of_no_task_is_judged_too(vespera, program):
    vespera("run", program(CLAIMS), "--input", '"never_written.txt"')

    verified = vespera("verify")

    assert verified.exit_code == 1
    assert verified.stdout.startswith("never_written.txt: refuted: ")


def test_operations_under_a_name_that_is_no_task_can_be_verified(vespera, program, workspace):
    claims = """
        from pathlib import Path
        from vespera import TrackFileOperationsUseCase

        async def main(container, input):
            tracker = container.get(TrackFileOperationsUseCase).tracker_for("the build")
            await tracker.track_file_create("built.txt")
            Path(input).write_text("built")
    """
    vespera("run", program(claims), "--input", json.dumps(str(workspace / "built.txt")))
    fine = vespera("verify", "the build")
    (workspace / "built.txt").unlink()

    refused = vespera("verify", "the build")

    assert (fine.exit_code, fine.stdout) == (0, "1 file operation verified\n")
    assert refused.exit_code == 1
    assert refused.stdout.startswith("built.txt: ")


def test_what_a_failed_task_left_is_not_judged_unless_asked_for(vespera, written, workspace):
    (task_id,) = written("a.txt", then_fail=True)
    (workspace / "a.txt").unlink()

    assert vespera("verify").stdout == "0 file operations verified\n"
    assert vespera("verify", task_id).exit_code == 1


def test_a_task_without_operations_has_nothing_to_refuse(vespera, program):
    nothing = WRITER.replace("await task.files.write_text", "str")
    ran = vespera("run", program(nothing), "--input", '[{"path": "a.txt"}]', "--json")
    (result,) = json.loads(ran.stdout)

    verified = vespera("verify", result["task_id"])

    assert (verified.exit_code, verified.stdout) == (0, "0 file operations verified\n")


def test_an_id_of_nothing_is_exit_code_1(vespera, written):
    written("a.txt")

    verified = vespera("verify", "42")

    assert verified.exit_code == 1
    assert verified.stderr == "Error: no task and no file operation has the id '42'\n"


def test_the_findings_as_json_can_be_read_by_programs(vespera, written, workspace):
    written("a.txt", "b.txt")
    (workspace / "b.txt").unlink()

    answer = json.loads(vespera("verify", "--json").stdout)

    assert (answer["verified"], answer["refused"]) == (False, 1)
    (refused,) = [finding for finding in answer["findings"] if not finding["passes"]]
    assert (refused["path"], refused["kind"]) == ("b.txt", "create")
    assert re.fullmatch("[0-9a-f]{32}", refused["task_id"])


def test_a_path_that_is_no_utf_8_does_not_crash_the_output(vespera, program):
    vespera("run", program(CLAIMS), "--input", '"odd\\udcff.txt"')

    verified = vespera("verify")

    assert verified.exit_code == 1
    assert verified.stdout.startswith("odd\\udcff.txt: ")


def test_without_a_database_there_is_nothing_to_verify(vespera):
    verified = vespera("verify")

    assert verified.exit_code == 1
    assert verified.stderr.startswith("Error: there is no database at ")
