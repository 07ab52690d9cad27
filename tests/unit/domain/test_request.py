"""Requests come in any form; a bad one names its field."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import IntEnum, StrEnum

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.request import (
    moment_of,
    parse_outcome,
    parse_request,
    request_digest,
    seconds_of,
    signal_name_of,
    span_of,
    task_id_of,
    text_of,
)
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


@pytest.mark.parametrize("kind", [set, frozenset])
@pytest.mark.parametrize("item", [1, None, ("a",)])
def test_a_set_of_dependencies_with_something_else_in_it_is_refused(
    kind: type, item: object
) -> None:
    with pytest.raises(InvalidRequest, match=r"^depends_on: must be text"):
        parse_request({"title": "A", "depends_on": kind({item, "a", "b"})}, {})


class Kind(StrEnum):
    AUDIT = "audit"


class Urgency(IntEnum):
    HIGH = 5


def test_members_of_enums_are_taken_as_plain_values() -> None:
    request = parse_request({"title": Kind.AUDIT, "priority": Urgency.HIGH}, {})

    assert (type(request.title), request.title) == (str, "audit")
    assert (type(request.priority), request.priority) == (int, 5)


def test_a_moment_is_kept_in_utc() -> None:
    moment = datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    run_after = parse_request({"title": "A", "run_after": moment}, {}).run_after

    assert run_after == moment
    assert run_after.tzinfo is UTC


@pytest.mark.parametrize(
    "moment",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
        datetime.max.replace(tzinfo=UTC),
        datetime(9001, 1, 1, tzinfo=UTC),
        datetime(9000, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    ],
    ids=str,
)
def test_a_moment_that_cannot_be_reckoned_with_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidRequest, match=r"^run_after: must lie in the years 1970 to 9000"):
        parse_request({"title": "A", "run_after": moment}, {})


@pytest.mark.parametrize(
    "moment",
    [datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
    ids=str,
)
def test_the_first_and_the_last_moment_are_accepted(moment: datetime) -> None:
    assert parse_request({"title": "A", "run_after": moment}, {}).run_after == moment


def test_a_time_zone_that_says_nothing_is_none() -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, _moment: datetime | None) -> None:
            return None

    with pytest.raises(InvalidRequest, match="with a time zone"):
        parse_request({"title": "A", "run_after": datetime(2030, 1, 1, tzinfo=Nowhere())}, {})


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
        ({"title": "A", "specialist_type": "*"}, "specialist_type"),
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
        ({"title": "A", "timeout": True}, "timeout"),
        ({"title": "A", "timeout": -1}, "timeout"),
        ({"title": "A", "timeout": float("inf")}, "timeout"),
        ({"title": "A", "timeout": float("nan")}, "timeout"),
        ({"title": "A", "timeout": 1e12}, "timeout"),
        ({"title": "A", "timeout": 10**400}, "timeout"),
        ({"title": "A", "priority": 10**400}, "priority"),
        ({"title": "A", "retry": {"delay": 10**400, "max_delay": 10**401}}, "retry.delay"),
        ({"title": "A", "retry": {"retry_on": "ValueError"}}, "retry.retry_on"),
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


def test_a_task_s_id_is_text() -> None:
    assert task_id_of("a") == "a"


@pytest.mark.parametrize(
    "value",
    [None, 5, [], ["a"], {}, b"a", "", " ", "a\0b", "\ud800", "x" * 10_001],
    ids=lambda value: repr(value)[:20],
)
def test_what_can_be_no_task_s_id_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        task_id_of(value)

    assert caught.value.field == "task_id"


@pytest.mark.parametrize(("value", "seconds"), [(None, None), (0, 0.0), (1, 1.0), (0.5, 0.5)])
def test_a_time_is_a_number_of_seconds_or_none(value: float | None, seconds: float | None) -> None:
    assert seconds_of(value, "timeout") == seconds


@pytest.mark.parametrize(
    "value", [-1, -0.5, float("nan"), float("inf"), 10**400, -(10**400), True, "1", [1]], ids=str
)
def test_a_time_that_cannot_be_waited_for_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        seconds_of(value, "timeout")

    assert caught.value.field == "timeout"


def digest(fields: dict[str, object]) -> str:
    return request_digest(parse_request(fields, {}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"retry": {"delay": 1}}, {"retry": {"delay": 1.0}}),
        ({"retry": {"retry_on": ["OSError"]}}, {"retry": {"retry_on": (OSError,)}}),
        ({"retry": RetryPolicy(multiplier=3)}, {"retry": {"multiplier": 3.0}}),
        ({"timeout": 1}, {"timeout": 1.0}),
        ({"title": Kind.AUDIT}, {"title": "audit"}),
        ({"priority": Urgency.HIGH}, {"priority": 5}),
        ({"depends_on": ["a", "a", "b"]}, {"depends_on": ("a", "b")}),
        ({"completion": "auto"}, {"completion": "manual"}),
        (
            {"run_after": datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))},
            {"run_after": datetime(2030, 1, 1, tzinfo=UTC)},
        ),
    ],
    ids=str,
)
def test_the_same_request_said_otherwise_has_the_same_digest(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert digest({"title": "A"} | one) == digest({"title": "A"} | other)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "B"},
        {"description": "d"},
        {"specialist_type": "coder"},
        {"depends_on": ["a"]},
        {"parent_id": "p"},
        {"priority": 1},
        {"timeout": 1},
        {"retry": {"delay": 2}},
        {"idempotency_key": "k"},
        {"run_after": datetime(2030, 1, 1, tzinfo=UTC)},
        {"task_id": "t"},
    ],
    ids=str,
)
def test_another_request_has_another_digest(fields: dict[str, object]) -> None:
    assert digest({"title": "A"} | fields) != digest({"title": "A"})


def test_the_digest_tells_nothing_of_the_payload() -> None:
    assert digest({"title": "A", "payload": {"pin": 1234}}) == digest({"title": "A"})


@pytest.mark.parametrize(
    ("value", "span"),
    [
        (0, timedelta()),
        (1.5, timedelta(seconds=1.5)),
        (timedelta(days=2), timedelta(days=2)),
    ],
)
def test_a_span_is_given_in_seconds_or_as_a_timedelta(value, span):
    assert span_of(value, "seconds") == span


@pytest.mark.parametrize(
    "value",
    [None, "1", True, -1, float("nan"), float("inf"), timedelta(seconds=-1), timedelta(days=9999)],
)
def test_what_is_no_span_is_refused(value):
    with pytest.raises(InvalidRequest) as refused:
        span_of(value, "seconds")

    assert refused.value.field == "seconds"


def test_a_moment_is_given_in_any_zone_and_kept_in_utc():
    noon = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=9)))

    assert moment_of(noon, "moment") == noon
    assert moment_of(noon, "moment").tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [None, 5, "2030-01-01", datetime(2030, 1, 1), datetime(1, 1, 1, tzinfo=UTC)],  # noqa: DTZ001 - a naive one is the case
)
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(InvalidRequest) as refused:
        moment_of(value, "moment")

    assert refused.value.field == "moment"


def test_a_signal_has_a_filled_name():
    assert signal_name_of("go", "name") == "go"
    for value in ("", " ", None, 7, "\x00", "x" * 20_000):
        with pytest.raises(InvalidRequest) as refused:
            signal_name_of(value, "signal_id")
        assert refused.value.field == "signal_id"


def test_a_text_may_be_empty_but_must_be_one():
    assert text_of("", "by") == ""
    for value in (None, 7, "\ud800"):
        with pytest.raises(InvalidRequest):
            text_of(value, "by")


@pytest.mark.parametrize("title", ["\u5bbf\u984c", "na\u00efve", "\U0001f409"])
def test_a_text_may_be_in_any_script(title: str) -> None:
    assert parse_request({"title": title}, {}).title == title


def test_the_end_of_a_parent_has_two_consequences_to_choose_from() -> None:
    with pytest.raises(InvalidRequest, match="on_parent_end: must be one of leave, cancel"):
        parse_request({"title": "A", "on_parent_end": "mourn"}, {})
