"""All guards of one service, in the right order."""

import random
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from inspect import isasyncgenfunction, isawaitable
from typing import Any, ParamSpec, TypeVar, overload

from vespera.application.ports.clock import Clock
from vespera.application.runtime.failures import tell_retry
from vespera.application.runtime.guarding.bulkhead import Bulkhead
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.application.runtime.guarding.judging import is_worth_retrying, wait_before_retry
from vespera.application.runtime.guarding.loop_time import LOOP_TIME
from vespera.application.runtime.guarding.parts import clock_of, no_function
from vespera.application.runtime.guarding.rate_limit import RateLimit
from vespera.application.runtime.guarding.timeout import Timeout
from vespera.domain.errors import InvalidRequest
from vespera.domain.flow import Rate
from vespera.domain.request import text_of
from vespera.domain.retry import NEVER, TEN_YEARS, RetryPolicy, number_of

P = ParamSpec("P")
T = TypeVar("T")
Part = TypeVar("Part", Timeout, RateLimit, Bulkhead, CircuitBreaker)


class ServiceGuard:
    """Calls to one service, guarded.

    ``await guard.call(function, ...)``, or ``@guard`` on an async function. Each part may be left
    out; in this order, from outside to inside:

    1. ``total_timeout``: for all that follows, waiting included.
    2. ``bulkhead``: a call has its place for all its tries, so that callers of a service in trouble
       queue up outside, and none is turned away half-way.
    3. ``retry``: each try passes what follows anew. ``retry_after`` of an error wins over the
       computed wait, within ``max_delay``. A call that was not made (a guard refused it), or whose
       request is at fault, is not tried again, unless ``retry_on`` names the error's own class.
    4. ``rate``: each try counts, as it does at the provider. While the breaker is open, none waits
       here.
    5. ``breaker``: it learns of each try, a time-out among them, and nothing of waiting.
    6. ``timeout``: of each try alone.
    """

    def __init__(
        self,
        *,
        name: str = "",
        total_timeout: Timeout | float | None = None,
        bulkhead: Bulkhead | int | None = None,
        retry: RetryPolicy | None = None,
        rate: RateLimit | Rate | None = None,
        breaker: CircuitBreaker | None = None,
        timeout: Timeout | float | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Put the parts together. Objects may be shared with other guards.

        Args:
            name: of the service, for messages; parts without a name get it.
            total_timeout: seconds, or a ``Timeout``.
            bulkhead: how many calls at a time, or a ``Bulkhead``.
            retry: when to call again; by default never.
            rate: ``Rate(60, per=60.0)``, for which calls wait however long, or a ``RateLimit``.
            breaker: its client plays no part here.
            timeout: seconds, or a ``Timeout``.
            clock: by whose time; parts without a clock get it. By default that of the event loop.
            chance: draws the jitter of waits between tries, in [0, 1).

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        self.name, self._clock = text_of(name, "name"), clock_of(clock)
        self._chance = chance
        self.retry = _checked(NEVER if retry is None else retry, RetryPolicy, "retry")
        if isinstance(rate, Rate):
            rate = RateLimit(rate.count, rate.per)
        if isinstance(bulkhead, int):
            bulkhead = Bulkhead(bulkhead)
        self.total_timeout = self._adopted_limit(total_timeout, "total_timeout")
        self.bulkhead = self._adopted(bulkhead, Bulkhead, "bulkhead")
        self.rate = self._adopted(rate, RateLimit, "rate")
        self.breaker = self._adopted(breaker, CircuitBreaker, "breaker")
        self.timeout = self._adopted_limit(timeout, "timeout")
        self._whole, self._once = self._around_tries(), self._around_call()

    def __call__(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """The function, guarded; for use as a decorator.

        Raises:
            InvalidRequest: it is no function, or an async generator, which gives its pieces long
                after the call: guard a function that gives the next one, or all of them.
        """
        if not callable(function):
            raise no_function(function)
        if isasyncgenfunction(function):
            told = "must be an async function, not an async generator: guard what gets one piece"
            raise InvalidRequest(told, field="function")

        @wraps(function)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self.call(function, *args, **kwargs)

        return guarded

    @overload
    async def call(
        self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def call(self, function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
        """Call ``function(*args, **kwargs)``, and await what it gives if need be, guarded.

        Raises:
            CallTimedOut: the last try, or all together, took too long.
            BulkheadFull, RateLimitExceeded, CircuitBreakerOpenError: the call was not made.
            StorageError: the state of a breaker that is shared cannot be read.
            Exception: whatever the last try raised.
        """
        if not callable(function):
            raise no_function(function)
        return await self._whole(function, args, kwargs)

    async def _tried(self, function: Any, args: Any, kwargs: Any) -> Any:
        failures, rate, breaker = 0, self.rate, self.breaker
        while True:
            try:
                if rate is not None:
                    if breaker is not None and not breaker.passes():
                        await breaker.check()
                    if not rate.passes():
                        await rate.acquire()
                return await self._once(function, *args, **kwargs)
            except Exception as error:
                failures += 1
                if not is_worth_retrying(self.retry, error, failures):
                    raise
                seconds = self._wait_after(error, failures)
                what = f"Call of {self.name or 'a service'}"
                tell_retry(what, error, self.retry, failures=failures, seconds=seconds)
            await (self._clock or LOOP_TIME).sleep(seconds)

    def _around_tries(self) -> Callable[..., Awaitable[Any]]:
        """What a call goes through before its tries, put together once."""
        whole: Callable[..., Awaitable[Any]] = self._tried
        if self.bulkhead is not None:
            whole = partial(self.bulkhead.call, whole)
        return whole if self.total_timeout is None else partial(self.total_timeout.call, whole)

    def _around_call(self) -> Callable[..., Awaitable[Any]]:
        """What each try goes through."""
        timed: Callable[..., Awaitable[Any]] = self.timeout.call if self.timeout else _called
        if self.breaker is None:
            return timed
        return partial(self.breaker.call, timed) if self.timeout else self.breaker.call

    def _wait_after(self, error: Exception, failures: int) -> float:
        now = (self._clock or LOOP_TIME).now()
        return wait_before_retry(self.retry, error, failures, chance=self._chance(), now=now)

    def _adopted_limit(self, given: Timeout | float | None, field: str) -> Timeout | None:
        if given is None or isinstance(given, Timeout):
            return self._adopted(given, Timeout, field)
        seconds = number_of(given, field, least=0, most=TEN_YEARS, what="a number of seconds")
        return self._adopted(Timeout(seconds), Timeout, field)

    def _adopted(self, part: Part | None, kind: type[Part], field: str) -> Part | None:
        if part is None:
            return None
        _checked(part, kind, field)
        part.name = part.name or self.name
        if self._clock is not None and not isinstance(part, Bulkhead):
            part.keep_time_by(self._clock)
        return part


async def _called(function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
    result = function(*args, **kwargs)
    return await result if isawaitable(result) else result


def _checked(value: Any, kind: type[Any], field: str) -> Any:
    if isinstance(value, kind):
        return value
    raise InvalidRequest(
        f"must be a {kind.__name__}, not {type(value).__name__} ({value!r:.60})", field=field
    )
