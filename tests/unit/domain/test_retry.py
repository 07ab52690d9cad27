"""When to try again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.errors import InvalidRequest, StepFailed
from vespera.domain.retry import NEVER, TEN_YEARS, RetryPolicy, type_names


def test_the_wait_grows_with_each_failure() -> None:
    policy = RetryPolicy(max_attempts=5, delay=2, multiplier=3, max_delay=1000)

    assert [policy.wait(failures, 0) for failures in (1, 2, 3)] == [2, 6, 18]


def test_the_wait_is_capped() -> None:
    assert RetryPolicy(delay=10, max_delay=15).wait(5, 0) == 15


def test_a_wait_beyond_all_numbers_is_the_cap() -> None:
    assert RetryPolicy(delay=5, multiplier=1e300, max_delay=7).wait(1000, 0) == 7


def test_no_delay_stays_none_however_often_it_is_multiplied() -> None:
    assert RetryPolicy(delay=0, multiplier=2).wait(2000, 0) == 0


def test_a_delay_of_ten_years_is_the_longest() -> None:
    assert RetryPolicy(delay=TEN_YEARS, max_delay=TEN_YEARS).wait(1, 0) == TEN_YEARS


def test_jitter_only_shortens() -> None:
    policy = RetryPolicy(delay=10, jitter=0.5)

    assert policy.wait(1, 0) == 10
    assert policy.wait(1, 0.5) == 7.5


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_lies_between_zero_and_the_cap(failures: int, chance: float) -> None:
    assert 0 <= RetryPolicy(delay=1, jitter=1, max_delay=60).wait(failures, chance) <= 60


def test_the_last_attempt_is_not_repeated() -> None:
    policy = RetryPolicy(max_attempts=2)

    assert policy.allows(ValueError(), 1)
    assert not policy.allows(ValueError(), 2)
    assert not NEVER.allows(ValueError(), 1)


def test_only_named_errors_and_their_subclasses_are_repeated() -> None:
    policy = RetryPolicy(retry_on=(OSError, "KeyError"))

    assert policy.allows(ConnectionResetError(), 1)
    assert policy.allows(KeyError(), 1)
    assert not policy.allows(ValueError(), 1)


def test_a_failed_step_counts_as_the_error_it_stands_for() -> None:
    error = StepFailed("fetch", "reset", ("ConnectionResetError", "OSError", "Exception"))

    assert RetryPolicy(retry_on=(OSError,)).allows(error, 1)
    assert RetryPolicy(retry_on=("StepFailed",)).allows(error, 1)
    assert not RetryPolicy(retry_on=(ValueError,)).allows(error, 1)


def test_names_begin_with_the_error_itself() -> None:
    assert type_names(ConnectionResetError())[0] == "ConnectionResetError"
    assert "Exception" in type_names(ConnectionResetError())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"max_attempts": 0}, "retry.max_attempts"),
        ({"max_attempts": True}, "retry.max_attempts"),
        ({"max_attempts": 2.5}, "retry.max_attempts"),
        ({"max_attempts": 10**400}, "retry.max_attempts"),
        ({"max_attempts": None}, "retry.max_attempts"),
        ({"delay": -1}, "retry.delay"),
        ({"delay": "1"}, "retry.delay"),
        ({"delay": True}, "retry.delay"),
        ({"delay": float("nan")}, "retry.delay"),
        ({"delay": 10**400, "max_delay": 10**401}, "retry.delay"),
        ({"delay": 1e12, "max_delay": 1e12}, "retry.delay"),
        ({"max_delay": TEN_YEARS + 1}, "retry.max_delay"),
        ({"max_delay": 10**400}, "retry.max_delay"),
        ({"multiplier": 10**400}, "retry.multiplier"),
        ({"multiplier": float("inf")}, "retry.multiplier"),
        ({"jitter": -0.1}, "retry.jitter"),
        ({"multiplier": 0.5}, "retry.multiplier"),
        ({"max_delay": float("inf")}, "retry.max_delay"),
        ({"jitter": 1.5}, "retry.jitter"),
        ({"delay": 3600}, "retry.max_delay"),
        ({"retry_on": "OSError"}, "retry.retry_on"),
        ({"retry_on": [3]}, "retry.retry_on"),
        ({"retry_on": [int]}, "retry.retry_on"),
        ({"retry_on": [""]}, "retry.retry_on"),
        ({"retry_on": {"OSError"}}, "retry.retry_on"),
        ({"retry_on": None}, "retry.retry_on"),
        ({"tries": 3}, "retry.tries"),
    ],
    ids=str,
)
def test_a_senseless_policy_is_refused_by_field(fields: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RetryPolicy.from_mapping(fields)

    assert caught.value.field == named


def test_a_policy_from_a_mapping_is_the_policy() -> None:
    given_form = {"max_attempts": 4, "retry_on": ["OSError"]}

    assert RetryPolicy.from_mapping(given_form) == RetryPolicy(
        max_attempts=4, retry_on=("OSError",)
    )


@pytest.mark.parametrize(
    "kinds",
    ["ValueError", ValueError, (ValueError(),), (1,), (int,), (None,), ("OSError", 1.5)],
    ids=repr,
)
def test_only_lists_of_exceptions_say_what_to_try_again(kinds: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^retry\.retry_on: must be a list of exception"):
        RetryPolicy(retry_on=kinds)  # type: ignore[arg-type]


def test_classes_are_kept_by_their_names() -> None:
    policy = RetryPolicy(retry_on=[OSError, "KeyError"])  # type: ignore[arg-type]

    assert policy.retry_on == ("OSError", "KeyError")


@pytest.mark.parametrize("name", ["delay", "multiplier", "max_delay", "jitter"])
def test_whole_numbers_are_kept_as_floats(name: str) -> None:
    assert repr(getattr(RetryPolicy(delay=1, multiplier=1, max_delay=1, jitter=1), name)) == "1.0"
