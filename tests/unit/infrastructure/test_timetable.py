"""Cron texts, in any time zone, through the days when clocks jump."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.timetable import CronTimetable

BERLIN = "Europe/Berlin"


def local(cron: str, begin: datetime, count: int, zone: str = BERLIN) -> list[str]:
    """The next moments, as clocks in the zone show them."""
    found = islice(CronTimetable().after(cron, zone, begin), count)
    return [f"{moment.astimezone(ZoneInfo(zone)):%d %H:%M%z}" for moment in found]


SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "begin", "shown"),
    [
        ("30 2 * * *", SPRING, ["29 03:00+0200", "30 02:30+0200"]),
        ("0,30 2 * * *", SPRING, ["29 03:00+0200", "30 02:00+0200", "30 02:30+0200"]),
        ("0 3 * * *", SPRING, ["29 03:00+0200", "30 03:00+0200"]),
        ("30 2 * * *", AUTUMN, ["25 02:30+0200", "26 02:30+0100"]),
        ("30 3 * * *", AUTUMN, ["25 03:30+0100", "26 03:30+0100"]),
    ],
)
def test_a_fixed_local_time_is_met_once_each_day(cron, begin, shown):
    assert local(cron, begin, len(shown)) == shown


def test_what_goes_on_through_all_hours_keeps_its_pace():
    begin = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)

    assert local("0 * * * *", begin, 4) == [
        "25 02:00+0200",
        "25 02:00+0100",
        "25 03:00+0100",
        "25 04:00+0100",
    ]


@pytest.mark.parametrize(
    ("nickname", "first"),
    [
        ("@hourly", datetime(2026, 3, 28, 13, tzinfo=UTC)),
        ("@daily", datetime(2026, 3, 29, tzinfo=UTC)),
        ("@Weekly", datetime(2026, 3, 29, tzinfo=UTC)),
        ("@monthly", datetime(2026, 4, 1, tzinfo=UTC)),
        ("@yearly", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_nicknames_are_understood(nickname, first):
    assert next(CronTimetable().after(nickname, "UTC", SPRING)) == first


def test_a_sixth_field_in_front_is_the_second():
    found = list(islice(CronTimetable().after("*/20 * * * * *", "UTC", SPRING), 3))

    assert [moment.second for moment in found] == [20, 40, 0]


def test_a_similar_time_zone_is_named():
    with pytest.raises(InvalidRequest, match="did you mean 'Europe/Berlin'"):
        CronTimetable().after("@daily", "Europe/Berln", SPRING)


@given(
    cron=st.sampled_from(
        ["30 2 * * *", "*/7 * * * *", "15 1,2,3 * * *", "0 */2 * * sun", "@daily"]
    ),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    minutes=st.integers(0, 365 * 24 * 60),
)
def test_whenever_one_begins_to_look_the_moments_are_the_same(cron, zone, minutes):
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    first, second, third = islice(CronTimetable().after(cron, zone, begin), 3)

    assert begin < first < second < third
    between = first + (second - first) / 2
    assert next(CronTimetable().after(cron, zone, first)) == second
    assert next(CronTimetable().after(cron, zone, between)) == second


@given(st.text("0123456789*/,-#L WMONsunJan@", max_size=30))
def test_any_other_text_is_refused_and_nothing_worse(cron):
    with suppress(InvalidRequest):
        found = list(islice(CronTimetable().after(cron, "UTC", SPRING), 2))

        assert all(moment > SPRING for moment in found)
