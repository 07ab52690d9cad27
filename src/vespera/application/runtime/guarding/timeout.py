"""At most so long."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar, overload

from vespera.application.ports.clock import Clock
from vespera.application.runtime.guarding.loop_time import LOOP_TIME
from vespera.application.runtime.guarding.parts import clock_of
from vespera.application.runtime.guarding.resumed import Resumed
from vespera.domain.errors import CallTimedOut
from vespera.domain.request import text_of
from vespera.domain.retry import TEN_YEARS, number_of

P = ParamSpec("P")
T = TypeVar("T")


class Timeout:
    """Cancels calls that take longer than ``seconds``: ``await timeout.call(function, ...)``.

    Any number of calls may go through one object at a time.
    """

    def __init__(self, seconds: float, *, name: str = "", clock: Clock | None = None) -> None:
        """Allow ``seconds``, from 0 to ten years.

        Args:
            seconds: for each call.
            name: of the service, for messages.
            clock: by whose time; by default that of the event loop.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        what = "a number of seconds"
        self.seconds = number_of(seconds, "seconds", least=0, most=TEN_YEARS, what=what)
        self.name, self._clock = text_of(name, "name"), clock_of(clock)

    def keep_time_by(self, clock: Clock) -> None:
        """Go by this clock, if none was given."""
        self._clock = self._clock or clock_of(clock)

    @overload
    async def call(
        self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def call(self, function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
        """Call ``function(*args, **kwargs)``, and await what it gives if need be, for that long.

        A function that is not async cannot be stopped, and is not: it holds up the event loop.

        Raises:
            CallTimedOut: it took longer; it was cancelled, and could clean up. A ``TimeoutError``
                of its own passes as it is.
        """
        result = function(*args, **kwargs)
        if type(result) is CoroutineType:
            try:
                result = Resumed(result, result.send(None))
            except StopIteration as end:
                return end.value
        elif not isawaitable(result):
            return result
        return await self._limited(result)

    async def _limited(self, waiting: Awaitable[Any]) -> Any:
        limit = None
        try:
            async with (self._clock or LOOP_TIME).timeout(self.seconds) as limit:
                return await waiting
        except TimeoutError as error:
            if limit is None or not limit.expired():
                raise
            raise CallTimedOut(self.seconds, service=self.name) from error
