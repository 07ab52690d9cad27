"""What the gate can, and cannot, find out about changes that nobody declared."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera.application.ports.persistence import TaskRepository
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.find_undeclared import (
    FindUndeclaredResult,
    FindUndeclaredUseCase,
)
from vespera.application.usecases.workspace_surveys import NOTHING, WorkspaceSurveys
from vespera.domain.changes import Change
from vespera.domain.errors import FileUnreadable, SnapshotNotFound, UnreadableValue
from vespera.domain.file_operation import Absent, FileState, UnknownState
from vespera.domain.ids import SnapshotId, TaskId
from vespera.domain.snapshot import Snapshot
from vespera.domain.survey import MOST_LISTED, NotExamined, Survey
from vespera.domain.surveying import snapshot_tasks_by_type
from vespera.domain.task import TaskStatus
from vespera.domain.undeclared import Account, Accounted
from vespera.domain.verdict import Verdict
from vespera.testing.conformance.samples import a_task

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=1)
V1 = FileState("b3:1", 1, 0o644)
T1 = TaskId("t1")
BASELINE = Snapshot(
    id=SnapshotId("s1"),
    task_id="t1",
    label="",
    began_at=BEGAN,
    ended_at=BEGAN,
    digest="",
    files=0,
    directories=0,
    ignored=0,
    unknown=0,
    hashed=0,
    caution="",
)


class Surveying:
    """Surveys over what others would find."""

    def __init__(self, setting: object = "around") -> None:
        self.tasks = AsyncMock(spec=TaskRepository)
        self.tasks.search.return_value = []
        self.snapshots = AsyncMock(spec=SnapshotRepository)
        self.snapshots.oldest_of.return_value = BASELINE
        self.search = AsyncMock(spec=FindUndeclaredUseCase)
        self.surveys = WorkspaceSurveys(
            tasks=self.tasks,
            snapshots=self.snapshots,
            find_undeclared=lambda: self.search,
            wanted=snapshot_tasks_by_type(setting),
        )

    def finds(self, *accounted: Accounted, **more: Any) -> None:
        self.search.look.return_value = FindUndeclaredResult(
            success=True, accounted=accounted, since=BASELINE, ended_at=ENDED, **more
        )


@pytest.fixture
def surveying() -> Surveying:
    return Surveying()


@pytest.mark.parametrize(
    ("setting", "fields"),
    [
        ("off", {}),
        ({"other": "around"}, {}),
        ("around", {"status": TaskStatus.COMPLETED}),
        ("around", {"status": TaskStatus.FAILED}),
    ],
)
async def test_who_is_not_to_be_surveyed_is_not(setting: object, fields: dict[str, Any]) -> None:
    surveying = Surveying(setting)

    assert await surveying.surveys.of(a_task("t1", **fields), [T1]) == NOTHING
    assert await surveying.surveys.of(None, [T1]) == NOTHING
    assert not surveying.search.look.called


async def test_without_a_snapshot_nobody_knows(surveying: Surveying) -> None:
    surveying.snapshots.oldest_of.return_value = None
    surveyed = await surveying.surveys.of(a_task("t1"), [T1])

    [finding] = surveyed.findings
    assert (finding.verdict, finding.blocks) == (Verdict.UNVERIFIABLE, True)
    assert finding.reason.endswith("no snapshot was taken before the task began")
    assert surveyed.survey is None


@pytest.mark.parametrize(
    "error", [FileUnreadable("gone"), SnapshotNotFound("gone"), UnreadableValue("gone")], ids=repr
)
async def test_what_cannot_be_compared_is_a_finding(surveying: Surveying, error: Exception) -> None:
    surveying.search.look.side_effect = error

    [finding] = (await surveying.surveys.of(a_task("t1"), [T1])).findings

    assert finding.after == UnknownState("gone")


async def test_a_survey_tells_how_many_changes_there_were_and_what_was_not_seen(
    surveying: Surveying,
) -> None:
    change = Change("a", Absent(), V1)
    surveying.finds(
        *(Accounted(change, account) for account in Account),
        repository=["the index changed"],
        not_examined=[("b", "ignored")],
        caution="a network",
    )
    surveyed = await surveying.surveys.of(a_task("t1"), [T1])

    assert surveyed.survey == Survey(
        since=BASELINE.id,
        began_at=BEGAN,
        ended_at=ENDED,
        undeclared=1,
        foreign=1,
        allowed=1,
        repository=("the index changed",),
        not_examined=(NotExamined("b", "ignored"), NotExamined("a", "not known before")),
        caution="a network",
    )


async def test_of_very_many_that_were_not_seen_the_rest_is_counted(surveying: Surveying) -> None:
    surveying.finds(not_examined=[(f"{n}", "ignored") for n in range(MOST_LISTED + 3)])
    survey = (await surveying.surveys.of(a_task("t1"), [T1])).survey

    assert survey is not None
    assert (len(survey.not_examined), survey.unlisted) == (MOST_LISTED, 3)


async def test_candidates_are_others_that_had_begun_and_were_at_work(surveying: Surveying) -> None:
    surveying.finds(Accounted(Change("a", Absent(), V1), Account.UNDECLARED))
    ended = [a_task("t2", status=TaskStatus.FAILED), a_task("t5"), a_task("t1", attempt=1)]
    surveying.tasks.search.side_effect = [ended, [a_task("t3", status=TaskStatus.ASSIGNED)]]
    [finding] = (await surveying.surveys.of(a_task("t1"), [T1])).findings

    assert finding.candidates == ("t2", "t3")
    changed, unfinished = (call.args[0] for call in surveying.tasks.search.await_args_list)
    assert changed.updated_after == BEGAN
    assert TaskStatus.RUNNING in unfinished.statuses


@pytest.mark.parametrize(("setting", "full"), [("around", False), ("full", True)])
async def test_every_file_is_read_where_that_is_asked_for(setting: str, full: bool) -> None:
    surveying = Surveying(setting)
    surveying.finds()
    await surveying.surveys.of(a_task("t1"), [T1])

    surveying.search.look.assert_awaited_once_with([T1], BASELINE, full=full)
