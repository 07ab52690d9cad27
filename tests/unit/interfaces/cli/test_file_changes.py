"""What a task said of files is a table on a terminal, and lines with tabs in a pipe."""

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime

import pytest

from vespera.application.usecases.inspect_files import ListOperationsResult
from vespera.domain.file_operation import Absent, FileOperation, OperationKind, Phase
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.verification import Finding, Verdict
from vespera.interfaces.cli.file_changes import show_operations


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def listed():
    operation = FileOperation(
        id=OperationId("o"),
        task_id=TaskId("t"),
        kind=OperationKind.CREATE,
        phase=Phase.INTENT,
        path="a\tb\n\x1b.txt",
        before=Absent(),
        after=Absent(),
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    finding = Finding(
        operation_id=operation.id,
        task_id=operation.task_id,
        kind=operation.kind,
        path=operation.path,
        verdict=Verdict.REFUTED,
        reason="it is not there",
        before=Absent(),
        after=Absent(),
    )
    return ListOperationsResult(success=True, operations=[(operation, finding)])


def shown(listed, stream):
    with redirect_stdout(stream):
        show_operations(listed, as_json=False)
    return stream.getvalue().splitlines()


def test_on_a_terminal_it_is_a_table_with_headings(listed):
    headings, row = shown(listed, Terminal())

    assert headings.split() == [
        *("RECORDED", "PHASE", "KIND", "PATH", "BEFORE", "AFTER", "VERDICT", "WHY")
    ]
    assert row[headings.index("PATH") :].startswith(r"a b \x1b.txt  nothing")
    assert row.endswith("refuted  it is not there")


def test_in_a_pipe_each_operation_is_a_line_and_each_column_is_one(listed):
    [row] = shown(listed, io.StringIO())

    assert row.split("\t")[1:] == [
        *("intent", "create", r"a b \x1b.txt", "nothing", "nothing", "refuted", "it is not there")
    ]
