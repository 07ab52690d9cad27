"""The costs of one attempt at a task."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from vespera.application.runtime.costs.operation import TrackedOperation
from vespera.application.runtime.costs.places import CostPlace, current_place
from vespera.application.runtime.costs.report import BudgetCheck, CostReport
from vespera.application.runtime.costs.tracker import UNNAMED, CostTracker
from vespera.domain.budget import Budget
from vespera.domain.cost import Costs, Estimate
from vespera.domain.derived import Derived, turn_of_costs
from vespera.domain.task import Task


class TaskCosts:
    """What a handler spends: ``await task.costs.log_costs(usage=answer["usage"])``.

    In a step's function it is the container's ``CostTracker``, and what is tracked there belongs to
    the step. Outside of steps, costs that are logged are kept once, however often the handler is
    replayed; but an operation that is tracked there is done again by a replay, and costs again, so
    do it in a step.
    """

    def __init__(self, task: Task, derived: Derived, tracker: Callable[[], CostTracker]) -> None:
        self._task, self._derived, self._tracker = task, derived, tracker

    def track_operation(
        self,
        name: str = UNNAMED,
        *,
        model: str | None = None,
        estimate: Estimate | None = None,
        budget: Budget | None = None,
    ) -> TrackedOperation:
        """An operation of this task; see ``CostTracker.track_operation``."""
        track = self._tracker().track_operation
        return track(name, model=model, estimate=estimate, budget=budget, place=self._place())

    async def log_costs(
        self,
        name: str = UNNAMED,
        *,
        model: str | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        usage: object = None,
        money: Decimal | str | float | None = None,
        currency: str | None = None,
        seconds: float = 0.0,
    ) -> Costs:
        """Keep what something has cost; see ``CostTracker.log_costs``. Outside of steps, exactly
        once: by the name, and by how often the attempt has logged costs of it before.
        """
        place = self._place()
        log = partial(self._tracker().log_costs, name, place=place)
        if not place.step:
            log = partial(log, key=self._derived.uuid(turn_of_costs(name)))
        return await log(
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usage=usage,
            money=money,
            currency=currency,
            seconds=seconds,
        )

    async def check_budget(
        self,
        name: str = UNNAMED,
        *,
        model: str | None = None,
        estimate: Estimate | None = None,
        budget: Budget | None = None,
    ) -> BudgetCheck:
        """Whether such an operation could begin now; see ``CostTracker.check_budget``."""
        check = self._tracker().check_budget
        return await check(name, model=model, estimate=estimate, budget=budget, place=self._place())

    async def report(self) -> CostReport:
        """What this task and its children have spent so far; outside of steps, a replay may get
        another answer.
        """
        return await self._tracker().report(self._task.id)

    def _place(self) -> CostPlace:
        here = current_place()
        return here if here.step else CostPlace(task_id=self._task.id, attempt=self._task.attempt)
