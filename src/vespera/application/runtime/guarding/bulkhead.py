"""At most so many calls at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from vespera.domain.errors import BulkheadFull
from vespera.domain.request import text_of
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of

P = ParamSpec("P")
T = TypeVar("T")


class Bulkhead:
    """Lets ``max_concurrent`` calls run at a time; more wait, and go on in the order they came.

    ``await bulkhead.call(function, ...)``, or ``async with bulkhead:`` around any block. It holds
    for the calls that go through this object, in this process.

    Attributes:
        under_way: how many calls are under way.
    """

    def __init__(
        self, max_concurrent: int, *, max_waiting: int | None = None, name: str = ""
    ) -> None:
        """Allow ``max_concurrent`` calls, 1 or more.

        Args:
            max_concurrent: how many run at a time.
            max_waiting: how many may wait, 0 or more; what comes then is refused. None: any number.
            name: of the service, for messages.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        whole_number_of(max_concurrent, "max_concurrent", least=1, most=LARGEST_WHOLE)
        if max_waiting is not None:
            whole_number_of(max_waiting, "max_waiting", least=0, most=LARGEST_WHOLE)
        self.max_concurrent, self.max_waiting = max_concurrent, max_waiting
        self.name = text_of(name, "name")
        self.under_way = 0
        self._line: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @overload
    async def call(
        self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def call(self, function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
        """Call ``function(*args, **kwargs)``, and await what it gives if need be, in its turn.

        Raises:
            BulkheadFull: as many wait as may; the function was not called.
        """
        if not self.enters():
            await self.enter()
        try:
            result = function(*args, **kwargs)
            return await result if isawaitable(result) else result
        finally:
            self.leave()

    def enters(self) -> bool:
        """Take a place if one is free and nobody waits for it; whether that is so."""
        if self.under_way >= self.max_concurrent or self._line:
            return False
        self.under_way += 1
        return True

    async def enter(self) -> None:
        """Take a place, in one's turn; ``leave`` gives it back.

        Raises:
            BulkheadFull: as many wait as may.
        """
        if self.enters():
            return
        if self.max_waiting is not None and len(self._line) >= self.max_waiting:
            raise BulkheadFull(
                max_concurrent=self.max_concurrent,
                max_waiting=self.max_waiting,
                service=self.name,
            )
        turn = asyncio.get_running_loop().create_future()
        self._line[turn] = None
        try:
            await turn
        except BaseException:
            self._line.pop(turn, None)
            if turn.done() and not turn.cancelled():
                self.leave()  # it was this one's turn already; the next one has it
            raise

    def leave(self) -> None:
        """Give a place back; whoever waits the longest gets it."""
        while self._line:
            turn, _ = self._line.popitem(last=False)
            if not turn.done():  # else it is cancelled, and its task is yet to know
                turn.set_result(None)
                return
        self.under_way -= 1

    async def __aenter__(self) -> Self:
        await self.enter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()
