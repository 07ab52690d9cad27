"""Which errors speak against a service, which are worth another try, and after how long."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from vespera.application.runtime.guarding.judging import (
    is_worth_retrying,
    judge_of,
    retry_after_of,
    speaks_against_service,
    wait_before_retry,
)
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceDenied,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceUnavailable,
    BudgetExceeded,
    BulkheadFull,
    InvalidRequest,
    RateLimitExceeded,
    StorageError,
    UnknownPrice,
    UnstorableValue,
)
from vespera.domain.retry import RetryPolicy

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
FULL = BulkheadFull(max_concurrent=1, max_waiting=0)
WORN = RateLimitExceeded(count=1, per=1.0, seconds=1.0, max_wait=0.0)


def said(when):
    error = ConnectionError("busy")
    error.retry_after = when
    return error


@pytest.mark.parametrize(
    "error", [OSError(), ValueError(), AIServiceUnavailable(), AIServiceDenied(), TimeoutError()]
)
def test_trouble_speaks_against_the_service(error):
    assert speaks_against_service(error)


@pytest.mark.parametrize(
    "error",
    [
        *(AIServiceRefused(), InvalidRequest("no"), UnstorableValue("a", "b"), FULL, WORN),
        *(BudgetExceeded(), UnknownPrice(), StorageError()),
    ],
)
def test_a_bad_request_and_a_call_that_was_not_made_do_not(error):
    assert not speaks_against_service(error)


@pytest.mark.parametrize("errors", [OSError, (OSError,), [OSError, KeyError], {OSError}])
def test_errors_are_given_as_one_class_or_as_several(errors):
    judge = judge_of(errors, "counted")

    assert judge(ConnectionError())
    assert not judge(ValueError())


def test_or_as_a_function_of_the_error():
    judge = judge_of(lambda error: "down" in str(error), "counted")

    assert judge(ValueError("down"))
    assert not judge(ValueError("up"))


def test_no_classes_at_all_are_none_of_them():
    assert not judge_of((), "ignored")(ValueError())


@pytest.mark.parametrize("errors", [None, 5, "OSError", [OSError, "KeyError"], int, [5]])
def test_what_is_neither_is_refused_by_name(errors):
    with pytest.raises(InvalidRequest, match="counted"):
        judge_of(errors, "counted")


def test_retries_are_those_of_the_policy():
    retry = RetryPolicy(max_attempts=3, retry_on=(OSError,))

    assert is_worth_retrying(retry, ConnectionError(), 2)
    assert not is_worth_retrying(retry, ConnectionError(), 3)
    assert not is_worth_retrying(retry, ValueError(), 1)


@pytest.mark.parametrize("error", [FULL, WORN, AIServiceRefused(), AIServiceDenied()])
def test_what_waiting_does_not_mend_is_retried_only_if_it_is_named(error):
    assert not is_worth_retrying(RetryPolicy(), error, 1)
    assert is_worth_retrying(RetryPolicy(retry_on=(type(error),)), error, 1)


@pytest.mark.parametrize("error", [AIServiceRateLimited(), AIServiceBadAnswer(), OSError()])
def test_the_rest_is_retried_by_default(error):
    assert is_worth_retrying(RetryPolicy(), error, 1)


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        (7, 7.0),
        (0.5, 0.5),
        ("12", 12.0),
        (" 3 ", 3.0),
        (timedelta(minutes=2), 120.0),
        (NOW + timedelta(seconds=90), 90.0),
        (datetime(2026, 11, 21, 10, 1), 60.0),  # noqa: DTZ001  (without a zone, on purpose)
        ("Sat, 21 Nov 2026 10:05:00 GMT", 300.0),
        (NOW - timedelta(hours=1), 0.0),
        (-5, 0.0),
        (10**400, 1e12),
        (float("inf"), 1e12),
        (None, None),
        ("soon", None),
        ("nan", None),
        (float("nan"), None),
        (True, None),
        (object(), None),
        ("Sat, 99 Nov 2026 10:05:00 GMT", None),
    ],
)
def test_the_service_says_when_to_come_back_in_whatever_form(when, seconds):
    assert retry_after_of(said(when), NOW) == seconds


def test_an_answer_that_an_http_client_did_not_like_says_it_in_its_header():
    request = httpx.Request("GET", "http://localhost")
    response = httpx.Response(429, headers={"Retry-After": "17"}, request=request)
    by_httpx = httpx.HTTPStatusError("slow down", request=request, response=response)
    by_aiohttp = ValueError("slow down")
    by_aiohttp.status, by_aiohttp.headers = 429, {"Retry-After": "18"}

    assert retry_after_of(by_httpx, NOW) == 17.0
    assert retry_after_of(by_aiohttp, NOW) == 18.0


def test_an_error_that_says_nothing_asks_for_nothing():
    assert retry_after_of(ValueError(), NOW) is None


def test_what_the_service_asks_for_wins_over_what_the_policy_computes():
    retry = RetryPolicy(delay=1.0, max_delay=60.0, jitter=1.0)

    assert wait_before_retry(retry, said(7), 1, chance=1.0, now=NOW) == 7.0
    assert wait_before_retry(retry, said(0), 1, chance=0.0, now=NOW) == 0.0
    assert wait_before_retry(retry, said(3600), 1, chance=0.0, now=NOW) == 60.0
    assert wait_before_retry(retry, ValueError(), 2, chance=0.5, now=NOW) == 1.0


def test_an_error_whose_attribute_cannot_be_read_is_no_trouble():
    class Odd(Exception):
        @property
        def retry_after(self):
            raise AttributeError("not set")

    assert retry_after_of(Odd(), NOW) is None
