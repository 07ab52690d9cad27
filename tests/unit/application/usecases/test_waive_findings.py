"""Who answers for what could not be proven is kept, and lets the task complete."""

from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import ReportRepository
from vespera.application.ports.waivers import Waivers
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase, WaiveResult
from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import Absent, FileState, PathState
from vespera.domain.ids import TaskId
from vespera.domain.verdict import Verdict

Disk = dict[str, PathState]
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
BECAUSE: Any = {"by": "ada", "reason": "the file comes later"}


@pytest.fixture
def disk() -> Disk:
    return {}


@pytest.fixture
def store(disk: Disk) -> AsyncMock:
    store = AsyncMock(spec=FileStore)
    store.locate.side_effect = lambda path: path
    store.observe.side_effect = lambda paths: [disk.get(path, Absent()) for path in paths]
    return store


@pytest.fixture
def container_class(store: AsyncMock) -> type[Container]:
    class OnADisk(Container):
        files = providers.Object(store)

    return OnADisk


@pytest.fixture
async def refused(container: Container, specialists: Specialists) -> str:
    """A task that has announced a.txt and b.txt, and made neither."""

    async def dreamer(task: TaskContext) -> None:
        await task.files.track_file_create("a.txt")
        await task.files.track_file_create("b.txt")

    specialists.register("dreamer", dreamer)
    result = await container.get(TaskExecutionWorkflow).run(
        title="Dream", specialist_type="dreamer", task_id="t"
    )
    assert result.status == "executed"
    return "t"


@pytest.fixture
def use_case(container: Container, refused: str) -> WaiveFindingsUseCase:
    return container.get(WaiveFindingsUseCase)


async def operation_on(container: Container, path: str) -> str:
    report = await container.get(TrackFileOperationsUseCase).examine(TaskId("t"))
    [found] = [f.operation_id for f in report.findings if f.path == path]
    return str(found)


def told(result: WaiveResult) -> str:
    assert not result.success
    assert not result.waivers
    return str(result.error)


async def test_a_waived_finding_lets_the_task_complete_and_the_report_tells(
    container: Container, use_case: WaiveFindingsUseCase
) -> None:
    workflow = container.get(TaskExecutionWorkflow)
    one = await use_case.waive("t", await operation_on(container, "a.txt"), **BECAUSE)
    still = await workflow.complete_task("t")
    other = await use_case.waive("t", path="b.txt", **BECAUSE)
    done = await workflow.complete_task("t")

    assert one.success
    assert other.success
    assert [finding.path for finding in still.findings] == ["b.txt"]
    assert done.status == "completed"
    report = await container.get(ReportRepository).get(done.report_id)  # type: ignore[arg-type]
    assert report is not None
    assert [f.waived for f in report.findings] == [w.mark for w in (*one.waivers, *other.waivers)]
    assert {f.verdict for f in report.findings} == {Verdict.REFUTED}


async def test_a_waiver_tells_who_let_what_pass_when_and_why(
    container: Container, use_case: WaiveFindingsUseCase
) -> None:
    [waiver] = (await use_case.waive("t", path="a.txt", **BECAUSE)).waivers

    assert (waiver.by, waiver.reason) == ("ada", "the file comes later")
    assert (waiver.task_id, waiver.path, waiver.verdict) == ("t", "a.txt", Verdict.REFUTED)
    assert (waiver.before, waiver.now) == (Absent(), (Absent(),))
    assert waiver.waived_at == container.get("clock").now()
    assert await container.get(Waivers).of_tasks([TaskId("t")]) == [waiver]


async def test_it_holds_no_more_once_the_disk_is_another(
    container: Container, use_case: WaiveFindingsUseCase, disk: Disk
) -> None:
    disk["a.txt"] = V1
    tracker = container.get(TrackFileOperationsUseCase).tracker_for("t")
    await tracker.track_file_create("a.txt", after=True)
    disk["a.txt"] = V2
    [waiver] = (await use_case.waive("t", path="a.txt", **BECAUSE)).waivers
    await use_case.waive("t", path="b.txt", **BECAUSE)
    assert waiver.verdict is Verdict.CHANGED_SINCE
    disk["a.txt"] = FileState("b3:3", 3, 0o644)
    result = await container.get(TaskExecutionWorkflow).complete_task("t")

    assert result.status == "executed"
    assert [finding.path for finding in result.findings] == ["a.txt"]


async def test_what_is_waived_stays_so_by_its_first_waiver(use_case: WaiveFindingsUseCase) -> None:
    first = await use_case.waive("t", path="a.txt", **BECAUSE)
    again = await use_case.waive("t", path="a.txt", by="bob", reason="me too")

    assert again == first


async def test_a_revoked_waiver_lets_nothing_pass_and_is_kept(
    container: Container, use_case: WaiveFindingsUseCase
) -> None:
    for path in ("a.txt", "b.txt"):
        [waiver] = (await use_case.waive("t", path=path, **BECAUSE)).waivers
    [revoked] = (await use_case.revoke(waiver.id, by="bob")).waivers
    again = await use_case.revoke(waiver.id, by="carl")
    result = await container.get(TaskExecutionWorkflow).complete_task("t")

    assert revoked.revoked_by == "bob"
    assert again.waivers == (revoked,)
    assert [finding.path for finding in result.findings] == ["b.txt"]
    assert revoked in (await use_case.list("t")).waivers


async def test_what_was_revoked_can_be_waived_anew(use_case: WaiveFindingsUseCase) -> None:
    [first] = (await use_case.waive("t", path="a.txt", **BECAUSE)).waivers
    await use_case.revoke(first.id, by="bob")
    [second] = (await use_case.waive("t", path="a.txt", **BECAUSE)).waivers

    assert second.id != first.id
    assert (await use_case.list("t")).waivers[0] == second


async def test_waivers_are_listed_newest_first_and_page_by_page(
    use_case: WaiveFindingsUseCase,
) -> None:
    made = [(await use_case.waive("t", path=p, **BECAUSE)).waivers[0] for p in ("a.txt", "b.txt")]
    first = await use_case.list(limit=1)
    second = await use_case.list(limit=1, before=first.next)

    assert (first.waivers, first.next) == ((made[1],), made[1].id)
    assert (second.waivers, second.next) == ((made[0],), None)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"path": "c.txt"}, "task_id: the report on task 't' has nothing of 'c.txt'"),
        ({"operation_id": "o7"}, "task_id: the report on task 't' has no operation 'o7'"),
        ({}, "operation_id: give this, or 'path'"),
        ({"path": "a.txt", "operation_id": "o"}, "operation_id: give this, or 'path'"),
        ({"path": "a.txt", "by": " "}, "by: must be text that is not blank, of at most 200 "),
        ({"path": "a.txt", "by": "a" * 201}, "by: must be text"),
        ({"path": "a.txt", "by": None}, "by: must be text"),
        ({"path": "a.txt", "reason": ""}, "reason: must be text"),
        ({"path": "a.txt", "reason": "\ud800"}, "reason: has a lone surrogate"),
        ({"path": "a.txt", "task_id": ""}, "task_id: must be text that is not empty"),
    ],
)
async def test_what_cannot_be_waived_is_refused_with_the_reason(
    use_case: WaiveFindingsUseCase, given: dict[str, Any], error: str
) -> None:
    assert told(await use_case.waive(**{"task_id": "t", **BECAUSE, **given})).startswith(error)


async def test_what_is_proven_needs_no_waiver(use_case: WaiveFindingsUseCase, disk: Disk) -> None:
    disk["a.txt"] = V1

    error = told(await use_case.waive("t", path="a.txt", **BECAUSE))

    assert error == "finding: 'a.txt' (create): it is verified; there is nothing to waive"


async def test_a_workspace_that_is_not_there_is_told(
    use_case: WaiveFindingsUseCase, store: AsyncMock
) -> None:
    store.observe.side_effect = FileUnreadable("it is not there")

    assert told(await use_case.waive("t", path="a.txt", **BECAUSE)) == "it is not there"


@pytest.mark.parametrize(
    ("name", "by", "error"),
    [
        ("w7", "bob", "No waiver has the id 'w7'."),
        ("\ud800", "bob", "waiver_id: must be printable text"),
        ("w7", "", "by: must be text"),
    ],
)
async def test_what_cannot_be_revoked_is_told(
    use_case: WaiveFindingsUseCase, name: str, by: str, error: str
) -> None:
    assert told(await use_case.revoke(name, by=by)).startswith(error)


@pytest.mark.parametrize("given", [{"limit": 0}, {"before": ""}, {"task_id": ""}])
async def test_a_list_that_makes_no_sense_is_refused(
    use_case: WaiveFindingsUseCase, given: dict[str, Any]
) -> None:
    found = await use_case.list(**given)

    assert not found.success
    assert str(found.error).startswith(next(iter(given)))
