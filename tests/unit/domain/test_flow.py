"""Why a task does not begin, in words, one reason at a time."""

from datetime import UTC, datetime

import pytest

from vespera.domain.flow import (
    ALL_TYPES,
    Gate,
    Limits,
    Rate,
    Traffic,
    closed_by,
    closed_for_all,
    task_paused,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

OF_KEY = "3 attempts at tasks of type 'a' with the key 'k' began just now (rate_per_key: 3 in 1 s)"


@pytest.mark.parametrize(
    ("limits", "traffic", "said"),
    [
        (
            Limits(max_concurrent=2),
            Traffic(running=2),
            "2 tasks of type 'a' are running (max_concurrent=2)",
        ),
        (
            Limits(rate=Rate(10, per=60)),
            Traffic(begun=10),
            "10 attempts at tasks of type 'a' began just now (rate: 10 in 60 s)",
        ),
        (
            Limits(max_concurrent_per_key=1),
            Traffic(running=5, running_of_key=1),
            "1 tasks of type 'a' with the key 'k' are running (max_concurrent_per_key=1)",
        ),
        (
            Limits(rate_per_key=Rate(3)),
            Traffic(begun=9, begun_of_key=3),
            OF_KEY,
        ),
    ],
)
def test_what_is_full_is_told_with_the_limit(limits: Limits, traffic: Traffic, said: str) -> None:
    assert closed_by(Gate(specialist_type="a", limits=limits), traffic, "k") == said


@pytest.mark.parametrize("key", [None, "k"])
def test_who_is_below_all_limits_may_begin(key: str | None) -> None:
    limits = Limits(
        max_concurrent=2,
        max_concurrent_per_key=1,
        rate=Rate(10),
        rate_per_key=Rate(3),
    )
    traffic = Traffic(running=1, running_of_key=0, begun=9, begun_of_key=2)

    assert closed_by(Gate(specialist_type="a", limits=limits), traffic, key) == ""


def test_without_a_key_no_limit_by_key_counts() -> None:
    gate = Gate(specialist_type="a", limits=Limits(max_concurrent_per_key=1, rate_per_key=Rate(1)))

    assert closed_by(gate, Traffic(running_of_key=7, begun_of_key=7), None) == ""


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (3, "3 tasks of all types are running (max_concurrent=3)"),
        (2, "3 tasks of all types are running (max_concurrent=2)"),
        (4, ""),
        (None, ""),
    ],
)
def test_all_types_are_told_together(most: int | None, said: str) -> None:
    gate = Gate(specialist_type=ALL_TYPES, limits=Limits(max_concurrent=most))

    assert closed_for_all(gate, Traffic(running_of_all=3, running=9)) == said


def test_a_pause_is_told_before_all_limits() -> None:
    gate = Gate(specialist_type="a", limits=Limits(max_concurrent=1), paused_at=NOON)

    assert closed_by(gate, Traffic(running=1), "k") == (
        "its type 'a' is paused since 2030-01-01 12:00:00+00:00; resume_type goes on"
    )
    assert "resume_task goes on" in task_paused(NOON)
