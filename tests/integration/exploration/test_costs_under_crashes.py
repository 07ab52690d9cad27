"""The process dies around calls that cost: what was spent is told once, or told to be unknown."""

from typing import Any

import pytest

from vespera import Budget, Container, CostTracker, Estimate, Price, TaskContext, providers
from vespera.domain.errors import ChildFailed, StepFailed
from vespera.testing import World, explore_crashes, explore_schedules


class Oracle(World.Service):
    """A model that is paid for each answer, also for the same one."""

    async def answer(self, question: str) -> int:
        return int(self.record(question, 10))


@pytest.fixture
def bank(world: World) -> type[Container]:
    oracle = world.service(Oracle)

    class Bank(Container):
        prices = providers.Object({"oracle": Price(output=100_000)})
        budgets = providers.Object({"reader": Budget(calls=4)})
        specialists = providers.Aggregate(
            reader=providers.Factory(
                lambda tracker: Reader(oracle, tracker), Container.cost_tracker.provider
            ),
            helper=providers.Factory(
                lambda tracker: Helper(oracle, tracker), Container.cost_tracker.provider
            ),
        )

    return Bank


class Helper:
    def __init__(self, oracle: Oracle, tracker: Any) -> None:
        self._oracle, self._tracker = oracle, tracker

    async def execute(self, task: TaskContext) -> None:
        await task.step("ask", self.ask, f"{task.id} asks")

    async def ask(self, question: str) -> int:
        tracker: CostTracker = self._tracker()
        estimate = Estimate(output_tokens=10)
        async with tracker.track_operation("ask", model="oracle", estimate=estimate) as operation:
            tokens = await self._oracle.answer(question)
            await operation.log_costs(output_tokens=tokens)
            return tokens


class Reader(Helper):
    async def execute(self, task: TaskContext) -> None:
        await task.step("first", self.ask, "the first")
        await task.costs.log_costs("paper", money=1)
        if not task.payload:
            return
        try:
            child = await task.spawn(title="help", specialist_type="helper")
            await child.outcome()
        except (ChildFailed, StepFailed):
            return


async def read(app: Any) -> None:
    await app.orchestrator.create_task(TASK)
    await app.run_until_idle()


async def read_with_help(app: Any) -> None:
    await app.orchestrator.create_task({**TASK, "payload": {"help": True}})
    await app.run_until_idle()


TASK = {"title": "Read", "specialist_type": "reader", "task_id": "a", "completion": "auto"}


def told_rightly(app: Any, world: World) -> None:
    asked = world.log(Oracle).count("answer")
    rows = app.db.all("SELECT * FROM costs WHERE operation = 'ask'")
    told = [row for row in rows if row.state == "done"]
    untold = [row for row in rows if row.state == "open"]
    assert len(told) <= asked <= len(rows), (asked, rows)
    assert len(untold) <= app.life - 1
    assert {(row.output_tokens, row.nanos) for row in told} <= {(10, 1_000_000_000)}


def paper_is_paid_once(app: Any) -> None:
    assert app.db.value("SELECT sum(nanos) FROM costs WHERE operation = 'paper'") == 10**9


def the_budget_is_kept(app: Any) -> None:
    begun = "SELECT count(*) FROM costs WHERE operation = 'ask'"
    assert app.db.value(begun) <= 4
    assert app.tasks.get("a").status == "completed", app.tasks.get("a").error


ALL = [told_rightly, paper_is_paid_once, the_budget_is_kept, "engine", "database"]


def test_what_was_spent_is_told_once_or_told_to_be_unknown(world, bank) -> None:
    report = explore_crashes(bank, read, ALL, world=world)

    report.raise_for_failures()
    assert report.complete
    assert report.kinds["effect"] == 2


def test_a_tracker_that_records_afterwards_only_is_found_out(world, bank) -> None:
    """A call that nobody knows of is spent behind everybody's back."""

    class Hasty(bank):
        class Late(CostTracker):
            async def _begun(self, entry, budget):
                return entry

        cost_tracker = providers.Singleton(Late, ledger=Container.cost_ledger)

    report = explore_crashes(Hasty, read, told_rightly, world=world)

    assert report.failures


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_nor_is_it_lost_when_the_process_dies_again_while_it_recovers(world, bank) -> None:
    report = explore_crashes(
        bank, read_with_help, [told_rightly, paper_is_paid_once, "engine"], world=world, depth=2
    )

    report.raise_for_failures()
    assert report.complete


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_workers_never_begin_more_than_the_budget_allows(world, bank) -> None:
    report = explore_schedules(
        [bank, bank], read_with_help, [told_rightly, paper_is_paid_once], world=world, bound=1
    )

    report.raise_for_failures()
