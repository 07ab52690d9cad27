"""Circuits: pure rules over frozen values."""

import pytest

from vespera.domain.circuit import CLOSED, Admission, Circuit, CircuitRule, name_of_circuit
from vespera.domain.errors import InvalidRequest

RULE = CircuitRule(failure_threshold=2, reset_after=30.0, probe_seconds=10.0)


def failed(circuit: Circuit, began: Circuit, now: float) -> Circuit:
    return circuit.failed(began, RULE, now, "down")


def opened(now: float = 100.0) -> Circuit:
    return failed(failed(CLOSED, CLOSED, now), CLOSED, now)


def test_it_opens_at_the_threshold_and_not_before() -> None:
    once = failed(CLOSED, CLOSED, 100.0)
    twice = failed(once, once, 101.0)

    assert once.since is None
    assert (twice.since, twice.rests_until, twice.failures) == (101.0, 131.0, 2)


def test_a_success_forgets_the_failures_before_it() -> None:
    once = failed(CLOSED, CLOSED, 100.0)

    assert once.succeeded(once).failures == 0


def test_a_success_without_failures_changes_nothing() -> None:
    assert CLOSED.succeeded(CLOSED) is CLOSED


@pytest.mark.parametrize(
    ("now", "admission"),
    [
        (100.0, Admission.REFUSED),
        (129.9, Admission.REFUSED),
        (130.0, Admission.PROBE),
        (99.0, Admission.PROBE),
    ],
)
def test_open_it_refuses_until_its_rest_is_over_or_the_clock_was_set_back(now, admission) -> None:
    assert opened().admits(now) is admission


def test_closed_it_lets_everybody_through() -> None:
    assert CLOSED.admits(-1e9) is CLOSED.admits(1e9) is Admission.PASS


def test_while_one_tries_the_others_are_refused_until_its_time_is_over() -> None:
    tried = opened().leased(RULE, 130.0)

    assert tried.admits(139.9) is Admission.REFUSED
    assert tried.admits(140.0) is Admission.PROBE
    assert tried.admits(129.9) is Admission.PROBE  # the clock was set back


def test_the_one_that_tries_closes_it() -> None:
    tried = opened().leased(RULE, 130.0)
    closed = tried.succeeded(tried)

    assert (closed.since, closed.failures) == (None, 0)
    assert closed.version > tried.version


def test_when_the_try_fails_it_rests_again_and_is_open_since_the_first_time() -> None:
    tried = opened().leased(RULE, 130.0)
    again = failed(tried, tried, 131.0)

    assert (again.since, again.rests_until, again.failures) == (100.0, 161.0, 3)


def test_after_a_try_that_says_nothing_the_next_one_may() -> None:
    tried = opened().leased(RULE, 130.0)

    assert tried.let_go(tried).admits(130.0) is Admission.PROBE


def test_a_call_that_says_nothing_changes_nothing_else() -> None:
    once, open_ = failed(CLOSED, CLOSED, 1.0), opened()

    assert once.let_go(once) is once
    assert open_.let_go(CLOSED) is open_


def test_calls_from_before_it_opened_say_nothing_any_more() -> None:
    open_ = opened()
    tried = open_.leased(RULE, 130.0)

    for now in (open_, tried, tried.succeeded(tried)):
        assert failed(now, CLOSED, 140.0) is now
        assert now.succeeded(CLOSED) is now


def test_a_try_whose_time_was_over_says_nothing_when_another_one_tries() -> None:
    late = opened().leased(RULE, 130.0)
    tried = late.leased(RULE, 140.0)

    assert tried.succeeded(late) is tried
    assert failed(tried, late, 141.0) is tried


def test_a_try_says_nothing_once_it_was_closed_by_hand() -> None:
    tried = opened().leased(RULE, 130.0)
    closed = tried.closed()

    assert failed(closed, tried, 131.0) is closed
    assert closed.succeeded(tried) is closed


def test_it_can_be_opened_by_hand_and_stays_open_since_the_first_time() -> None:
    assert CLOSED.opened(RULE, 5.0, "maintenance").since == 5.0
    assert opened(100.0).opened(RULE, 120.0, "maintenance").since == 100.0
    assert opened(100.0).opened(RULE, 120.0, "maintenance").rests_until == 150.0


def test_a_long_reason_is_cut() -> None:
    assert len(CLOSED.failed(CLOSED, RULE, 0.0, "x" * 1000).reason) == 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("failure_threshold", 0),
        ("failure_threshold", 1.5),
        ("failure_threshold", True),
        ("reset_after", -1),
        ("reset_after", float("nan")),
        ("reset_after", float("inf")),
        ("reset_after", "30"),
        ("probe_seconds", 0),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(field, value) -> None:
    with pytest.raises(InvalidRequest, match=field):
        CircuitRule(**{field: value})


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "\udc80", None, 7])
def test_a_name_that_is_none_is_refused(name) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        name_of_circuit(name)


def test_a_name_stays_as_it_is() -> None:
    assert name_of_circuit("open router: gpt-5/mini ä") == "open router: gpt-5/mini ä"
