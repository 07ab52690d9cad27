"""What is kept of an error."""

from vespera.application.runtime.failures import LONGEST_MESSAGE, failure_of, in_words, message_of
from vespera.domain.errors import StepFailed


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_a_group_s_message_tells_of_its_members() -> None:
    inner = ExceptionGroup("inside", [TimeoutError("late")])
    group = ExceptionGroup("in a TaskGroup", [ValueError("no date"), Unspeakable(), inner])

    assert message_of(group) == (
        "in a TaskGroup (3 sub-exceptions): ValueError: no date; Unspeakable: (its text cannot be"
        " told: ZeroDivisionError); ExceptionGroup: inside (1 sub-exception): TimeoutError: late"
    )
    assert failure_of(group).message == message_of(group)


def test_a_group_without_end_is_cut() -> None:
    group = ExceptionGroup("many", [ValueError("x" * 100) for _ in range(1_000)])
    deep: Exception = ValueError("bottom")
    for _ in range(10_000):
        deep = ExceptionGroup("down", [deep])

    assert len(message_of(group)) == LONGEST_MESSAGE
    assert message_of(deep).startswith("down (1 sub-exception): ")


def test_an_error_without_a_message_is_told_by_its_class_alone() -> None:
    assert in_words(TimeoutError()) == "TimeoutError"
    assert in_words(ValueError("no date")) == "ValueError: no date"
    assert str(failure_of(TimeoutError())) == "TimeoutError"
    assert str(StepFailed("ask", "", ("TimeoutError",))) == "Step 'ask' failed: TimeoutError"
