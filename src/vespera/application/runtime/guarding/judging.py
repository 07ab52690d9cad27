"""Which errors say something of a service, and which are worth another try."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

from vespera.application.runtime.guarding.answers import answer_of, header_of
from vespera.domain.errors import (
    AIServiceDenied,
    AIServiceRefused,
    BulkheadFull,
    CircuitBreakerOpenError,
    CostError,
    InvalidRequest,
    PayloadError,
    RateLimitExceeded,
    RequestError,
    StorageError,
)
from vespera.domain.retry import RetryPolicy

Errors: TypeAlias = (
    type[BaseException] | Collection[type[BaseException]] | Callable[[Exception], bool]
)
"""Which errors: a class, several, or a function that says whether."""

NOT_MADE: Final = (BulkheadFull, CircuitBreakerOpenError, CostError, RateLimitExceeded)
"""A guard, or a budget, did not let the call through."""

CALLERS_FAULT: Final = (AIServiceRefused, PayloadError, RequestError)
"""The request is at fault, and says nothing of the service."""

_HOPELESS: Final = (*NOT_MADE, *CALLERS_FAULT, AIServiceDenied)


def speaks_against_service(error: Exception) -> bool:
    """Whether a breaker counts the error, if nobody says otherwise: all but the caller's fault,
    calls that were not made, and trouble with Vespera's own database.
    """
    return not isinstance(error, (*NOT_MADE, *CALLERS_FAULT, StorageError))


def judge_of(errors: Errors, field: str) -> Callable[[Exception], bool]:
    """Whether an error is one of these, as a function.

    Raises:
        InvalidRequest: it is neither classes of exceptions nor a function.
    """
    given: Any = (errors,) if isinstance(errors, type) else errors
    if isinstance(given, Collection):
        kinds = tuple(given)
        if all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            return lambda error: isinstance(error, kinds)
    elif callable(given):
        return given  # type: ignore[no-any-return]  # its result is taken for true or not
    raise InvalidRequest(
        f"must be a class of exceptions, several, or a function of one, not {errors!r:.60}",
        field=field,
    )


def is_worth_retrying(retry: RetryPolicy, error: Exception, failures: int) -> bool:
    """Whether a call is made again. What waiting does not mend is not retried, unless the policy
    names its class.
    """
    if isinstance(error, _HOPELESS) and type(error).__name__ not in retry.retry_on:
        return False
    return retry.allows(error, failures)


def wait_before_retry(
    retry: RetryPolicy, error: Exception, failures: int, *, chance: float, now: datetime
) -> float:
    """Seconds: what the service asked for by ``retry_after``, or else what the policy computes;
    never more than the policy's ``max_delay``.
    """
    asked = retry_after_of(error, now)
    return retry.wait(failures, chance) if asked is None else min(asked, retry.max_delay)


def retry_after_of(error: BaseException, now: datetime) -> float | None:
    """The seconds that an error's ``retry_after`` asks for, or the header ``Retry-After`` of the
    answer that an HTTP client's error tells of; None if it asks for none, or makes no sense. It may
    be seconds, a timedelta, a moment, or text as in the header.
    """
    when = getattr(error, "retry_after", None)
    if when is None:
        when = header_of(answer_of(error)[1], "retry-after")
    return seconds_until(when, now)


def seconds_until(when: object, now: datetime) -> float | None:
    """``when`` as seconds from now, 0 or more; see ``retry_after_of``."""
    if isinstance(when, str):
        when = _read(when)
    if isinstance(when, datetime):
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    if isinstance(when, timedelta):
        when = when.total_seconds()
    if isinstance(when, bool) or not isinstance(when, int | float) or when != when:  # noqa: PLR0124  (NaN)
        return None
    return max(float(min(when, _FOR_EVER)), 0.0)


def _read(text: str) -> float | datetime | None:
    """Text of the HTTP header: seconds, or a date."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


_FOR_EVER: Final = 1e12  # in seconds; whoever waits has a limit of his own
