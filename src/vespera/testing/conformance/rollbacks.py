"""The promises of ``RollbackRepository``."""

from dataclasses import replace
from typing import Any

import pytest

from vespera.application.ports.rollbacks import RollbackRepository
from vespera.domain.errors import OperationNotFound, RollbackBusy
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    Phase,
)
from vespera.domain.ids import OperationId, OwnerId, RollbackId, TaskId
from vespera.domain.rollback import (
    Obstacle,
    Rollback,
    RollbackConflict,
    RollbackState,
    RollbackStep,
    StepRow,
)
from vespera.testing.conformance.samples import LATER, NOW, an_operation
from vespera.testing.conformance.stores import PersistenceSuite, Stores

R1, NEXT = RollbackId("r1"), OwnerId("next")
ACTING = RollbackState.ACTING
STEP = RollbackStep(
    path="a/\udcff",
    found=FileState("b3:00", 1, 0o4755),
    wanted=DirectoryState(0o700),
    takes_back=(OperationId("o8"), OperationId("o9")),
)
ROW = StepRow(number=0, step=STEP, operations=(OperationId("o1"), OperationId("o2")))
OTHER = StepRow(
    number=1,
    step=RollbackStep(path="b", found=STEP.found, wanted=Absent()),
    operations=(OperationId("o3"),),
)
CONFLICT = RollbackConflict(path="b", obstacle=Obstacle.EDITED, told="✓", kept="k/\udcff")


def a_rollback(rollback_id: str = "r1", **fields: Any) -> Rollback:
    """One that is being planned."""
    values = {
        "id": RollbackId(rollback_id),
        "task_id": TaskId("t1"),
        "owner": OwnerId("worker-1"),
        "began_at": NOW,
        "heard_at": NOW,
    }
    return Rollback(**{**values, **fields})


class RollbackRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the repository of rollbacks is the one in question."""

    ports = (RollbackRepository,)

    async def test_a_rollback_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        rollback = a_rollback(attempt=3, tree=True, partial=True)
        await stores.rollbacks.begin(rollback)

        assert await stores.rollbacks.get(R1) == rollback
        assert await stores.rollbacks.under_way() == rollback
        assert await stores.rollbacks.of_task(TaskId("t1")) == [rollback]

    async def test_what_is_not_there_is_none(self, stores: Stores) -> None:
        for unknown in ("r0", "\udcff"):
            assert await stores.rollbacks.get(RollbackId(unknown)) is None
            assert await stores.rollbacks.of_task(TaskId(unknown)) == []
            assert await stores.rollbacks.steps_of(RollbackId(unknown)) == []
        assert await stores.rollbacks.under_way() is None

    async def test_there_is_one_at_a_time(self, stores: Stores) -> None:
        first, second = a_rollback(), a_rollback("r2", task_id=TaskId("t2"))
        await stores.rollbacks.begin(first)
        with pytest.raises(RollbackBusy, match="t2"):
            await stores.rollbacks.begin(second)
        await stores.rollbacks.finish(first, RollbackState.ABANDONED, LATER)
        await stores.rollbacks.begin(second)

        assert await stores.rollbacks.under_way() == second

    async def test_steps_come_back_as_they_were_planned(self, stores: Stores) -> None:
        rollback = await planned(stores, [ROW, OTHER])

        assert await stores.rollbacks.steps_of(R1) == [ROW, OTHER]
        assert await stores.rollbacks.get(R1) == rollback

    async def test_who_lost_it_records_nothing(self, stores: Stores) -> None:
        rollback = a_rollback()
        await stores.rollbacks.begin(rollback)
        taken = await stores.rollbacks.take_over(rollback, NEXT, LATER)

        assert taken == replace(rollback, owner=NEXT, heard_at=LATER)
        assert await stores.rollbacks.get(R1) == taken
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.plan(rollback, [ROW], LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.take_over(rollback, OwnerId("third"), LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.finish(rollback, RollbackState.DONE, LATER)
        await stores.rollbacks.plan(taken, [ROW], LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.announce(rollback, [ROW], [], LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.settle(rollback, [ROW], [], [], LATER)

    async def test_it_is_planned_once(self, stores: Stores) -> None:
        rollback = await planned(stores, [ROW])
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.plan(rollback, [OTHER], LATER)

        assert await stores.rollbacks.steps_of(R1) == [ROW]

    async def test_what_is_begun_is_recorded_with_its_intents(self, stores: Stores) -> None:
        rollback = await planned(stores, [ROW, OTHER])
        begun, intent = replace(OTHER, begun=True), recorded(Phase.INTENT)
        await stores.rollbacks.announce(rollback, [begun], [intent], LATER)

        assert await stores.rollbacks.steps_of(R1) == [ROW, begun]
        assert await stores.operations.of_task(rollback.name) == [intent]

    async def test_what_is_done_is_recorded_in_place_of_its_intents(self, stores: Stores) -> None:
        rollback = await planned(stores, [ROW, OTHER])
        begun = replace(OTHER, begun=True)
        await stores.rollbacks.announce(rollback, [begun], [recorded(Phase.INTENT)], LATER)
        over, done = replace(begun, over=True), recorded(Phase.DONE)
        await stores.rollbacks.settle(rollback, [over], [done], [], LATER)

        assert await stores.rollbacks.steps_of(R1) == [ROW, over]
        assert await stores.operations.of_task(rollback.name) == [done]

    async def test_what_was_given_up_is_announced_no_more(self, stores: Stores) -> None:
        rollback = await planned(stores, [ROW, OTHER])
        begun, intent = replace(OTHER, begun=True), recorded(Phase.INTENT)
        await stores.rollbacks.announce(rollback, [begun], [intent], LATER)
        over = replace(begun, over=True, conflict=CONFLICT)
        gone = [intent.id, OperationId("of nobody")]
        await stores.rollbacks.settle(rollback, [over], [], gone, LATER)

        assert await stores.rollbacks.steps_of(R1) == [ROW, over]
        with pytest.raises(OperationNotFound):
            await stores.operations.get(intent.id)

    async def test_what_is_over_stays_as_it_is(self, stores: Stores) -> None:
        rollback = await planned(stores, [])
        await stores.rollbacks.finish(rollback, RollbackState.INCOMPLETE, LATER)

        over = replace(rollback, state=RollbackState.INCOMPLETE)
        assert await stores.rollbacks.get(R1) == over
        assert await stores.rollbacks.under_way() is None
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.finish(rollback, RollbackState.DONE, LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.take_over(over, NEXT, LATER)
        with pytest.raises(RollbackBusy):
            await stores.rollbacks.settle(rollback, [], [], [], LATER)

    async def test_those_of_a_task_come_in_order(self, stores: Stores) -> None:
        for name in ("r1", "r3", "r2"):
            rollback = a_rollback(name)
            await stores.rollbacks.begin(rollback)
            await stores.rollbacks.finish(rollback, RollbackState.DONE, NOW)

        found = await stores.rollbacks.of_task(TaskId("t1"))
        assert [one.id for one in found] == ["r1", "r2", "r3"]


async def planned(stores: Stores, rows: list[StepRow]) -> Rollback:
    """A rollback with these steps."""
    rollback = a_rollback()
    await stores.rollbacks.begin(rollback)
    await stores.rollbacks.plan(rollback, rows, LATER)
    return replace(rollback, state=ACTING, heard_at=LATER)


def recorded(phase: Phase) -> FileOperation:
    """The operation of the step ``OTHER``."""
    done = phase is Phase.DONE
    return an_operation(
        "o3",
        path="b",
        task_id=a_rollback().name,
        kind=OperationKind.DELETE,
        phase=phase,
        before=STEP.found,
        after=Absent() if done else NOT_OBSERVED,
    )
