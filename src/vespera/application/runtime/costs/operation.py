"""One operation while it is under way: what it costs is noted, and told at its end."""

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from vespera.application.ports.costs import CostLedger
from vespera.application.runtime.costs.pricing import Pricing, Spending
from vespera.application.runtime.finishing import finished
from vespera.domain.cost import NOTHING, CostEntry, Costs, CostState, group_of
from vespera.domain.errors import InvalidRequest, StorageError

logger = logging.getLogger("vespera")


class Beginning(Protocol):
    """Begins an operation."""

    async def __call__(self) -> CostEntry:
        """What is kept of it now.

        Raises:
            BudgetExceeded: it may not begin.
        """
        ...


class TrackedOperation:
    """``async with tracker.track_operation(...) as operation:``.

    Attributes:
        name: of the operation.
    """

    def __init__(self, name: str, begun: Beginning, ledger: CostLedger, pricing: Pricing) -> None:
        self.name = name
        self._begin, self._ledger, self._pricing = begun, ledger, pricing
        self._entry: CostEntry | None = None
        self._kept: CostEntry | None = None
        self._began = 0.0

    def add_costs(
        self,
        *,
        model: str | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        usage: object = None,
        money: Decimal | str | float | None = None,
        currency: str | None = None,
    ) -> None:
        """Note costs, which are kept when the block ends, or ``log_costs`` is called.

        Args:
            model: what was asked; its price gives the money, if it is not given.
            input_tokens: 0 to 10^12.
            output_tokens: the same.
            usage: as the provider says it: a mapping or an object with ``prompt_tokens`` and
                ``completion_tokens``, or with ``input_tokens`` and ``output_tokens``; what is not
                told apart by them is taken from ``total_tokens``.
            money: 0 to a million; a Decimal, or what one is made of.
            currency: of the money; "USD" if it is not given.

        Raises:
            InvalidRequest: a value is negative, no number, too large, or in a second currency; the
                error names it, and nothing is noted.
        """
        spending = Spending(
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usage=usage,
            money=money,
            currency=currency,
        )
        self._entry = self._pricing.charged(self._under_way, spending)

    async def log_costs(
        self,
        *,
        model: str | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        usage: object = None,
        money: Decimal | str | float | None = None,
        currency: str | None = None,
    ) -> Costs:
        """Note these costs, if any are given, and keep all that were noted; durable on return where
        the tracker's ledger is. Gives what the operation has cost so far.

        Raises:
            InvalidRequest: as for ``add_costs``.
            StorageError: the database cannot keep it.
        """
        self.add_costs(
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usage=usage,
            money=money,
            currency=currency,
        )
        await finished(self._keep(CostState.DONE))
        return self.costs

    @property
    def costs(self) -> Costs:
        """What it has cost so far."""
        known = self._kept if self._entry is None else self._entry
        return Costs() if known is None else Costs.of([group_of(_as_done(known))])

    async def __aenter__(self) -> Self:
        if self._kept is not None:
            raise InvalidRequest("is entered once; track another one", field="operation")
        self._kept = await self._begin()
        self._entry = _without_reservation(self._kept)
        self._began = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await finished(self._keep(CostState.DONE if error is None else CostState.FAILED))
        except StorageError as trouble:
            if error is None:
                raise
            logger.error("What %r cost is not recorded: %s", self.name, trouble)  # noqa: TRY400
            error.add_note(f"What {self.name!r} cost is not recorded: {trouble}")
        finally:
            self._entry = None

    @property
    def _under_way(self) -> CostEntry:
        if self._entry is None:
            told = "is not under way: async with tracker.track_operation(...)"
            raise InvalidRequest(told, field="operation")
        return self._entry

    async def _keep(self, state: CostState) -> None:
        """Keep it, unless all of it is kept already: no more was noted since."""
        entry = _in_state(self._under_way, state)
        kept = self._kept
        if kept is not None and _in_state(entry, state, seconds=kept.seconds) == kept:
            return
        seconds = asyncio.get_running_loop().time() - self._began
        self._kept = _in_state(entry, state, seconds=seconds)
        await self._ledger.settle(self._kept)


def _in_state(entry: CostEntry, state: CostState, seconds: float | None = None) -> CostEntry:
    return replace(entry, state=state, seconds=entry.seconds if seconds is None else seconds)


def _as_done(entry: CostEntry) -> CostEntry:
    return replace(entry, state=CostState.DONE)


def _without_reservation(entry: CostEntry) -> CostEntry:
    return replace(entry, input_tokens=0, output_tokens=0, money=NOTHING, currency="", seconds=0.0)
