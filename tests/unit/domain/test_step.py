"""A step's record."""

from datetime import UTC, datetime

from vespera.domain.ids import TaskId
from vespera.domain.step import StepRecord, wait_in_words


def a_record(value: bytes | None, error: bytes | None) -> StepRecord:
    return StepRecord(
        task_id=TaskId("t"),
        name="a",
        occurrence=1,
        seq=1,
        epoch=0,
        value=value,
        error=error,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def test_a_record_with_an_error_has_failed() -> None:
    assert a_record(None, b"{}").failed
    assert not a_record(b"1", None).failed


def test_a_wait_for_a_moment_tells_it_once() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    told = wait_in_words("until 2030-01-01 00:00:00 UTC", moment)
    assert told == "until 2030-01-01 00:00:00 UTC"
    assert wait_in_words("a", moment) == "a (until 2030-01-01 00:00:00+00:00)"
    assert wait_in_words("a", None) == "a"
