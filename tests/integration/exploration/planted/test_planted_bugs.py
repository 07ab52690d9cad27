"""Each flaw that is put into the engine is found by the exploration that is meant to find it.

A flaw is a part in the place of the engine's own. The same exploration finds nothing in the
engine as it is.
"""

from collections.abc import Sequence
from datetime import datetime

import pytest

from vespera import AsyncDatabaseManager, Container, Service, providers
from vespera.domain.file_operation import FileOperation, Phase
from vespera.domain.ids import OperationId, OwnerId
from vespera.domain.step import Fence, StepRecord
from vespera.domain.task import Task
from vespera.infrastructure.persistence.fence import must_hold
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.statements import Statement, Write
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository, task_from_row
from vespera.infrastructure.persistence.values import to_micros
from vespera.testing import explore_crashes, explore_schedules

STEP = "INTO steps VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?)"
REPLACE_STEP = Statement(f"INSERT OR REPLACE {STEP}")
SET_VALUE = Statement(
    "UPDATE steps SET value = ? WHERE task_id = ? AND name = ? AND occurrence = ?"
)
SAVE = Statement(
    "UPDATE tasks SET status = ?, owner = NULL, lease_until = NULL, updated_at = ?, outcome = ?"
    " WHERE id = ?"
)
READY = "SELECT id FROM tasks WHERE status = 'pending' AND blockers = 0 LIMIT 1"
TAKE = Statement(
    "UPDATE tasks SET status = 'running', version = version + 1, attempt = attempt + 1, owner = ?,"
    " lease_until = ?, run_after = NULL WHERE id = ? RETURNING *",
    returns=True,
)


def row_of(step: StepRecord, value: bytes | None) -> tuple[object, ...]:
    moment = to_micros(step.recorded_at)
    place = (step.task_id, step.name, step.occurrence, step.seq, step.epoch, moment)
    return (*place, value, step.error)


class StepsInTwoTransactions(SqlStepRepository):
    """The fence is asked first, and the step recorded then."""

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        **_along: object,
    ) -> None:
        await self._database.commit([must_hold(fence, lease_until=lease_until)])
        await self._database.commit([Write(REPLACE_STEP, row_of(step, step.value))])


class ValueInASecondTransaction(SqlStepRepository):
    """That a step was done is recorded first, and what came of it then."""

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        **_along: object,
    ) -> None:
        begun = Write(REPLACE_STEP, row_of(step, None))
        await self._database.commit([must_hold(fence, lease_until=lease_until), begun])
        values = (step.value, step.task_id, step.name, step.occurrence)
        await self._database.commit([Write(SET_VALUE, values)])


class StepsWithoutFence(SqlStepRepository):
    """Whoever comes may record."""

    async def record(
        self,
        step: StepRecord,
        fence: Fence,
        *,
        lease_until: datetime | None = None,
        **_along: object,
    ) -> None:
        await self._database.commit([Write(REPLACE_STEP, row_of(step, step.value))])


class TasksWithoutFence(SqlTaskRepository):
    """Whoever comes may end a task."""

    async def complete(self, task: Task, *, operations: int) -> None:
        values = (task.status.value, to_micros(task.updated_at), task.outcome, task.id)
        await self._database.commit([Write(SAVE, values)])


class RacyQueue(SqlTaskQueue):
    """Looks for a task first, and takes it then."""

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        found = await self._database.read(READY)
        values = [(owner, to_micros(lease_until), task_id) for (task_id,) in found]
        if not values:
            return []
        taken = await self._database.commit([Write(TAKE, value) for value in values])
        return [task_from_row(row) for rows in taken for row in rows]


class IntentsBehind(SqlFileOperationRepository):
    """Keeps an intent in memory until it was carried out."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        super().__init__(database)
        self._intents: dict[OperationId, FileOperation] = {}

    async def add(self, operation: FileOperation, fence: Fence | None = None) -> None:
        if operation.phase is Phase.INTENT:
            self._intents[operation.id] = operation
        else:
            await super().add(operation, fence)

    async def save(self, operation: FileOperation, fence: Fence | None = None) -> None:
        intent = self._intents.pop(operation.id, None)
        if intent is not None:
            await super().add(intent, fence)
        await super().save(operation, fence)


class TwoTransactions(Container):
    steps = providers.Singleton(StepsInTwoTransactions, Container.database)


class LateValue(Container):
    steps = providers.Singleton(ValueInASecondTransaction, Container.database)


class RacyClaim(Container):
    queue = providers.Singleton(RacyQueue, Container.database)


class Unfenced(Container):
    steps = providers.Singleton(StepsWithoutFence, Container.database)
    tasks = providers.Singleton(TasksWithoutFence, Container.database)


class NoFlush(Container):
    database = Service(
        AsyncDatabaseManager,
        Container.config.database_url,
        durability="normal",
        lane=Container.lane,
    )


class EffectFirst(Container):
    operations = providers.Singleton(IntentsBehind, Container.database)


def paid(app, world):
    outcome = app.tasks.get("order-7")
    assert outcome.status == "completed", f"{outcome.status}: {outcome.error}"
    assert b"paid 30" in outcome.outcome


def completed(app, world):
    order = app.tasks.get("order-7")
    assert order.status == "completed", f"{order.status}: {order.error}"


def sent_once(app, world):
    assert world.log().count("send") == 1


def errors_of(report):
    return {str(failure.error) for failure in report.failures}


@pytest.fixture
def crashes(shop, world, place, ordered):
    """The failures that dying finds, in the engine with the flaw and without."""

    def explore(flawed: type[Container], kind: str, *invariants, **options):
        found = []
        for container_class in (flawed, Container):
            shop.container_class = container_class
            scenario = place(ordered(kind))
            found.append(explore_crashes(shop, scenario, invariants, world=world, **options))
        return found

    return explore


@pytest.fixture
def schedules(shop, world, place, ordered):
    """The failures that other orders find, in the engine with the flaw and without."""

    def explore(flawed: type[Container], kind: str, *invariants, **options):
        found = []
        for container_class in (flawed, Container):
            shop.container_class = container_class
            scenario = place(ordered(kind))
            found.append(explore_schedules(shop, scenario, invariants, world=world, **options))
        return found

    return explore


def test_a_value_recorded_in_a_second_transaction_is_found_by_dying_at_commits(crashes):
    flawed, sound = crashes(LateValue, "pay", paid, at="commit")

    codes = [failure.code for failure in flawed.failures]
    assert [code for code in codes if "." not in code] == ["c3a", "c4b"]  # those of one death
    assert sound.failures == []


def test_a_step_recorded_after_its_fence_was_asked_is_found_by_slowness(schedules):
    flawed, sound = schedules(TwoTransactions, "wait", "engine", order="fifo", slow=(60.0,))

    assert any("was recorded twice" in error for error in errors_of(flawed))
    assert sound.failures == []


def test_a_claim_in_two_turns_is_found_by_another_order(schedules):
    flawed, sound = schedules(RacyClaim, "wait", sent_once, bound=1, slow=())

    assert flawed.failures
    assert sound.failures == []
    assert sound.complete


def test_a_lease_without_a_fence_is_found_by_slowness(schedules):
    flawed, sound = schedules(Unfenced, "wait", "engine", order="fifo", slow=(60.0,))

    assert flawed.failures
    assert sound.failures == []


def test_a_commit_that_is_not_flushed_is_found_by_cutting_the_power(crashes):
    flawed, sound = crashes(NoFlush, "pay", "engine", at="commit", power_loss=1)

    assert any("is gone" in error for error in errors_of(flawed))
    assert all("p1" in failure.code for failure in flawed.failures)
    assert sound.failures == []


def test_a_file_written_before_its_intent_is_found_by_dying_at_files(crashes):
    flawed, sound = crashes(EffectFirst, "write", completed, at="file")

    assert flawed.failures
    assert sound.failures == []
