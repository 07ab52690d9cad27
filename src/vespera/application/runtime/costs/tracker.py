"""What operations cost: noted, summed up, and refused before they begin if it is too much."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import count
from types import TracebackType

from vespera.application.ports.costs import CostLedger
from vespera.application.runtime.costs.memory_ledger import MemoryLedger
from vespera.application.runtime.costs.operation import TrackedOperation
from vespera.application.runtime.costs.places import Place, current_place
from vespera.application.runtime.costs.pricing import Pricing, Spending
from vespera.application.runtime.costs.report import BudgetCheck, CostReport, report_of
from vespera.application.runtime.finishing import finished
from vespera.domain.budget import Budget, CostScope, ScopedBudget, refusal_of
from vespera.domain.cost import (
    CostEntry,
    Costs,
    CostState,
    Estimate,
    Price,
    group_of,
    name_of,
)
from vespera.domain.errors import CostError, InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.retry import TEN_YEARS, number_of

UNNAMED = "operation"


class CostTracker:
    """Tracks what operations cost: tokens, money, time.

        tracker = CostTracker(prices={"small": Price("0.15", "0.60")})
        async with tracker.track_operation("summary", model="small") as operation:
            answer = await model.complete(prompt)
            await operation.log_costs(usage=answer["usage"])

    ``CostTracker()`` stands alone, and remembers as long as it lives. The one of a container keeps
    everything in the database: an operation is recorded before it begins and again when it is over,
    with the task and the step in whose function it is done, so that a replay, which does not call
    the function, adds nothing. If the process dies in between, that is told: its costs are
    ``untold``. ``task.costs`` is the same in a handler, outside of steps.

    ``async with tracker as operation:`` tracks one operation without a name.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, Price | Mapping[str, object]] | None = None,
        budget: Budget | None = None,
        ledger: CostLedger | None = None,
        budgets_of: Callable[[TaskId | None], Awaitable[Sequence[ScopedBudget]]] | None = None,
        new_id: Callable[[], str] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """``prices``: what models cost, by name. ``budget``: of all that this tracker tracks. The
        rest is what a container gives.

        Raises:
            InvalidRequest: the prices or the budget are none.
        """
        self._pricing = Pricing({} if prices is None else prices)
        self._budget = _checked_budget(budget)
        self._ledger = MemoryLedger() if ledger is None else ledger
        self._is_alone = ledger is None
        self._budgets_of, self._now = budgets_of, now
        numbers = count(1)
        self._new_id = new_id or (lambda: f"number {next(numbers)}")
        self._entered: dict[asyncio.Task[object] | None, list[TrackedOperation]] = {}

    def track_operation(
        self,
        name: str = UNNAMED,
        *,
        model: str | None = None,
        estimate: Estimate | None = None,
        budget: Budget | None = None,
        place: Place | None = None,
    ) -> TrackedOperation:
        """An operation, to be entered: ``async with tracker.track_operation("summary") as one:``.
        Entering refuses it, before anything is called, if a budget does not allow it. Its time is
        taken to the end of the block, or to its last ``log_costs``; what was noted is kept also
        when the block fails or is cancelled.

        Args:
            name: tells operations of one kind.
            model: what will be asked. Where prices are given, its price must be known.
            estimate: what it will cost at most: so much is reserved, for those who begin others
                meanwhile. Without one, it may begin as long as anything is left.
            budget: of all operations of this name, in the same task.
            place: in which task and step it is; by default where this is called.

        Raises:
            InvalidRequest: an argument makes no sense.
            UnknownPrice: the model's price is not known.
            BudgetExceeded (when it is entered): a budget does not allow it. Nothing was begun.
            StorageError (when it is entered): the database cannot keep it. Nothing was begun.
        """
        entry, own = self._planned(name, model, estimate, place), _checked_budget(budget)
        begun = partial(self._begun, entry, own)
        return TrackedOperation(entry.operation, begun, self._ledger, self._pricing)

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
        key: str | None = None,
        place: Place | None = None,
    ) -> Costs:
        """Keep what something has cost that is over already; no budget can refuse it any more.
        Durable on return where the ledger is.

        Args:
            name: of the operation.
            model: see ``TrackedOperation.add_costs``, also for those that follow.
            input_tokens: 0 to 10^12.
            output_tokens: the same.
            usage: what the provider says of tokens.
            money: 0 to a million.
            currency: of the money.
            seconds: how long it took.
            key: costs of the same key are kept once, however often they are logged.
            place: see ``track_operation``.

        Raises:
            InvalidRequest: a value makes no sense; nothing was kept.
            StorageError: the database cannot keep it.
        """
        number_of(seconds, "seconds", least=0, most=TEN_YEARS)
        spending = Spending(
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usage=usage,
            money=money,
            currency=currency,
        )
        begun = self._entry(name_of(name, "name"), place, CostState.DONE)
        entry = replace(self._pricing.charged(begun, spending), seconds=float(seconds))
        entry = entry if key is None else replace(entry, id=self._id_by(name_of(key, "key")))
        await finished(self._ledger.add(entry))
        return Costs.of([group_of(entry)])

    async def check_budget(
        self,
        name: str = UNNAMED,
        *,
        model: str | None = None,
        estimate: Estimate | None = None,
        budget: Budget | None = None,
        place: Place | None = None,
    ) -> BudgetCheck:
        """Whether such an operation could begin now, as ``track_operation`` takes it; reserves
        nothing.
        """
        try:
            entry = self._planned(name, model, estimate, place)
            for scoped in await self._charged(entry, _checked_budget(budget)):
                refusal = refusal_of(scoped, await self._ledger.groups(scoped.scope), entry)
                if refusal is not None:
                    raise refusal
        except (InvalidRequest, CostError) as error:
            return BudgetCheck(success=False, error=str(error))
        return BudgetCheck(success=True)

    async def report(self, task_id: str | None = None) -> CostReport:
        """What was spent: of everything this tracker knows, or of a task with its children.

        Raises:
            StorageError: the database cannot be read.
        """
        if task_id is None or self._is_alone:
            groups = await self._ledger.groups(CostScope(everything=True))
            return report_of(groups)
        task = TaskId(name_of(task_id, "task_id"))
        return report_of(await self._ledger.groups(CostScope(task_id=task, tree=True)), task)

    async def total(self, task_id: str | None = None) -> Costs:
        """The ``total`` of the report."""
        return (await self.report(task_id)).total

    async def __aenter__(self) -> TrackedOperation:
        operation = await self.track_operation().__aenter__()
        self._entered.setdefault(asyncio.current_task(), []).append(operation)
        return operation

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._last_entered().__aexit__(kind, error, trace)

    def _last_entered(self) -> TrackedOperation:
        """By this asyncio task; or, as fixtures are left in another one than they were entered in,
        by one that is over.
        """
        task = asyncio.current_task()
        if task not in self._entered:
            over = [each for each in self._entered if each is not None and each.done()]
            if not over:
                told = "this asyncio task has not entered it; track an operation: track_operation()"
                raise InvalidRequest(told, field="tracker")
            task = over[-1]
        operation = self._entered[task].pop()
        if not self._entered[task]:
            del self._entered[task]
        return operation

    def _planned(
        self, name: str, model: str | None, estimate: Estimate | None, place: Place | None
    ) -> CostEntry:
        entry = self._entry(name_of(name, "name"), place, CostState.OPEN)
        entry = replace(entry, model=self._pricing.require(model))
        return self._pricing.reserved(entry, _checked_estimate(estimate))

    def _entry(self, name: str, place: Place | None, state: CostState) -> CostEntry:
        if place is None:
            place = Place() if self._is_alone else current_place()
        return CostEntry(
            id=self._new_id(),
            operation=name,
            state=state,
            began_at=None if self._now is None else self._now(),
            task_id=place.task_id,
            attempt=place.attempt,
            step=place.step,
            occurrence=place.occurrence,
        )

    def _id_by(self, key: str) -> str:
        """Where operations are numbered, one that no number is."""
        return f"key {key}" if self._is_alone else key

    async def _begun(self, entry: CostEntry, budget: Budget | None) -> CostEntry:
        charged = await self._charged(entry, budget)
        try:
            await finished(self._ledger.begin(entry, charged))
        except asyncio.CancelledError:  # it may be kept as begun, and never was
            nothing = Pricing({}).reserved(replace(entry, state=CostState.FAILED), Estimate())
            await finished(self._ledger.settle(nothing))
            raise
        return entry

    async def _charged(self, entry: CostEntry, budget: Budget | None) -> Sequence[ScopedBudget]:
        """All budgets that the operation has to pass."""
        found: list[ScopedBudget] = []
        if budget is not None:
            scope = CostScope(task_id=entry.task_id, operation=entry.operation)
            found.append(ScopedBudget(scope, budget))
        if self._budgets_of is not None:
            found += await self._budgets_of(entry.task_id)
        if self._budget is not None:
            found.append(ScopedBudget(CostScope(everything=True), self._budget))
        return found


def _checked_estimate(given: object) -> Estimate:
    if not isinstance(given, Estimate | None):
        told = "must be an Estimate, as Estimate(input_tokens=1000, output_tokens=500)"
        raise InvalidRequest(told, field="estimate")
    return Estimate() if given is None else given


def _checked_budget(given: object) -> Budget | None:
    if not isinstance(given, Budget | None):
        raise InvalidRequest("must be a Budget, as Budget(money='1.50')", field="budget")
    return given
