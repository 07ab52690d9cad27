"""What is printed: JSON for programs, aligned text for people."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from vespera.application.usecases.inspect_tasks import StepDetails, TaskDetails, TaskPage
from vespera.application.workflows.task_execution_workflow import TaskResult
from vespera.domain.file_operation import Absent, FileState, OperationKind
from vespera.domain.ids import OperationId, TaskId, WaiverId
from vespera.domain.task import Task, TaskFailure, TaskOutcome, TaskStatus
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Waived
from vespera.interfaces.cli.rendering import (
    show_findings,
    show_page,
    show_result,
    show_task,
    succeeded,
)

NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int
    y: Colour


def a_task(**fields: object) -> Task:
    given = {
        "id": TaskId("t1"),
        "title": "Write",
        "description": "",
        "specialist_type": "writer",
        "payload": b"{}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Task(**{**given, **fields})


def the_details(**fields: object) -> TaskDetails:
    given = {
        "task": a_task(),
        "payload": {},
        "outcome": None,
        "steps": [],
        "dependencies": [],
        "findings": [],
    }
    return TaskDetails(**{**given, **fields})


def a_finding(verdict: Verdict, **fields: object) -> Finding:
    given = {
        "operation_id": OperationId("o1"),
        "task_id": TaskId("t1"),
        "kind": OperationKind.CREATE,
        "path": "a.txt",
        "verdict": verdict,
        "reason": "it says so",
        "before": Absent(),
        "after": FileState("b3:00", 4, 0o644),
    }
    return Finding(**{**given, **fields})


@pytest.mark.parametrize(
    ("value", "form"),
    [
        pytest.param(None, None, id="none"),
        pytest.param([True, 1, 2.5, "x"], [True, 1, 2.5, "x"], id="plain"),
        pytest.param((1, 2), [1, 2], id="a tuple"),
        pytest.param({7: 1}, {"7": 1}, id="keys that are no text"),
        pytest.param(Point(1, Colour.RED), {"x": 1, "y": "red"}, id="a dataclass and an enum"),
        pytest.param(TaskStatus.FAILED, "failed", id="a status"),
        pytest.param(NOW, "2030-01-01T12:30:00+00:00", id="a moment"),
        pytest.param(Path("a/b"), "a/b", id="a path"),
        pytest.param(Decimal("1.50"), "1.50", id="a decimal"),
        pytest.param(Point, str(Point), id="a class"),
        pytest.param({"a": [float("nan")]}, {"a": ["NaN"]}, id="what is no number"),
        pytest.param(float("inf"), "Infinity", id="infinity"),
        pytest.param(float("-inf"), "-Infinity", id="negative infinity"),
        pytest.param("odd\udcff", "odd\udcff", id="text that is no UTF-8"),
    ],
)
def test_any_result_has_a_form_in_json(capsys, value, form):
    show_result(value, as_json=True)

    shown = capsys.readouterr().out
    assert json.loads(shown, parse_constant=pytest.fail) == form
    assert shown.isascii()


@pytest.mark.parametrize(
    ("result", "success"),
    [
        pytest.param(None, True, id="nothing"),
        pytest.param("text", True, id="text"),
        pytest.param({"success": True}, True, id="a mapping that succeeded"),
        pytest.param({"success": False}, False, id="a mapping that did not"),
        pytest.param(TaskResult(success=False), False, id="a task result"),
        pytest.param((TaskResult(success=True), {"success": False}), False, id="one of several"),
        pytest.param([], True, id="no results"),
    ],
)
def test_success_is_what_the_result_says_of_itself(result, success):
    assert succeeded(result) is success


@pytest.mark.parametrize(
    ("result", "line"),
    [
        pytest.param(
            TaskResult(
                success=True,
                task_id=TaskId("t1"),
                status=TaskStatus.COMPLETED,
                title="Write",
                outcome=TaskOutcome(summary="wrote it"),
            ),
            "completed: Write (t1): wrote it",
            id="completed, with a summary",
        ),
        pytest.param(
            TaskResult(success=True, task_id=TaskId("t1"), status=TaskStatus.PENDING, title="W"),
            "pending: W (t1)",
            id="pending",
        ),
        pytest.param(
            TaskResult(success=False, status=TaskStatus.FAILED, title="Write", error="no disk"),
            "failed: Write: no disk",
            id="failed",
        ),
        pytest.param(
            TaskResult(success=False, error="title: is missing"),
            "refused: title: is missing",
            id="refused before there was a task",
        ),
    ],
)
def test_a_task_result_is_one_line(capsys, result, line):
    show_result(result, as_json=False)

    assert capsys.readouterr().out == f"{line}\n"


def test_a_list_of_no_tasks_is_its_heading(capsys):
    show_page(TaskPage(tasks=[]), as_json=False)

    assert capsys.readouterr().out == "ID  STATUS  TYPE  TITLE\n"


def test_facts_that_are_not_there_are_left_out(capsys):
    show_task(the_details(), as_json=False)

    labels = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert labels == ["task", "title", "status", "type", "created", "changed", "payload"]


def test_a_delayed_task_says_when_it_runs(capsys):
    show_task(the_details(task=a_task(run_after=NOW)), as_json=False)

    assert "runs after  2030-01-01 12:30:00+00:00\n" in capsys.readouterr().out


def test_an_outcome_of_another_form_is_shown_as_it_is(capsys):
    show_task(the_details(outcome="(unreadable: damaged)"), as_json=False)

    assert "outcome  (unreadable: damaged)\n" in capsys.readouterr().out


def test_an_error_is_one_line_however_long_its_message(capsys):
    failure = TaskFailure(error_types=("OSError",), message="no\nluck")

    show_task(the_details(task=a_task(error=failure)), as_json=False)

    assert "error    OSError: no luck\n" in capsys.readouterr().out


def test_what_is_too_long_to_be_read_is_cut_and_its_length_told(capsys):
    picture, words = "data:image/png;base64," + "A" * 100_000, ["word"] * 1_000
    step = StepDetails(name="draw", occurrence=1, failed=False, value={"url": picture, "n": 1})
    told = the_details(payload={"a": [picture], "b": "x" * 500}, steps=[step], outcome=words)
    show_task(told, as_json=False)
    payload, outcome, *_, drawn = capsys.readouterr().out.splitlines()[6:]

    beginning = '"data:image/png;base64,' + "A" * 78 + '... (100,022 characters)"'
    assert payload.endswith('{"a": [' + beginning + '], "b": "' + "x" * 500 + '"}')
    assert drawn.endswith('{"url": ' + beginning + ', "n": 1}')
    assert outcome.endswith("... (8,000 characters)")
    assert len(outcome) < 1_100


def test_json_is_never_cut(capsys):
    show_task(the_details(payload={"url": "A" * 10_000}), as_json=True)

    assert json.loads(capsys.readouterr().out)["payload"] == {"url": "A" * 10_000}


def test_what_a_program_returns_is_printed_whole(capsys):
    show_result({"story": "A" * 10_000}, as_json=False)

    assert capsys.readouterr().out == f"story:  {'A' * 10_000}\n"


def test_a_step_that_ran_several_times_is_numbered(capsys):
    steps = [
        StepDetails(name="call", occurrence=number, failed=False, value=number) for number in (1, 2)
    ]

    show_task(the_details(steps=steps), as_json=False)

    assert capsys.readouterr().out.endswith("\nsteps\n  call     done  1\n  call #2  done  2\n")


def test_a_refused_operation_is_named_with_verdict_reason_and_ids(capsys):
    show_findings([a_finding(Verdict.REFUTED), a_finding(Verdict.VERIFIED)], as_json=False)

    assert capsys.readouterr().out == (
        "a.txt: refuted: it says so (create o1) [task t1]\n1 of 2 file operations refused\n"
    )


def test_what_is_let_pass_says_why_and_is_counted_apart(capsys):
    waived = Waived(WaiverId("w1"), "ada", "as agreed")
    findings = [
        a_finding(Verdict.REFUTED, waived=waived),
        a_finding(Verdict.REFUTED, tolerated=True, operation_id=None),
        a_finding(Verdict.VERIFIED),
    ]
    show_findings(findings, as_json=False)
    let_pass = capsys.readouterr().out.splitlines()
    show_findings(findings, as_json=False, strict=True)

    assert let_pass == [
        "a.txt: refuted: it says so (create o1) [task t1]; waived by ada: as agreed",
        "a.txt: refuted: it says so (create) [task t1]; tolerated",
        "1 file operation verified, 2 let pass",
    ]
    assert capsys.readouterr().out.endswith("\n2 of 3 findings refused\n")


def test_a_task_s_files_say_what_is_let_pass(capsys):
    show_task(the_details(findings=[a_finding(Verdict.REFUTED, tolerated=True)]), as_json=False)

    assert capsys.readouterr().out.endswith("refuted  create  a.txt  it says so; tolerated\n")


def test_an_operation_of_no_task_is_named_without_one(capsys):
    show_findings([a_finding(Verdict.REFUTED, task_id=None)], as_json=False)

    assert capsys.readouterr().out.startswith("a.txt: refuted: it says so (create o1)\n")
