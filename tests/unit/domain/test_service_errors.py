"""Errors of services: they know the service, and say when to ask again."""

from datetime import UTC, datetime, timedelta

from vespera.domain import errors
from vespera.domain.errors import (
    AIServiceError,
    AIServiceTimedOut,
    AIServiceUnavailable,
    AsyncServiceError,
    BulkheadFull,
    CallTimedOut,
    CircuitBreakerOpenError,
    NoModelAvailable,
    RateLimitExceeded,
    ServiceCallFailed,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_an_error_names_its_service() -> None:
    error = AIServiceUnavailable("no route", service="openrouter", status=503, retry_after=7.0)

    assert str(error) == "openrouter: no route"
    assert (error.service, error.status, error.retry_after) == ("openrouter", 503, 7.0)


def test_without_a_message_it_says_what_it_is() -> None:
    assert str(AIServiceError(service="tts")) == (
        "tts: A model, or who serves it, did not do what it was asked."
    )


def test_time_outs_are_those_of_the_language_too() -> None:
    assert issubclass(AIServiceTimedOut, TimeoutError)
    assert isinstance(CallTimedOut(1.5), TimeoutError)
    assert "1.5 s" in str(CallTimedOut(1.5))


def test_all_that_goes_wrong_with_a_service_is_one_branch() -> None:
    for kind in (AIServiceError, BulkheadFull, CircuitBreakerOpenError, RateLimitExceeded):
        assert issubclass(kind, AsyncServiceError)
    assert issubclass(errors.ServiceCallFailed, AsyncServiceError)


def test_an_open_breaker_says_since_when_why_and_until_when() -> None:
    error = CircuitBreakerOpenError(
        service="openrouter",
        since=NOON,
        until=NOON + timedelta(seconds=30),
        seconds_left=12.25,
        failures=5,
        reason="ConnectionError: down",
        is_tried=False,
    )

    for said in ("openrouter", "12:00:00", "12:00:30", "12.2 s", "5 failures", "ConnectionError"):
        assert said in str(error)
    assert error.retry_after == error.seconds_left == 12.25


def test_it_says_whether_another_call_is_trying_and_leaves_out_what_it_does_not_know() -> None:
    error = CircuitBreakerOpenError(
        service="",
        since=NOON,
        until=NOON,
        seconds_left=1.0,
        failures=0,
        reason="",
        is_tried=True,
    )

    assert "tried by another call" in str(error)
    assert "the last" not in str(error)


def test_refusals_say_what_the_limits_are() -> None:
    full = BulkheadFull(max_concurrent=4, max_waiting=2)
    worn = RateLimitExceeded(count=10, per=60.0, seconds=30.0, max_wait=5.0)

    assert "4 calls are under way and 2 wait" in str(full)
    assert "10 calls in 60 s" in str(worn)
    assert worn.retry_after == 30.0


def test_a_failed_operation_is_named() -> None:
    error = ServiceCallFailed("ValueError: no", service="weather", operation="forecast")

    assert str(error) == "weather: forecast: ValueError: no"
    assert str(ServiceCallFailed("no")) == "no"


def test_when_no_model_did_it_each_is_told_with_its_reason() -> None:
    error = NoModelAvailable(["a: down", "b: too slow"], retry_after=3.0)

    assert "a: down\n  b: too slow" in str(error)
    assert error.problems == ("a: down", "b: too slow")
