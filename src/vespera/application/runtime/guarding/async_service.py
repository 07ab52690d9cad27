"""A base for services whose calls fail in one way, and which can be brought back."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Generic, TypeVar

from vespera.application.ports.clock import Clock
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.guarding.parts import clock_of
from vespera.application.runtime.guarding.service_guard import ServiceGuard
from vespera.application.runtime.guarding.timeout import Timeout
from vespera.domain.errors import AsyncServiceError, InvalidRequest, ServiceCallFailed
from vespera.domain.request import text_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult(Generic[T]):
    """What an operation of a service gave. An operation that fails raises."""

    operation: str
    value: T
    success: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryResult:
    """Whether a service has been brought back; ``error``: why not."""

    success: bool
    error: str = ""


class AsyncService:
    """An outside service, each of whose operations is guarded and fails with ``AsyncServiceError``.

        class Weather(AsyncService):
            def __init__(self, client, **parts):
                super().__init__(**parts)
                self._client = client

            async def forecast(self, city, timeout=None):
                return await self.operate("forecast", self._client.get, city, timeout=timeout)

    After a failure or a time-out it is usable as before. ``recover_from_error`` brings it back at
    once where that takes something: a subclass says what in ``recover``.
    """

    def __init__(
        self, *, name: str = "", guard: ServiceGuard | None = None, clock: Clock | None = None
    ) -> None:
        """Guard the operations.

        Args:
            name: of the service, for messages; by default that of its class.
            guard: around each operation; by default nothing but the operation's own time limit.
            clock: by whose time; by default that of the event loop.

        Raises:
            InvalidRequest: the guard, the name or the clock is none.
        """
        self.name = text_of(name, "name") or type(self).__name__
        if not isinstance(guard, ServiceGuard | None):
            raise InvalidRequest(f"must be a ServiceGuard, not {guard!r:.60}", field="guard")
        self.guard = guard or ServiceGuard(name=self.name, clock=clock)
        self._clock = clock_of(clock)
        self._error: Exception | None = None

    @property
    def last_error(self) -> Exception | None:
        """What the last operation raised; None if it succeeded, or there was none."""
        return self._error

    async def operate(
        self,
        operation: str,
        function: Callable[..., Any],
        /,
        *args: object,
        timeout: float | None = None,
        **kwargs: object,
    ) -> OperationResult[Any]:
        """Call ``function(*args, **kwargs)``, guarded.

        Args:
            operation: what it is called, for messages.
            function: any; what it gives is awaited if need be.
            args: passed on.
            timeout: seconds for each try, inside the guard, so that a service that hangs opens its
                breaker; None: what the guard says. For all tries together, give the guard a
                ``total_timeout``.
            kwargs: passed on.

        Raises:
            CallTimedOut: it took too long; a ``TimeoutError``, too. One that the function itself
                raises passes as it is.
            AsyncServiceError: it raised: ``ServiceCallFailed`` with the error as its cause, or the
                error itself if it is an ``AsyncServiceError`` (a guard's refusal, an
                ``AIServiceError``) already.
            InvalidRequest: the time limit is none.
        """
        limit = None if timeout is None else Timeout(timeout, name=self.name, clock=self._clock)
        try:
            if limit is None:
                value = await self.guard.call(function, *args, **kwargs)
            else:
                value = await self.guard.call(limit.call, function, *args, **kwargs)
        except Exception as error:  # the boundary to the service: it is raised on, or as a cause
            self._error = error
            if isinstance(error, AsyncServiceError | TimeoutError):
                raise
            told = in_words(error)
            raise ServiceCallFailed(told, service=self.name, operation=operation) from error
        self._error = None
        return OperationResult(operation=operation, value=value)

    async def recover_from_error(self) -> RecoveryResult:
        """Bring the service back: ``recover``, then close the guard's breaker.

        Nothing needs recovering to be asked for it. If ``recover`` raises, the result tells why,
        and the breaker stays as it was.

        Raises:
            StorageError: the state of a breaker that is shared cannot be written.
        """
        try:
            recovering: Any = self.recover()  # of a subclass, which may do it without waiting
            if isawaitable(recovering):
                await recovering
        except Exception as error:  # noqa: BLE001  (the boundary to the subclass; told in the result)
            self._error = error
            return RecoveryResult(success=False, error=in_words(error))
        if self.guard.breaker is not None:
            await self.guard.breaker.close()
        self._error = None
        return RecoveryResult(success=True)

    async def recover(self) -> None:
        """What it takes to bring the service back, a new session, say; by default nothing. One that
        is not async will do.
        """
