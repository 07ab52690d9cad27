"""The promises of ``TaskArchive``."""

from datetime import timedelta
from typing import Any

from vespera.application.ports.archive import TaskArchive
from vespera.domain.ids import ReportId, TaskId
from vespera.domain.progress import Progress
from vespera.domain.step import Heartbeat
from vespera.domain.task import FINISHED, Task, TaskStatus
from vespera.testing.conformance.samples import (
    FAILURE,
    FENCE,
    LATER,
    NOW,
    a_report,
    a_running_task,
    a_signal,
    a_step,
    a_task,
    an_operation,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores

A_BEAT = Heartbeat(task_id=FENCE.task_id, name="load", occurrence=1, beaten_at=NOW, detail=b"1")
SOME_PROGRESS = Progress(
    task_id=FENCE.task_id, attempt=FENCE.attempt, done=1.0, total=2.0, at=NOW, message="half"
)
COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED


class TaskArchiveConformance(PersistenceSuite):
    """Give ``make_stores``; the archive is the one in question."""

    ports = (TaskArchive,)

    async def test_a_finished_task_goes_with_all_that_belongs_to_it(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(a_step(), FENCE)
        await stores.steps.beat(A_BEAT, FENCE, lease_until=LATER)
        await stores.signals.send(a_signal())
        await stores.progress.record(SOME_PROGRESS, FENCE)
        await stores.operations.add(an_operation())
        await stores.reports.add(a_report("r1"))
        task = await stores.tasks.get(FENCE.task_id)
        done = task.complete(b"{}", ReportId("r1"), NOW)
        await stores.tasks.complete(done, operations=1)

        assert await stores.archive.count(FINISHED, LATER) == 1
        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 1
        assert await _left(stores) == []
        assert await stores.steps.of_task(FENCE.task_id) == []
        assert await stores.steps.beats_of(FENCE.task_id) == []
        assert await stores.signals.of_task(FENCE.task_id) == []
        assert await stores.progress.of_task(FENCE.task_id) is None
        assert await stores.operations.of_task(FENCE.task_id) == []
        assert await stores.reports.get(ReportId("r1")) is None
        assert not any((await stores.tasks.count_by_status()).values())

    async def test_its_idempotency_key_is_free_again(self, stores: Stores) -> None:
        await stores.tasks.add(_done("a", idempotency_key="k"))
        await stores.archive.purge(FINISHED, LATER, limit=10)
        await stores.tasks.add(a_task("b", idempotency_key="k"))

        assert await _left(stores) == ["b"]

    async def test_status_and_age_decide(self, stores: Stores) -> None:
        await stores.tasks.add(_done("completed"))
        await stores.tasks.add(_done("failed", status=FAILED, error=FAILURE))
        await stores.tasks.add(_done("young", updated_at=LATER))
        await stores.tasks.add(a_task("pending"))

        assert await stores.archive.purge({COMPLETED, TaskStatus.PENDING}, LATER, limit=10) == 1
        assert await _left(stores) == ["failed", "pending", "young"]

    async def test_the_oldest_go_first_and_no_more_than_the_limit(self, stores: Stores) -> None:
        for name, created in (("b", NOW), ("a", LATER), ("c", NOW)):
            await stores.tasks.add(_done(name, created_at=created, updated_at=created))
        later = LATER + (LATER - NOW)

        assert await stores.archive.purge(FINISHED, later, limit=2) == 2
        assert await _left(stores) == ["a"]

    async def test_what_an_unfinished_task_depends_on_stays(self, stores: Stores) -> None:
        await stores.tasks.add(_done("a"))
        await stores.tasks.add(_done("b"))
        await stores.tasks.add(a_task("waiting"), [TaskId("a")])
        await stores.tasks.add(_done("over", updated_at=LATER), [TaskId("b")])

        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 1
        assert await _left(stores) == ["a", "over", "waiting"]
        assert await stores.tasks.dependencies_of(TaskId("over")) == []

    async def test_a_parent_stays_as_long_as_its_child(self, stores: Stores) -> None:
        await stores.tasks.add(_done("parent"))
        await stores.tasks.add(_done("child", parent_id=TaskId("parent")))
        await stores.tasks.add(_done("other"))
        await stores.tasks.add(a_task("open", parent_id=TaskId("other")))

        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 1
        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 1
        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 0
        assert await _left(stores) == ["open", "other"]

    async def test_a_child_stays_as_long_as_its_parent_may_ask_for_its_result(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("parent"))
        await stores.tasks.add(_done("child", parent_id=TaskId("parent")))

        assert await stores.archive.count(FINISHED, LATER) == 0
        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 0
        assert await _left(stores) == ["child", "parent"]

    async def test_operations_by_which_older_ones_are_judged_stay(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("first"))
        await stores.tasks.add(_done("second"))
        await stores.operations.add(an_operation("o1", task_id=TaskId("first")))
        await stores.operations.add(an_operation("o2", task_id=TaskId("second")))

        assert await stores.archive.purge(FINISHED, LATER, limit=10) == 0

    async def test_nothing_that_a_task_needs_is_swept_away(self, stores: Stores) -> None:
        large = b'"' + b"x" * 1_000_000 + b'"'
        await stores.tasks.add(a_task("a", payload=large))
        await stores.archive.sweep(LATER + timedelta(days=36_500))

        assert (await stores.tasks.get(TaskId("a"))).payload == large
        assert await stores.archive.sweep(NOW) == 0

    async def test_the_ground_of_another_tasks_completion_stays(self, stores: Stores) -> None:
        await stores.tasks.add(_done("a"))
        await stores.reports.add(a_report("r1", task_id=TaskId("a")))
        await stores.tasks.add(a_task("kept", report_id=ReportId("r1")))
        await stores.archive.purge(FINISHED, LATER, limit=10)

        assert await stores.reports.get(ReportId("r1")) is not None


def _done(task_id: str, **fields: Any) -> Task:
    return a_task(task_id, **{"status": COMPLETED, "outcome": b"{}", **fields})


async def _left(stores: Stores) -> list[str]:
    return [task.id for task in await stores.tasks.page()]
