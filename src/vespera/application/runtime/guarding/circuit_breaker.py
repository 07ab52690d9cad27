"""Does not ask a service that is down, and tries it again after a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    CoroutineType,
    FunctionType,
    MethodType,
)
from typing import Any, Final, ParamSpec, TypeVar, overload

from vespera.application.ports.breakers import Breakers
from vespera.application.ports.clock import Clock
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.guarding.breaker_status import (
    BreakerStatus,
    span_of,
    status_of,
)
from vespera.application.runtime.guarding.judging import Errors, judge_of, speaks_against_service
from vespera.application.runtime.guarding.loop_time import LOOP_TIME
from vespera.application.runtime.guarding.parts import clock_of, no_function, store_of
from vespera.domain.circuit import CLOSED, Admission, Circuit, CircuitRule, name_of_circuit
from vespera.domain.errors import CircuitBreakerOpenError, InvalidRequest, StorageError
from vespera.domain.request import text_of

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger("vespera")
_FUNCTIONS: Final = (FunctionType, MethodType, BuiltinFunctionType, BuiltinMethodType, partial)


class CircuitBreaker:
    """Closed, it lets calls through. After so many failures in a row it opens, and refuses them at
    once; after a rest it lets one call through, to try: if that succeeds it closes.

    ``await breaker.execute(...)`` calls ``client.request(...)``, or the client itself, if it is a
    function; ``await breaker.call(function, ...)`` calls any function. A call that is cancelled
    says nothing of the service. The one that tries has ``probe_seconds`` to do so: if its process
    dies, or it does not come back, another one may.

    Its state is this object's, and is gone with it. With a ``store`` (``Container.breakers``) it is
    the database's: all workers that use the ``name`` share it, and find it after a crash. That
    costs a read before and after each call, and a write when something changes.
    """

    def __init__(
        self,
        client: object = None,
        *,
        failure_threshold: int = 5,
        reset_after: float = 30.0,
        probe_seconds: float = 30.0,
        counted: Errors = speaks_against_service,
        ignored: Errors = (),
        name: str = "",
        store: Breakers | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Guard ``client``, closed (or as the store says).

        Args:
            client: an object with an async method ``request``, or a function; None: ``call`` only.
            failure_threshold: failures in a row after which it opens, 1 or more.
            reset_after: seconds that it rests before it lets a call through to try.
            probe_seconds: how long that call has, before another one may try.
            counted: which errors speak against the service: a class, several, or a function of the
                error. By default all but Vespera's own for a caller's fault (``AIServiceRefused``,
                ``RequestError``, ``PayloadError``), for calls that were not made (``CostError``
                among them), and for its database (``StorageError``).
            ignored: which of these do not; such an error changes nothing.
            name: of the service; for messages, and for the store.
            store: where its state is shared, under the name.
            clock: by whose time; by default that of the event loop. With a store, all who share it
                need the same time of day.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        self.rule = CircuitRule(
            failure_threshold=failure_threshold,
            reset_after=reset_after,
            probe_seconds=probe_seconds,
        )
        if text_of(name, "name") or store is not None:
            name_of_circuit(name)
        self.client, self.name = client, name
        self._store, self._clock = store_of(store), clock_of(clock)
        self._counted, self._ignored = judge_of(counted, "counted"), judge_of(ignored, "ignored")
        self._circuit = CLOSED

    def keep_time_by(self, clock: Clock) -> None:
        """Go by this clock, if none was given."""
        self._clock = self._clock or clock_of(clock)

    async def execute(self, *args: object, **kwargs: object) -> Any:
        """Call ``client.request(*args, **kwargs)``, or the client itself, and await the result.

        Raises:
            CircuitBreakerOpenError: the service is not asked now; the error says until when.
            InvalidRequest: there is no client, or it cannot be called.
            StorageError: the shared state cannot be read.
            Exception: whatever the client raised.
        """
        return await self.call(self._request(), *args, **kwargs)

    @overload
    async def call(
        self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def call(self, function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
        """Call ``function(*args, **kwargs)``, and await the result if need be.

        Raises:
            CircuitBreakerOpenError, StorageError, Exception: as ``execute``.
        """
        if not callable(function):
            raise no_function(function)
        began = self._circuit if self.passes() else await self._admitted()
        try:
            result = function(*args, **kwargs)
            if type(result) is CoroutineType or isawaitable(result):
                result = await result
        except Exception as error:
            await self._failed(began, error)
            raise
        except BaseException as error:
            await self._broke_off(began, error)
            raise
        is_news = self._circuit is not began or began.failures or began.probe
        if is_news or self._store is not None:
            await self._keep(partial(_succeeded, began=began))
        return result

    def passes(self) -> bool:
        """Whether a call is let through without asking anybody: it is closed, and not shared."""
        return self._store is None and self._circuit.since is None

    async def check(self) -> None:
        """Do as a call would, up to the call.

        Raises:
            CircuitBreakerOpenError, StorageError: as ``execute``.
        """
        circuit = await self._current()
        if circuit.since is not None and circuit.rests(now := self._now()):
            raise self._refusal(circuit, now)

    async def status(self) -> BreakerStatus:
        """How it stands now.

        Raises:
            StorageError: the shared state cannot be read.
        """
        moment = (self._clock or LOOP_TIME).now()
        return status_of(await self._current(), now=self._now(), moment=moment)

    async def open(self, reason: str = "it was opened by hand") -> None:
        """Refuse calls from now on, for ``reset_after`` seconds.

        Raises:
            StorageError: the shared state cannot be written.
        """
        now = self._now()
        await self._change(lambda circuit: circuit.opened(self.rule, now, reason))

    async def close(self) -> None:
        """Let calls through from now on, and forget the failures.

        Raises:
            StorageError: the shared state cannot be written.
        """
        await self._change(Circuit.closed)

    def _request(self) -> Callable[..., Any]:
        """What ``execute`` calls. A mock has every attribute, and can be called: it is a client."""
        client: Any = self.client
        if isinstance(client, _FUNCTIONS):
            return client
        request: Callable[..., Any] | None = getattr(client, "request", None)
        if request is not None:
            return request
        if callable(client):
            return client  # type: ignore[no-any-return]  # it was Any
        what = "there is none" if client is None else f"{_told(client)} has none"
        raise InvalidRequest(
            f"must be a function, or have a method `request`, but {what}; use"
            " `breaker.call(function, ...)` for other calls",
            field="client",
        )

    async def _admitted(self) -> Circuit:
        """How it stands as a call is let through, which may be the one that tries."""
        while True:
            circuit, now = await self._current(), self._now()
            admission = circuit.admits(now)
            if admission is Admission.PASS:
                return circuit
            if admission is Admission.REFUSED:
                raise self._refusal(circuit, now)
            leased = circuit.leased(self.rule, now)
            if await self._replace(leased):
                return leased

    async def _failed(self, began: Circuit, error: Exception) -> None:
        try:
            is_counted = self._counted(error) and not self._ignored(error)
        except Exception:  # a function of the user's; nothing is known, and the next one may try
            await self._broke_off(began, error)
            raise
        if not is_counted:
            await self._broke_off(began, error)
            return
        reason = in_words(error)
        now = self._now()
        await self._keep(lambda circuit: circuit.failed(began, self.rule, now, reason))

    async def _broke_off(self, began: Circuit, error: BaseException) -> None:
        """Let another one try. Nothing can be awaited while the event loop is closed down."""
        is_awaited = isinstance(error, Exception | asyncio.CancelledError)
        if began.probe and (is_awaited or self._store is None):
            await self._keep(partial(_let_go, began=began))

    async def _keep(self, change: Callable[[Circuit], Circuit]) -> None:
        """Change it; what became of the call matters more than trouble with that."""
        try:
            await self._change(change)
        except StorageError as trouble:
            logger.warning(
                "The state of the circuit breaker %r is not kept: %s", self.name, trouble
            )

    async def _change(self, change: Callable[[Circuit], Circuit]) -> None:
        while True:
            circuit = await self._current()
            changed = change(circuit)
            if changed is circuit or await self._replace(changed):
                return

    async def _current(self) -> Circuit:
        return self._circuit if self._store is None else await self._store.get(self.name)

    async def _replace(self, circuit: Circuit) -> bool:
        if self._store is None:
            self._circuit = circuit
            return True
        return await self._store.save(self.name, circuit)

    def _now(self) -> float:
        """Seconds on the scale of the state's moments."""
        clock = self._clock or LOOP_TIME
        return clock.monotonic() if self._store is None else clock.now().timestamp()

    def _refusal(self, circuit: Circuit, now: float) -> CircuitBreakerOpenError:
        moment = (self._clock or LOOP_TIME).now()
        since, until = span_of(circuit, now=now, moment=moment)
        return CircuitBreakerOpenError(
            service=self.name or _told(self.client),
            since=since,
            until=until,
            seconds_left=circuit.rests_until - now,
            failures=circuit.failures,
            reason=circuit.reason,
            is_tried=circuit.probe != 0,
        )


def _succeeded(circuit: Circuit, *, began: Circuit) -> Circuit:
    return circuit.succeeded(began)


def _let_go(circuit: Circuit, *, began: Circuit) -> Circuit:
    return circuit.let_go(began)


def _told(client: object) -> str:
    """What a client is called, for messages."""
    if client is None:
        return "the service"
    name = getattr(client, "__qualname__", None) if isinstance(client, _FUNCTIONS) else None
    return name if isinstance(name, str) else type(client).__qualname__
