from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.errors import InvalidRequest
from vespera.domain.schedule import (
    CatchUp,
    Overlap,
    TaskSchedule,
    beats_of,
    made_up_for,
    parse_template,
    parse_terms,
    request_at,
    template_values,
)
from vespera.domain.task import Completion, TaskRequest
from vespera.testing.conformance.schedules import a_schedule

START = datetime(2030, 1, 1, tzinfo=UTC)
TERMS = {
    "name": "nightly",
    "cron": None,
    "every": None,
    "time_zone": "UTC",
    "catch_up": "one",
    "most_catch_up": 100,
    "overlap": "allow",
}


def hourly(**fields: object) -> TaskSchedule:
    return a_schedule(cron=None, every=3600.0, next_due=START, **fields)


def hours_made_up_for(schedule: TaskSchedule, **late: float) -> list[float]:
    """Which moments get a task, in hours after the first that is due."""
    after = beats_of(3600.0, START)
    moments = made_up_for(schedule, after, START + timedelta(**late))
    return [(moment - START) / timedelta(hours=1) for moment in moments]


def test_a_moment_that_has_just_come_gets_its_task_whatever_is_done_about_missed_ones():
    for catch_up in CatchUp:
        assert hours_made_up_for(hourly(catch_up=catch_up), seconds=2) == [0]


def test_one_makes_up_for_the_last_moment_that_was_missed():
    assert hours_made_up_for(hourly(), hours=7.5) == [7]
    assert hours_made_up_for(hourly(), days=3650) == [87_600]


def test_all_makes_up_for_each_of_them_but_not_for_more_than_the_most():
    every = hourly(catch_up=CatchUp.ALL, most_catch_up=4)

    assert hours_made_up_for(every, hours=2.5) == [0, 1, 2]
    assert hours_made_up_for(every, hours=9.5) == [6, 7, 8, 9]


def test_none_leaves_out_what_is_more_than_a_minute_late():
    none = hourly(catch_up=CatchUp.NONE)

    assert hours_made_up_for(none, hours=7.5) == []
    assert hours_made_up_for(none, hours=7, seconds=60) == [7]
    assert hours_made_up_for(none, hours=7, seconds=61) == []


def test_tasks_that_must_not_overlap_are_made_up_for_by_one():
    alone = hourly(catch_up=CatchUp.ALL, overlap=Overlap.SKIP)

    assert hours_made_up_for(alone, hours=7.5) == [7]


@given(
    every=st.sampled_from([1.0, 7.0, 3600.0, 86_400.0]),
    late=st.integers(0, 4_000_000),
    most=st.integers(1, 50),
)
def test_looking_back_finds_what_going_through_all_would(every, late, most):
    now = START + timedelta(seconds=late)
    after = beats_of(every, START)
    schedule = hourly(catch_up=CatchUp.ALL, most_catch_up=most)
    count = int(late // every) + 1

    found = made_up_for(schedule, after, now)

    numbers = range(max(count - most, 0), count)
    assert found == [START + timedelta(seconds=every) * number for number in numbers]


def test_beats_stay_on_their_grid():
    after = beats_of(90.0, START)

    found = list(islice(after(START + timedelta(seconds=100)), 2))
    assert found == [START + timedelta(seconds=180), START + timedelta(seconds=270)]
    assert next(after(START)) == START + timedelta(seconds=90)
    assert next(after(START - timedelta(seconds=1))) == START


def test_terms_are_read():
    terms = parse_terms({**TERMS, "cron": " 0  3 * * * ", "catch_up": "all", "overlap": "skip"})

    assert (terms.cron, terms.every) == ("0 3 * * *", None)
    assert (terms.catch_up, terms.overlap) == (CatchUp.ALL, Overlap.SKIP)
    assert parse_terms({**TERMS, "every": timedelta(minutes=5)}).every == 300


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "cron"),
        ({"cron": "* * * * *", "every": 5}, "cron"),
        ({"cron": 5}, "cron"),
        ({"every": 0.5}, "every"),
        ({"every": "often"}, "every"),
        ({"every": float("nan")}, "every"),
        ({"every": True}, "every"),
        ({"cron": "@daily", "name": " "}, "name"),
        ({"cron": "@daily", "name": None}, "name"),
        ({"cron": "@daily", "time_zone": None}, "time_zone"),
        ({"cron": "@daily", "catch_up": "some"}, "catch_up"),
        ({"cron": "@daily", "catch_up": None}, "catch_up"),
        ({"cron": "@daily", "overlap": True}, "overlap"),
        ({"cron": "@daily", "most_catch_up": 0}, "most_catch_up"),
        ({"cron": "@daily", "most_catch_up": 1.5}, "most_catch_up"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(wrong, field):
    with pytest.raises(InvalidRequest) as refusal:
        parse_terms({**TERMS, **wrong})

    assert refusal.value.field == field


def test_a_schedule_s_tasks_complete_by_themselves_unless_it_says_otherwise():
    assert parse_template({"title": "A"}, {}).completion is Completion.AUTO
    assert parse_template(TaskRequest(title="A"), {}).completion is Completion.AUTO
    manual = {"title": "A", "completion": "manual"}
    assert parse_template(manual, {}).completion is Completion.MANUAL
    assert parse_template({"title": "A"}, {"completion": "manual"}).completion == "manual"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", "t"),
        ("idempotency_key", "k"),
        ("run_after", START),
        ("depends_on", ["t"]),
        ("parent_id", "t"),
        ("payload", {"scheduled_at": 1}),
        ("titel", "A"),
    ],
)
def test_what_many_tasks_cannot_share_is_refused(field, value):
    with pytest.raises(InvalidRequest) as refusal:
        parse_template({"title": "A", field: value}, {})

    assert refusal.value.field == field


def test_each_moment_s_request_has_its_moment_and_a_key_of_its_own():
    given = {"title": "A", "payload": {"x": 1}, "priority": 3, "timeout": 5.0}
    template = template_values(parse_template(given, {}))

    request = request_at("nightly", template, START)

    assert request.payload == {"x": 1, "scheduled_at": START}
    assert request.idempotency_key == "schedule:nightly:2030-01-01T00:00:00+00:00"
    assert (request.title, request.priority, request.timeout) == ("A", 3, 5.0)
    assert request.completion is Completion.AUTO
    assert request_at("nightly", template, START, by_hand=True).idempotency_key is None
