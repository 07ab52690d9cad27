"""A task completes only if nothing has changed around it that nobody declared."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, RetryPolicy, TaskContext, TaskExecutionWorkflow, TaskResult
from vespera.application.ports.persistence import FileOperationRepository, ReportRepository
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase
from vespera.domain.ids import TaskId
from vespera.domain.survey import NotExamined
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Report

Handler = Callable[[TaskContext], Awaitable[object]]
UNDECLARED, UNVERIFIABLE = Verdict.UNDECLARED, Verdict.UNVERIFIABLE


class Yard:
    """A workspace with a snapshot around each task but those of the type "unwatched"."""

    def __init__(self, container: Container, workspace: Path) -> None:
        self.container, self.workspace = container, workspace
        self.workflow = container.get(TaskExecutionWorkflow)
        self.tracking = container.get(TrackFileOperationsUseCase)

    def does(self, handler: Handler, kind: str = "worker") -> None:
        self.container.get(Specialists).register(kind, handler)

    async def run(self, handler: Handler, **request: Any) -> TaskResult:
        self.does(handler, request.setdefault("specialist_type", "worker"))
        return await self.workflow.run(title="Work", task_id="t", **request)

    async def report(self, result: TaskResult) -> Report:
        assert result.report_id is not None
        report = await self.container.get(ReportRepository).get(result.report_id)
        assert report is not None
        return report

    async def snapshots(self) -> int:
        return len(await self.container.get(SnapshotRepository).page(limit=9))

    def write(self, name: str, text: str = "unsaid") -> None:
        (self.workspace / name).write_text(text)


@pytest.fixture
def settings() -> dict[str, object]:
    return {"snapshot_tasks": {"*": "around", "unwatched": "off", "full": "full"}}


@pytest.fixture
async def yard(tmp_path: Path, settings: dict[str, object]) -> AsyncIterator[Yard]:
    (tmp_path / "old.txt").write_text("old")
    async with Container(workspace=tmp_path, **settings) as container:
        yield Yard(container, tmp_path)


def seen(result: TaskResult) -> dict[str, Verdict]:
    return {finding.path: finding.verdict for finding in result.findings}


async def test_what_a_shell_leaves_behind_refuses_the_completion(yard: Yard) -> None:
    async def sloppy(task: TaskContext) -> None:
        await task.files.write_text("said.txt", "said")
        yard.write("unsaid.txt")
        yard.write("old.txt")

    result = await yard.run(sloppy)

    assert result.status == "executed"
    assert seen(result) == {"old.txt": UNDECLARED, "unsaid.txt": UNDECLARED}
    assert "2 findings on undeclared changes: 'old.txt' (modify): undeclared" in str(result.error)
    report = await yard.report(result)
    assert [finding.path for finding in report.findings] == ["said.txt", "old.txt", "unsaid.txt"]
    assert report.survey is not None
    assert report.survey.undeclared == 2


async def test_a_task_that_touches_nothing_completes_and_its_report_tells_of_the_look(
    yard: Yard,
) -> None:
    yard.write(".gitignore", "*.log\n")
    yard.write("a.log")

    async def idle(_: TaskContext) -> None:
        return None

    result = await yard.run(idle)
    report = await yard.report(result)

    assert result.status == "completed"
    assert report.findings == ()
    assert report.survey is not None
    assert report.survey.not_examined == (NotExamined("a.log", "ignored"),)
    assert report.survey.since == (await yard.container.get(SnapshotRepository).oldest_of("t")).id  # type: ignore[union-attr]


async def test_a_task_that_changes_something_unsaid_without_touching_files_is_refused(
    yard: Yard,
) -> None:
    async def silent(_: TaskContext) -> None:
        yard.write("unsaid.txt")

    assert seen(await yard.run(silent)) == {"unsaid.txt": UNDECLARED}


async def test_put_right_or_recorded_or_waived_it_completes(yard: Yard) -> None:
    async def sloppy(_: TaskContext) -> None:
        for name in ("taken_back", "recorded", "waived"):
            yard.write(name)

    await yard.run(sloppy)
    (yard.workspace / "taken_back").unlink()
    tracker = yard.tracking.tracker_for("t")
    await tracker.track_file_create("recorded", after=True)
    waive = yard.container.get(WaiveFindingsUseCase).waive
    waived = await waive("t", path="waived", by="ada", reason="a cache")
    result = await yard.workflow.complete_task("t")

    assert waived.success
    assert result.status == "completed"
    findings = {finding.path: finding for finding in (await yard.report(result)).findings}
    assert findings["recorded"].verdict is Verdict.VERIFIED  # the snapshot knows what was before
    assert findings["waived"].excuse == "waived by ada: a cache"


async def test_a_waived_change_that_changes_once_more_is_refused_again(yard: Yard) -> None:
    async def sloppy(_: TaskContext) -> None:
        yard.write("waived")

    await yard.run(sloppy)
    await yard.container.get(WaiveFindingsUseCase).waive("t", path="waived", by="a", reason="b")
    yard.write("waived", "another")

    assert seen(await yard.workflow.complete_task("t")) == {"waived": UNDECLARED}


async def test_what_another_task_declares_meanwhile_is_told_and_passes(yard: Yard) -> None:
    async def careful(_: TaskContext) -> None:
        other = yard.tracking.tracker_for("other")
        await other.track_file_modify("old.txt")
        yard.write("old.txt", "theirs")

    result = await yard.run(careful)
    report = await yard.report(result)

    assert result.status == "completed"
    assert report.survey is not None
    assert (report.survey.foreign, report.survey.undeclared) == (1, 0)


async def test_what_was_announced_and_done_before_excuses_nothing_later(yard: Yard) -> None:
    early = yard.tracking.tracker_for("early")
    await early.track_file_modify("old.txt")
    yard.write("old.txt", "as it was announced")

    async def sloppy(_: TaskContext) -> None:
        yard.write("old.txt", "unsaid")

    assert seen(await yard.run(sloppy)) == {"old.txt": UNDECLARED}


async def test_what_a_finished_task_had_announced_excuses_nothing_either(yard: Yard) -> None:
    async def fails(task: TaskContext) -> None:
        await task.files.track_file_modify("old.txt")
        raise RuntimeError("before it did so")

    async def sloppy(_: TaskContext) -> None:
        yard.write("old.txt", "unsaid")

    yard.does(fails, "unwatched")
    await yard.workflow.run(title="Fail", specialist_type="unwatched")

    assert seen(await yard.run(sloppy)) == {"old.txt": UNDECLARED}


async def test_what_a_task_still_has_to_do_as_announced_is_put_down_to_it(yard: Yard) -> None:
    early = yard.tracking.tracker_for("early")
    await early.track_file_modify("old.txt")

    async def meanwhile(_: TaskContext) -> None:
        yard.write("old.txt", "as it was announced")

    assert (await yard.run(meanwhile)).status == "completed"


async def test_others_at_work_are_named_as_candidates(yard: Yard) -> None:
    await yard.workflow.run(title="Outside", specialist_type="nobody_here", task_id="outside")

    async def sloppy(_: TaskContext) -> None:
        yard.write("unsaid.txt")

    [finding] = (await yard.run(sloppy)).findings

    assert finding.candidates == ("outside",)
    assert "also at work were outside" in finding.reason


async def test_the_baseline_is_the_first_one_over_all_attempts(yard: Yard) -> None:
    async def second_time(task: TaskContext) -> None:
        if task.attempt == 1:
            yard.write("unsaid.txt")
            raise RuntimeError("once")

    result = await yard.run(second_time, retry=RetryPolicy(max_attempts=2, delay=0))

    assert result.attempt == 2
    assert seen(result) == {"unsaid.txt": UNDECLARED}
    assert await yard.snapshots() == 1


async def test_an_outside_worker_s_task_has_its_baseline_before_it_is_handed_over(
    yard: Yard,
) -> None:
    for task_id, create in (("a", yard.workflow.run), ("b", yard.workflow.create_task)):
        await create(title="Outside", specialist_type="nobody_here", task_id=task_id)
    await yard.workflow.execute_task("b")
    yard.write("unsaid.txt")

    for task_id in ("a", "b"):
        assert seen(await yard.workflow.complete_task(task_id)) == {"unsaid.txt": UNDECLARED}


async def test_the_baseline_of_an_unfinished_task_stays_however_few_are_kept(
    tmp_path: Path,
) -> None:
    async with Container(
        workspace=tmp_path, snapshot_tasks="around", snapshots_kept=0
    ) as container:
        yard = Yard(container, tmp_path)
        for number in range(2):
            await yard.workflow.run(
                title="Outside", specialist_type="nobody_here", task_id=f"{number}"
            )
            yard.write(f"{number}.txt")
        first, second = [await yard.workflow.complete_task(f"{n}") for n in range(2)]

    assert seen(first) == {"0.txt": UNDECLARED, "1.txt": UNDECLARED}
    assert seen(second) == {"1.txt": UNDECLARED}


async def test_a_type_that_is_not_watched_pays_nothing_and_is_told_nothing(yard: Yard) -> None:
    async def sloppy(_: TaskContext) -> None:
        yard.write("unsaid.txt")

    result = await yard.run(sloppy, specialist_type="unwatched")

    assert (result.status, result.report_id) == ("completed", None)
    assert await yard.snapshots() == 0


async def test_the_whole_content_is_read_where_that_is_asked_for(yard: Yard) -> None:
    async def idle(_: TaskContext) -> None:
        return None

    assert (await yard.run(idle, specialist_type="full")).status == "completed"


async def test_a_finished_task_is_not_surveyed_again(yard: Yard) -> None:
    async def idle(_: TaskContext) -> None:
        return None

    await yard.run(idle)
    yard.write("later.txt")
    verified = await yard.tracking.verify_task("t")

    assert verified.approved
    assert verified.findings == ()


async def test_a_workspace_that_is_not_there_lets_no_handler_begin(yard: Yard) -> None:
    called = []

    async def idle(_: TaskContext) -> None:
        called.append(1)

    (yard.workspace / "old.txt").unlink()
    yard.workspace.rmdir()
    result = await yard.run(idle)
    outside = await yard.workflow.run(title="Outside", specialist_type="nobody_here")
    await yard.workflow.create_task(title="Out", specialist_type="nobody_here", task_id="o")
    handed_over = await yard.workflow.execute_task("o")

    assert handed_over.status == "failed"
    assert "No snapshot could be taken before task 'o'" in str(handed_over.error)
    assert result.status == "failed"
    assert "No snapshot could be taken before task 't' begins" in str(result.error)
    assert outside.status == "failed"
    assert "No snapshot could be taken" in str(outside.error)
    assert called == []


async def test_a_workspace_that_is_gone_at_the_gate_refuses(yard: Yard) -> None:
    async def destructive(_: TaskContext) -> None:
        (yard.workspace / "old.txt").unlink()
        yard.workspace.rmdir()

    result = await yard.run(destructive)

    assert seen(result) == {".": UNVERIFIABLE}
    assert result.status == "executed"


async def test_what_a_task_allows_itself_passes_and_is_counted(yard: Yard) -> None:
    async def build(task: TaskContext) -> None:
        await task.files.allow("build/**")
        (yard.workspace / "build").mkdir()
        yard.write("build/a.o")
        yard.write("beside.txt")

    result = await yard.run(build)
    report = await yard.report(result)

    assert seen(result) == {"beside.txt": UNDECLARED}
    assert report.survey is not None
    assert (report.survey.allowed, report.operations) == (2, 1)


async def test_an_allowance_is_recorded_once_whatever_is_repeated(yard: Yard) -> None:
    async def twice(task: TaskContext) -> None:
        await task.files.allow("build/**")
        await task.files.allow("dist/**")
        if task.attempt == 1:
            raise OSError("again")

    result = await yard.run(twice, retry=RetryPolicy(max_attempts=2, delay=0))

    assert result.status == "completed"
    operations = await yard.container.get(FileOperationRepository).of_task(TaskId("t"))
    assert [operation.path for operation in operations] == ["build/**", "dist/**"]


async def test_after_a_failure_another_allowance_is_one_more(yard: Yard) -> None:
    async def fickle(task: TaskContext) -> None:
        await task.files.allow(f"build{task.attempt}/**")
        if task.attempt == 1:
            raise OSError("again")

    result = await yard.run(fickle, retry=RetryPolicy(max_attempts=2, delay=0))

    assert result.status == "completed"
    operations = await yard.container.get(FileOperationRepository).of_task(TaskId("t"))
    assert [operation.path for operation in operations] == ["build1/**", "build2/**"]


async def test_what_is_no_pattern_is_raised_in_a_handler(yard: Yard) -> None:
    async def wrong(task: TaskContext) -> None:
        await task.files.allow("../**")

    result = await yard.run(wrong)

    assert "InvalidRequest: pattern: '../**' must be relative" in str(result.error)


async def test_what_a_task_at_work_allows_itself_is_put_down_to_it(yard: Yard) -> None:
    tracker = yard.tracking.tracker_for("outside")
    await yard.workflow.run(title="Outside", specialist_type="unwatched", task_id="outside")
    await tracker.track_file_scope("build/**")

    async def meanwhile(_: TaskContext) -> None:
        (yard.workspace / "build").mkdir()
        yard.write("build/a.o")

    result = await yard.run(meanwhile)
    report = await yard.report(result)

    assert result.status == "completed"
    assert report.survey is not None
    assert report.survey.foreign == 2


async def test_the_allowances_of_work_that_is_over_or_unknown_hold_no_more(yard: Yard) -> None:
    async def build(task: TaskContext) -> None:
        await task.files.allow("build.log")

    yard.does(build, "unwatched")
    await yard.workflow.run(title="Build", specialist_type="unwatched")
    await yard.tracking.tracker_for("somebody").track_file_scope("cache.bin")

    async def sloppy(_: TaskContext) -> None:
        yard.write("build.log")
        yard.write("cache.bin")

    assert seen(await yard.run(sloppy)) == {"build.log": UNDECLARED, "cache.bin": UNDECLARED}


class TestReportOnly:
    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return {"snapshot_tasks": "around", "proof": "report_only"}

    async def test_everything_is_told_and_nothing_refused(self, yard: Yard) -> None:
        async def sloppy(_: TaskContext) -> None:
            yard.write("unsaid.txt")

        result = await yard.run(sloppy)
        [finding] = (await yard.report(result)).findings

        assert result.status == "completed"
        assert (finding.verdict, finding.excuse) == (UNDECLARED, "tolerated")
