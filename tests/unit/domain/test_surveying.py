"""What becomes of changes that nobody declared."""

from collections.abc import Sequence

import pytest

from vespera.domain.changes import Change
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    OperationKind,
    PathState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import TaskId
from vespera.domain.surveying import (
    MOST_CANDIDATES,
    MOST_TOLD,
    SnapshotTasks,
    snapshot_tasks_by_type,
    undeclared_findings,
    unwitnessed,
)
from vespera.domain.undeclared import Account, Accounted
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding
from vespera.domain.waiver import why_not_waivable

GONE, DIRECTORY, LINK = Absent(), DirectoryState(0o755), SymlinkState("a")
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
TASK = TaskId("t")


def findings_on(
    *accounted: tuple[Account, Change], candidates: Sequence[TaskId] = ()
) -> Sequence[Finding]:
    given = [Accounted(change, account) for account, change in accounted]
    return undeclared_findings(given, task_id=TASK, candidates=candidates)


def test_only_what_nobody_declared_is_a_finding() -> None:
    found = findings_on(*((account, Change(account, GONE, V1)) for account in Account))

    assert [(one.path, one.verdict) for one in found] == [("undeclared", Verdict.UNDECLARED)]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (GONE, V1, OperationKind.CREATE),
        (GONE, DIRECTORY, OperationKind.MKDIR),
        (GONE, LINK, OperationKind.SYMLINK),
        (V1, GONE, OperationKind.DELETE),
        (DIRECTORY, GONE, OperationKind.RMDIR),
        (V1, V2, OperationKind.MODIFY),
    ],
)
def test_it_has_both_states_and_the_kind_that_could_have_been_declared(
    before: PathState, after: PathState, kind: OperationKind
) -> None:
    [found] = findings_on((Account.UNDECLARED, Change("a", before, after)))

    assert (found.operation_id, found.task_id, found.kind) == (None, TASK, kind)
    assert (found.before, found.after, found.now) == (before, after, (after,))
    assert found.reason.startswith("nobody declared it: there was ")


def test_what_cannot_be_seen_any_more_is_unverifiable() -> None:
    [found] = findings_on((Account.UNDECLARED, Change("a", V1, UnknownState("unreadable"))))

    assert found.verdict is Verdict.UNVERIFIABLE
    assert found.reason.endswith("what is there now is not known: unreadable")
    assert why_not_waivable(found) == ""


def test_others_that_were_at_work_are_candidates_and_no_more() -> None:
    change = Account.UNDECLARED, Change("a", GONE, V1)
    others = [TaskId(f"t{n}") for n in range(MOST_CANDIDATES + 1)]
    [found] = findings_on(change, candidates=others)
    [alone] = findings_on(change)

    assert found.candidates == tuple(others[:MOST_CANDIDATES])
    assert found.reason.endswith("; also at work were " + ", ".join(found.candidates))
    assert "at work" not in alone.reason


def test_of_very_many_changes_the_rest_is_one_finding_that_nobody_can_answer_for() -> None:
    many = [(Account.UNDECLARED, Change(f"{n}", GONE, V1)) for n in range(MOST_TOLD + 7)]
    found = findings_on(*many)

    assert len(found) == MOST_TOLD + 1
    assert (found[-1].path, found[-1].verdict) == (".", Verdict.UNDECLARED)
    assert found[-1].reason == "there are 7 more changes, not told one by one"
    assert why_not_waivable(found[-1]) != ""
    assert len(findings_on(*many[:MOST_TOLD])) == MOST_TOLD


def test_where_nobody_looked_that_is_a_finding_somebody_may_answer_for() -> None:
    found = unwitnessed(TASK, "no snapshot was taken")

    assert (found.path, found.verdict, found.blocks) == (".", Verdict.UNVERIFIABLE, True)
    assert found.reason.endswith("no snapshot was taken")
    assert why_not_waivable(found) == ""


def test_each_type_may_have_its_snapshots() -> None:
    by_type = snapshot_tasks_by_type({"builder": "full", "coder": "around"})

    assert by_type.of("builder") is SnapshotTasks.FULL
    assert by_type.of("coder") is SnapshotTasks.AROUND
    assert by_type.of("other") is by_type.of(None) is SnapshotTasks.OFF


@pytest.mark.parametrize("given", ["on", None, True, ["around"], 1])
def test_what_is_no_such_setting_is_refused(given: object) -> None:
    told = r"^snapshot_tasks: must be one of 'off', 'around', 'full', not "
    with pytest.raises(InvalidRequest, match=told):
        snapshot_tasks_by_type(given)
