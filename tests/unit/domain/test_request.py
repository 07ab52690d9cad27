"""Requests come in any form; a bad one names its field."""

from datetime import UTC, datetime

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.request import parse_outcome, parse_request
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, TaskOutcome, TaskRequest


def test_a_mapping_keywords_and_the_typed_value_mean_the_same() -> None:
    typed = TaskRequest(title="A", priority=3)

    assert parse_request({"title": "A", "priority": 3}, {}) == typed
    assert parse_request(None, {"title": "A", "priority": 3}) == typed
    assert parse_request(typed, {}) == typed


def test_keywords_win_over_the_rest() -> None:
    assert parse_request({"title": "A"}, {"title": "B"}).title == "B"
    assert parse_request(TaskRequest(title="A"), {"title": "B"}).title == "B"


def test_only_a_title_is_needed() -> None:
    request = parse_request({"title": "A"}, {})

    assert request.specialist_type == "generic"
    assert request.completion is Completion.MANUAL


def test_all_fields_are_taken_over() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    request = parse_request(
        {
            "title": "A",
            "description": "d",
            "specialist_type": "coder",
            "payload": {"n": 1},
            "depends_on": ["x", "y", "x"],
            "parent_id": "p",
            "priority": -2,
            "timeout": 5,
            "retry": {"max_attempts": 2},
            "idempotency_key": "k",
            "run_after": moment,
            "task_id": "t",
            "completion": "auto",
        },
        {},
    )

    assert request == TaskRequest(
        title="A",
        description="d",
        specialist_type="coder",
        payload={"n": 1},
        depends_on=("x", "y"),
        parent_id="p",
        priority=-2,
        timeout=5.0,
        retry=RetryPolicy(max_attempts=2),
        idempotency_key="k",
        run_after=moment,
        task_id="t",
        completion=Completion.AUTO,
    )


def test_a_set_of_dependencies_gets_an_order() -> None:
    assert parse_request({"title": "A", "depends_on": {"b", "a"}}, {}).depends_on == ("a", "b")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": 3}, "title"),
        ({"title": None}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": "x" * 10_001}, "title"),
        ({"title": "A", "description": None}, "description"),
        ({"title": "A", "specialist_type": ""}, "specialist_type"),
        ({"title": "A", "payload": [1]}, "payload"),
        ({"title": "A", "payload": {1: 2}}, "payload"),
        ({"title": "A", "depends_on": "abc"}, "depends_on"),
        ({"title": "A", "depends_on": [1]}, "depends_on[0]"),
        ({"title": "A", "depends_on": ["a", ""]}, "depends_on[1]"),
        ({"title": "A", "parent_id": 7}, "parent_id"),
        ({"title": "A", "priority": "high"}, "priority"),
        ({"title": "A", "priority": True}, "priority"),
        ({"title": "A", "priority": 2**40}, "priority"),
        ({"title": "A", "timeout": 0}, "timeout"),
        ({"title": "A", "timeout": "1"}, "timeout"),
        ({"title": "A", "timeout": float("inf")}, "timeout"),
        ({"title": "A", "retry": 3}, "retry"),
        ({"title": "A", "retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"title": "A", "idempotency_key": ""}, "idempotency_key"),
        ({"title": "A", "run_after": datetime(2030, 1, 1)}, "run_after"),  # noqa: DTZ001
        ({"title": "A", "run_after": "tomorrow"}, "run_after"),
        ({"title": "A", "completion": "later"}, "completion"),
        ({"title": "A", "nonsense": 1}, "nonsense"),
    ],
    ids=str,
)
def test_a_bad_field_is_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(fields, {})

    assert caught.value.field == named


def test_a_misspelt_field_is_put_right() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'priority'"):
        parse_request({"title": "A", "priorty": 1}, {})


def test_a_misspelt_keyword_beside_the_typed_value_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="titel"):
        parse_request(TaskRequest(title="A"), {"titel": "B"})


def test_something_else_than_a_mapping_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="expected a mapping or keywords, got list"):
        parse_request([("title", "A")], {})  # type: ignore[arg-type]


def test_no_time_limit_and_no_delay_may_be_said_outright() -> None:
    request = parse_request({"title": "A", "timeout": None, "run_after": None}, {})

    assert (request.timeout, request.run_after) == (None, None)


def test_a_retry_policy_is_taken_as_it_is() -> None:
    policy = RetryPolicy(max_attempts=9)

    assert parse_request({"title": "A", "retry": policy}, {}).retry is policy


def test_what_is_said_at_the_sign_off_goes_over_what_was_handed_back() -> None:
    base = TaskOutcome(summary="old", artifacts=("a",), result=1)

    said = parse_outcome({"summary": "new"}, {"next_action": "rest"}, base)

    assert said == TaskOutcome(summary="new", artifacts=("a",), next_action="rest", result=1)


def test_a_typed_outcome_replaces_all() -> None:
    assert parse_outcome(TaskOutcome(result=2), {}, TaskOutcome(summary="x")) == TaskOutcome(
        result=2
    )


def test_a_bad_sign_off_names_its_field() -> None:
    with pytest.raises(InvalidRequest, match=r"^artifacts: "):
        parse_outcome({"artifacts": "file"}, {}, TaskOutcome())
