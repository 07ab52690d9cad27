"""The promises of ``StepRepository``, ``FileOperationRepository`` and ``ReportRepository``."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    StepRepository,
)
from vespera.domain.errors import DuplicateRow, LeaseLost, OperationNotFound
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileState,
    OperationKind,
    Phase,
    SymlinkState,
)
from vespera.domain.ids import OperationId, OwnerId, ReportId, TaskId
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.testing.conformance.samples import (
    FENCE,
    LATER,
    NOW,
    a_report,
    a_running_task,
    a_step,
    an_operation,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores
from vespera.testing.conformance.waits import WaitingStepsSuite

T1 = TaskId("t1")
LOST = (
    Fence(T1, 2, FENCE.owner),
    Fence(T1, 1, OwnerId("worker-2")),
    Fence(TaskId("t2"), 1, FENCE.owner),
    Fence(T1, 0, FENCE.owner),
)
O1 = OperationId("o1")


class StepRepositoryConformance(WaitingStepsSuite):
    """Give ``make_stores``; the step repository is the one in question."""

    ports = (StepRepository,)

    async def test_steps_come_back_as_they_were_in_the_order_of_recording(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        first = a_step()
        second = a_step(name="by name it were the first", seq=2, value=None, error=b"error")
        third = a_step(occurrence=2, seq=3, recorded_at=LATER)
        for record in (third, first, second):
            await stores.steps.record(record, FENCE)

        assert list(await stores.steps.of_task(T1)) == [first, second, third]

    async def test_steps_are_those_of_the_task(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.tasks.add(a_running_task("t2"))
        other = a_step(task_id=TaskId("t2"))
        await stores.steps.record(a_step(), FENCE)
        await stores.steps.record(other, LOST[2])

        assert list(await stores.steps.of_task(T1)) == [a_step()]
        assert list(await stores.steps.of_task(TaskId("t2"))) == [other]
        assert list(await stores.steps.of_task(TaskId("nobody"))) == []

    async def test_recording_extends_the_lease_and_forgets_crashes_if_asked_to(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task(crashes=3))
        await stores.steps.record(a_step(), FENCE)
        assert await stores.tasks.get(T1) == a_running_task(crashes=3)
        until = LATER + timedelta(days=1)
        await stores.steps.record(a_step(occurrence=2, seq=2), FENCE, lease_until=until)

        task = await stores.tasks.get(T1)
        assert (task.lease_until, task.crashes) == (until, 0)

    @pytest.mark.parametrize("until", [None, LATER + timedelta(days=1)])
    @pytest.mark.parametrize("fence", LOST)
    async def test_who_lost_the_task_records_nothing_and_extends_nothing(
        self, stores: Stores, fence: Fence, until: datetime | None
    ) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(LeaseLost):
            await stores.steps.record(a_step(), fence, lease_until=until)

        assert list(await stores.steps.of_task(T1)) == []
        assert await stores.tasks.get(T1) == a_running_task()

    async def test_a_task_that_no_longer_runs_takes_no_steps(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.tasks.save(a_running_task().execute(b"{}", NOW))
        with pytest.raises(LeaseLost):
            await stores.steps.record(a_step(), FENCE)

        assert list(await stores.steps.of_task(T1)) == []

    async def test_a_result_is_never_replaced(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(a_step(), FENCE)
        with pytest.raises(DuplicateRow):
            await stores.steps.record(a_step(value=b"other", epoch=1), FENCE)

        assert list(await stores.steps.of_task(T1)) == [a_step()]

    async def test_of_many_that_record_one_step_at_once_one_succeeds(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        values = [str(number).encode() for number in range(10)]
        results = await asyncio.gather(
            *(stores.steps.record(a_step(value=value), FENCE) for value in values),
            return_exceptions=True,
        )

        (winner,) = [v for v, result in zip(values, results, strict=True) if result is False]
        assert list(await stores.steps.of_task(T1)) == [a_step(value=winner)]

    async def test_a_failure_of_an_earlier_epoch_is_replaced(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(_failed(), FENCE)
        again = a_step(epoch=1, seq=4)
        await stores.steps.record(again, FENCE)

        assert list(await stores.steps.of_task(T1)) == [again]

    async def test_a_failure_of_the_same_epoch_is_not_replaced(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.steps.record(_failed(), FENCE)
        with pytest.raises(DuplicateRow):
            await stores.steps.record(a_step(), FENCE)

        assert list(await stores.steps.of_task(T1)) == [_failed()]

    async def test_a_record_is_a_transaction_of_its_own_also_inside_a_unit(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.steps.record(a_step(), FENCE)
                raise ZeroDivisionError

        assert list(await stores.steps.of_task(T1)) == [a_step()]

    async def test_the_last_heartbeat_of_each_step_is_kept(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        until = LATER + timedelta(days=1)
        first, other = _beat(), _beat(name="other", occurrence=2, detail=b"3")
        for beat in (other, first, replace(first, detail=b"2", beaten_at=LATER)):
            await stores.steps.beat(beat, FENCE, lease_until=until)

        assert list(await stores.steps.beats_of(T1)) == [
            other,
            replace(first, detail=b"2", beaten_at=LATER),
        ]
        assert list(await stores.steps.beats_of(TaskId("t2"))) == []
        assert (await stores.tasks.get(T1)).lease_until == until

    @pytest.mark.parametrize("fence", LOST)
    async def test_who_lost_the_task_keeps_no_heartbeat(self, stores: Stores, fence: Fence) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(LeaseLost):
            await stores.steps.beat(_beat(), fence, lease_until=LATER + timedelta(days=1))

        assert list(await stores.steps.beats_of(T1)) == []
        assert (await stores.tasks.get(T1)).lease_until == a_running_task().lease_until


class FileOperationRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the repository of file operations is the one in question."""

    ports = (FileOperationRepository,)

    async def test_an_operation_comes_back_as_it_was_recorded(self, stores: Stores) -> None:
        operation = an_operation(
            path="dir/\udcff odd",
            task_id=None,
            kind=OperationKind.DELETE,
            phase=Phase.DONE,
            before=SymlinkState("\udc80"),
            after=FileState("b3:00", 2**40, 0o644),
            expected=Absent(),
            context={"why": "✓", "deep": [1, {"x": None}]},
            metadata={"lines": 3},
        )
        await stores.operations.add(operation)

        assert await stores.operations.get(O1) == operation

    async def test_allowances_are_found_in_order_and_their_patterns_are_no_paths(
        self, stores: Stores
    ) -> None:
        allow = {"kind": OperationKind.SCOPE, "before": NOT_OBSERVED}
        second = an_operation("o3", "cache/**", task_id=TaskId("t2"), **allow)
        first = an_operation("o1", "build/*", **allow)
        refused = an_operation("o4", "../b", phase=Phase.REFUSED)
        for operation in (second, an_operation("o2", "a.txt"), refused, first):
            await stores.operations.add(operation)

        assert list(await stores.operations.allowances()) == [first, second]
        assert list(await stores.operations.all_paths()) == ["a.txt"]

    async def test_refused_attempts_of_everybody_are_found_in_order(self, stores: Stores) -> None:
        other = {"task_id": TaskId("t2"), "phase": Phase.REFUSED}
        second = an_operation("o3", "../b", **other)
        first = an_operation("o1", "../a", phase=Phase.REFUSED)
        for operation in (second, an_operation("o2", "a.txt"), first):
            await stores.operations.add(operation)

        assert list(await stores.operations.refused()) == [first, second]

    async def test_an_operation_that_is_not_there_is_named(self, stores: Stores) -> None:
        with pytest.raises(OperationNotFound, match="'nobody'"):
            await stores.operations.get(OperationId("nobody"))

    async def test_the_same_id_twice_is_refused_and_the_first_stays(self, stores: Stores) -> None:
        await stores.operations.add(an_operation())
        with pytest.raises(DuplicateRow):
            await stores.operations.add(an_operation(path="other"))

        assert await stores.operations.get(O1) == an_operation()

    async def test_an_intent_becomes_what_was_done(self, stores: Stores) -> None:
        await stores.operations.add(an_operation())
        done = an_operation(phase=Phase.DONE, after=FileState("b3:00", 1, 0o600))
        await stores.operations.save(done)

        assert await stores.operations.get(O1) == done

    async def test_who_holds_the_task_may_record_and_save(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.operations.add(an_operation(), FENCE)
        await stores.operations.save(an_operation(phase=Phase.DONE), FENCE)

        assert (await stores.operations.get(O1)).phase is Phase.DONE

    @pytest.mark.parametrize("fence", LOST)
    async def test_who_lost_the_task_may_not(self, stores: Stores, fence: Fence) -> None:
        await stores.tasks.add(a_running_task())
        await stores.operations.add(an_operation(), FENCE)
        with pytest.raises(LeaseLost):
            await stores.operations.add(an_operation("o2"), fence)
        with pytest.raises(LeaseLost):
            await stores.operations.save(an_operation(phase=Phase.DONE), fence)
        with pytest.raises(LeaseLost):
            await stores.operations.withdraw(an_operation(), fence, now=NOW)

        assert list(await stores.operations.of_task(T1)) == [an_operation()]

    async def test_what_was_taken_back_is_not_there_any_more(self, stores: Stores) -> None:
        await stores.tasks.add(a_running_task())
        await stores.operations.add(an_operation(), FENCE)
        await stores.operations.add(an_operation("o2"), FENCE)
        await stores.operations.withdraw(an_operation(), FENCE, now=NOW)

        assert list(await stores.operations.of_task(T1)) == [an_operation("o2")]
        with pytest.raises(OperationNotFound):
            await stores.operations.withdraw(an_operation(), FENCE, now=NOW)

    async def test_with_a_fence_it_is_a_transaction_of_its_own_also_inside_a_unit(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_running_task())
        with pytest.raises(ZeroDivisionError):
            async with stores.unit_of_work():
                await stores.operations.add(an_operation(), FENCE)
                await stores.operations.add(an_operation("o2"))
                raise ZeroDivisionError

        assert list(await stores.operations.of_task(T1)) == [an_operation()]

    async def test_an_operation_can_be_replaced_in_the_unit_that_records_it(
        self, stores: Stores
    ) -> None:
        async with stores.unit_of_work():
            await stores.operations.add(an_operation())
            await stores.operations.save(replace(an_operation(), phase=Phase.CLAIM))

        assert (await stores.operations.get(O1)).phase is Phase.CLAIM

    async def test_operations_of_a_task_come_in_the_order_of_recording(
        self, stores: Stores
    ) -> None:
        for name, task_id in (("o1", T1), ("o2", T1), ("o3", TaskId("t2")), ("o4", None)):
            await stores.operations.add(an_operation(name, task_id=task_id))

        assert [o.id for o in await stores.operations.of_task(T1)] == ["o1", "o2"]

    async def test_operations_on_paths_are_everybody_s_in_the_order_of_recording(
        self, stores: Stores
    ) -> None:
        recorded = (("o1", "b", "t2"), ("o2", "a", None), ("o3", "a", "t1"), ("o4", "c", "t1"))
        for name, path, task_id in recorded:
            await stores.operations.add(an_operation(name, path, task_id=task_id))
        found = await stores.operations.on_paths(["a", "b", "a", "nothing"])

        assert [operation.id for operation in found] == ["o1", "o2", "o3"]

    async def test_operations_on_any_number_of_paths_are_found(self, stores: Stores) -> None:
        async with stores.unit_of_work():
            for number in range(1001):
                await stores.operations.add(an_operation(f"o{number:04}", f"p{number}"))
        found = await stores.operations.on_paths([f"p{number}" for number in range(1001)])

        assert [operation.id for operation in found] == [f"o{n:04}" for n in range(1001)]

    async def test_every_path_is_named_once_and_in_order(self, stores: Stores) -> None:
        for name, path in (("o1", "b"), ("o2", "a"), ("o3", "b"), ("o4", "\udcff"), ("o5", "ü")):
            await stores.operations.add(an_operation(name, path))

        assert list(await stores.operations.all_paths()) == sorted(["a", "b", "ü", "\udcff"])

    async def test_find_gives_those_that_exist(self, stores: Stores) -> None:
        await stores.operations.add(an_operation())

        assert await stores.operations.find([O1, OperationId("o2")]) == {"o1": an_operation()}


class ReportRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the repository of reports is the one in question."""

    ports = (ReportRepository,)

    async def test_a_report_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        await stores.reports.add(a_report())

        assert await stores.reports.get(ReportId("r1")) == a_report()

    async def test_a_report_of_nothing_comes_back(self, stores: Stores) -> None:
        report = a_report(task_id=None, findings=())
        await stores.reports.add(report)

        assert await stores.reports.get(ReportId("r1")) == report

    async def test_a_report_that_is_not_there_is_none(self, stores: Stores) -> None:
        await stores.reports.add(a_report())

        assert await stores.reports.get(ReportId("nobody")) is None

    async def test_a_report_is_written_once_and_never_changed(self, stores: Stores) -> None:
        await stores.reports.add(a_report())
        with pytest.raises(DuplicateRow):
            await stores.reports.add(a_report(findings=()))

        assert await stores.reports.get(ReportId("r1")) == a_report()


def _beat(name: str = "step", occurrence: int = 1, detail: bytes = b"1") -> Heartbeat:
    return Heartbeat(task_id=T1, name=name, occurrence=occurrence, beaten_at=NOW, detail=detail)


def _failed() -> StepRecord:
    return a_step(value=None, error=b"it failed")
