"""What goes wrong with services outside, and around the calls to them; part of the tree in
``errors``, from where they are to be imported.
"""

from collections.abc import Sequence
from datetime import datetime

from vespera.domain.vespera_error import VesperaError


class AsyncServiceError(VesperaError):
    """An outside service did not do what it was asked.

    Attributes:
        service: its name; "" if nobody gave it one.
        retry_after: when it is worth asking again, in seconds or as a moment; None: not known.
    """

    def __init__(
        self, message: str = "", *, service: str = "", retry_after: float | datetime | None = None
    ) -> None:
        told = message or (type(self).__doc__ or "").partition("\n")[0]
        super().__init__(f"{service}: {told}" if service else told)
        self.service, self.retry_after = service, retry_after


class ServiceCallFailed(AsyncServiceError):
    """An operation of the service raised; ``__cause__`` is what it raised."""

    def __init__(self, message: str = "", *, service: str = "", operation: str = "") -> None:
        super().__init__(f"{operation}: {message}" if operation else message, service=service)
        self.operation = operation


class CallTimedOut(AsyncServiceError, TimeoutError):
    """A call took longer than it may."""

    def __init__(self, seconds: float, *, service: str = "") -> None:
        super().__init__(f"The call took longer than {seconds:g} s.", service=service)
        self.seconds = seconds


class CircuitBreakerOpenError(AsyncServiceError):
    """The service failed too often; it is not asked for a while.

    Attributes:
        since: when the breaker opened.
        until: when it lets a call through again, to try.
        seconds_left: from now until then.
        failures: how many there were in a row.
        reason: what the last one was.
    """

    def __init__(
        self,
        *,
        service: str,
        since: datetime,
        until: datetime,
        seconds_left: float,
        failures: int,
        reason: str,
        is_tried: bool,
    ) -> None:
        last = f" (the last: {reason})" if reason else ""
        then = "it is tried by another call, which has until" if is_tried else "it is tried at"
        super().__init__(
            f"The call was not made: the circuit breaker is open since {_told(since)}, after"
            f" {failures} failures in a row{last}; {then} {_told(until)}, in {seconds_left:.1f} s.",
            service=service,
            retry_after=seconds_left,
        )
        self.since, self.until, self.seconds_left = since, until, seconds_left
        self.failures, self.reason = failures, reason


class RateLimitExceeded(AsyncServiceError):
    """Too many calls began just now.

    ``retry_after``: seconds until this one could begin.
    """

    def __init__(
        self, *, count: int, per: float, seconds: float, max_wait: float, service: str = ""
    ) -> None:
        super().__init__(
            f"The call was not made: {count} calls in {per:g} s are the limit, and it would have"
            f" to wait {seconds:.3g} s, more than the {max_wait:g} s that it may.",
            service=service,
            retry_after=seconds,
        )


class BulkheadFull(AsyncServiceError):
    """As many calls are under way as may be, and as many wait as may wait."""

    def __init__(self, *, max_concurrent: int, max_waiting: int, service: str = "") -> None:
        super().__init__(
            f"The call was not made: {max_concurrent} calls are under way and {max_waiting} wait,"
            " which is the limit; try again later, or raise max_waiting.",
            service=service,
        )
        self.max_concurrent, self.max_waiting = max_concurrent, max_waiting


class AIServiceError(AsyncServiceError):
    """A model, or who serves it, did not do what it was asked.

    Attributes:
        status: of the HTTP answer; None if there was none.
    """

    def __init__(
        self,
        message: str = "",
        *,
        service: str = "",
        status: int | None = None,
        retry_after: float | datetime | None = None,
    ) -> None:
        super().__init__(message, service=service, retry_after=retry_after)
        self.status = status


class AIServiceUnavailable(AIServiceError):
    """The service cannot be reached, or is in trouble; later it may work."""


class AIServiceRateLimited(AIServiceError):
    """The service was asked too often; ``retry_after`` says when it is worth asking again."""


class AIServiceTimedOut(AIServiceError, TimeoutError):
    """The service did not answer in time."""


class AIServiceRefused(AIServiceError):
    """The service will not do what it was asked, however often: the request is at fault."""


class AIServiceDenied(AIServiceError):
    """The service does not know who asks, or does not let them: look at the key."""


class AIServiceBadAnswer(AIServiceError):
    """The service answered something that makes no sense."""


class NoModelAvailable(AIServiceError):
    """None of the models could be asked, or answered."""

    def __init__(self, problems: Sequence[str], *, retry_after: float | None = None) -> None:
        told = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"None of the models did it:{told}", retry_after=retry_after)
        self.problems = tuple(problems)


def _told(moment: datetime) -> str:
    return moment.isoformat(" ", "milliseconds")
