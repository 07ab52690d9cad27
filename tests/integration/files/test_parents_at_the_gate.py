"""A parent completes only if what its children say of files is so, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskResult
from vespera.application.ports.persistence import ReportRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase
from vespera.domain.errors import ChildFailed
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Report

VERIFIED, CHANGED_SINCE, REFUTED = Verdict.VERIFIED, Verdict.CHANGED_SINCE, Verdict.REFUTED
Between = Callable[[], object]


def nothing() -> None:
    """Between the children's end and the parent's."""


class House:
    """A parent that has a child write a file, which may have another one write one."""

    def __init__(self, container: Container, workspace: Path) -> None:
        self.container, self.workspace = container, workspace
        self.workflow = container.get(TaskExecutionWorkflow)
        specialists = container.get(Specialists)
        for name in ("child", "grandparent"):
            specialists.register(name, getattr(self, name))

    async def child(self, task: TaskContext) -> None:
        await task.files.write_text(f"{task.title}.txt", task.title)

    async def grandparent(self, task: TaskContext) -> None:
        await task.files.write_text("middle.txt", "middle")
        await self._has_done(task, "leaf")

    async def _has_done(self, task: TaskContext, title: str, kind: str = "child") -> None:
        await (await task.spawn(title=title, specialist_type=kind)).outcome()

    async def run(
        self, kind: str = "child", title: str = "leaf", between: Between = nothing
    ) -> TaskResult:
        async def parent(task: TaskContext) -> None:
            await self._has_done(task, title, kind)
            between()

        self.container.get(Specialists).register("parent", parent)
        return await self.workflow.run(title="Parent", specialist_type="parent", task_id="p")

    async def report(self, result: TaskResult) -> Report:
        assert result.report_id is not None
        report = await self.container.get(ReportRepository).get(result.report_id)
        assert report is not None
        return report

    def spoils(self, name: str) -> Between:
        return lambda: (self.workspace / name).write_text("spoilt")


@pytest.fixture
def house(container: Container, tmp_path: Path) -> House:
    return House(container, tmp_path)


async def test_a_parent_s_report_covers_what_its_descendants_did_in_order(house: House) -> None:
    result = await house.run("grandparent", "Middle")
    report = await house.report(result)

    assert result.status == "completed"
    assert [finding.path for finding in report.findings] == ["middle.txt", "leaf.txt"]
    assert report.counts == {VERIFIED: 2}
    assert report.operations == 0
    assert len({finding.task_id for finding in report.findings} - {"p"}) == 2


async def test_what_a_child_left_and_is_another_now_refuses_the_parent(house: House) -> None:
    result = await house.run(between=house.spoils("leaf.txt"))

    assert result.status == "executed"
    assert [(f.path, f.verdict) for f in result.findings] == [("leaf.txt", CHANGED_SINCE)]
    assert "1 of 1 file operations are not proven" in str(result.error)


async def test_put_right_or_waived_at_the_child_or_at_the_parent_it_completes(
    house: House,
) -> None:
    result = await house.run(between=house.spoils("leaf.txt"))
    waive = house.container.get(WaiveFindingsUseCase).waive
    waived = await waive("p", path="leaf.txt", by="ada", reason="as agreed")
    completed = await house.workflow.complete_task("p")

    assert waived.waivers[0].task_id == result.findings[0].task_id != "p"
    assert completed.status == "completed"
    assert (await house.report(completed)).findings[0].excuse == "waived by ada: as agreed"


async def test_a_verification_of_the_parent_says_the_same(house: House) -> None:
    await house.run(between=house.spoils("leaf.txt"))
    tracking = house.container.get(TrackFileOperationsUseCase)
    verified = await tracking.verify_task("p")

    assert (verified.verified, verified.total_operations) == (False, 1)
    assert (await tracking.verify_task(str(verified.findings[0].task_id))).verified is False


async def test_a_child_that_failed_with_something_left_to_do_refuses_the_parent(
    house: House,
) -> None:
    async def quitter(task: TaskContext) -> None:
        await task.files.track_file_create("never.txt")
        raise RuntimeError("no")

    async def parent(task: TaskContext) -> None:
        child = await task.spawn(title="Quit", specialist_type="quitter")
        with pytest.raises(ChildFailed):
            await child.outcome()

    for name, handler in (("quitter", quitter), ("parent", parent)):
        house.container.get(Specialists).register(name, handler)
    result = await house.workflow.run(title="P", specialist_type="parent", task_id="p")

    assert [(f.path, f.verdict) for f in result.findings] == [("never.txt", REFUTED)]


async def test_a_child_that_is_under_way_is_judged_at_its_own_gate(house: House) -> None:
    async def slow(task: TaskContext) -> None:
        await task.files.track_file_create("later.txt")
        await task.wait_for_signal("go")
        (house.workspace / "later.txt").write_text("now")

    async def parent(task: TaskContext) -> None:
        child = await task.spawn(title="Slow", specialist_type="slow", on_parent_end="leave")
        while (await house.workflow.get_task_status(child.id)).status != "waiting":
            await task.sleep(0)

    for name, handler in (("slow", slow), ("parent", parent)):
        house.container.get(Specialists).register(name, handler)

    async with house.container.get("worker").engaged():
        result = await house.workflow.run(title="P", specialist_type="parent", task_id="p")

    assert result.status == "completed"


async def test_each_finding_is_judged_by_the_policy_of_its_own_type(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"workspace": str(tmp_path), "proof": {"child": ["changed_since"]}}
    async with Container(**settings) as container:
        house = House(container, tmp_path)
        result = await house.run(between=house.spoils("leaf.txt"))
        report = await house.report(result)

    assert result.status == "completed"
    assert (report.policy.name, report.findings[0].excuse) == ("strict", "tolerated")


async def test_around_a_parent_what_its_children_declare_is_declared(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"workspace": str(tmp_path), "snapshot_tasks": {"parent": "around"}}
    async with Container(**settings) as container:
        house = House(container, tmp_path)
        clean = await house.run("grandparent", "Middle", between=house.spoils("unsaid.txt"))

    assert [(f.path, f.verdict) for f in clean.findings] == [("unsaid.txt", Verdict.UNDECLARED)]
