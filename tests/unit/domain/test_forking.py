"""Which records a fork begins with."""

from typing import Any

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.forking import copied, fork_of, parse_point
from vespera.domain.ids import TaskId
from vespera.domain.step import StepKey, StepRecord
from vespera.domain.task import Completion
from vespera.testing.conformance.samples import LATER, NOW, a_step, a_task

FORK = TaskId("f")


def steps(*names: str, **fields: Any) -> list[StepRecord]:
    counts: dict[str, int] = {}
    records = []
    for seq, name in enumerate(names, 1):
        counts[name] = counts.get(name, 0) + 1
        records.append(a_step(name=name, occurrence=counts[name], seq=seq, **fields))
    return records


def copies(records: list[StepRecord], point: StepKey | None) -> list[StepRecord]:
    return copied(a_task(), records, point, a_task("f"), undone=b"undone")


def names(records: list[StepRecord]) -> list[str]:
    return [record.name for record in records]


def test_what_comes_before_the_point_is_copied() -> None:
    found = copies(steps("a", "b", "c"), ("c", 1))

    assert names(found) == ["a", "b"]
    assert {record.task_id for record in found} == {FORK}
    assert all(record.recorded_at < NOW for record in found)


def test_the_occurrence_decides() -> None:
    assert names(copies(steps("a", "b", "a", "c"), ("a", 2))) == ["a", "b"]


def test_nothing_is_copied_from_the_beginning() -> None:
    assert copies(steps("a", "b"), None) == []


def test_a_failure_of_the_last_epoch_is_met_again_and_one_before_is_not() -> None:
    old = a_step(name="old", seq=1, value=None, error=b"e", epoch=1)
    new = a_step(name="new", seq=2, value=None, error=b"e", epoch=3)

    assert [r.epoch for r in copies([old, new, *steps("a", "b", "c")[2:]], ("c", 1))] == [-2, 0]


def test_an_open_wait_is_not_copied() -> None:
    wait = a_step(name="signal:go", seq=1, value=None, awaits="go")

    assert names(copies([wait, *steps("x", "a", "b")[1:]], ("b", 1))) == ["a"]


def test_what_was_undone_runs_anew() -> None:
    records = steps("a", "b", "undo:", "undo:a")
    (undone,) = copies(records, ("b", 1))

    assert (undone.value, undone.error, undone.epoch) == (None, b"undone", -1)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (["spawn:x", "result:x", "end"], ["spawn:x", "result:x"]),
        (["spawn:x", "a", "end", "result:x"], ["a"]),
        (["spawn:x", "spawn:x", "result:x", "end"], []),
        (["spawn:x", "spawn:y", "result:y", "end"], ["spawn:y", "result:y"]),
    ],
)
def test_children_that_were_not_heard_of_are_not_copied(
    recorded: list[str], expected: list[str]
) -> None:
    assert names(copies(steps(*recorded), ("end", 1))) == expected


def test_an_unknown_step_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest) as refused:
        copies(steps("a", "b", "a"), ("c", 1))

    told = "from_step: no step 'c' is recorded; recorded are 'a', 'b', ('a', 2)"
    assert str(refused.value) == told


def test_an_unknown_occurrence_is_told() -> None:
    with pytest.raises(InvalidRequest, match=r"no step 'a' \(occurrence 3\) is recorded"):
        copies(steps("a", "a"), ("a", 3))


def test_many_steps_are_told_in_part() -> None:
    with pytest.raises(InvalidRequest, match="and 5 more"):
        copies(steps(*map(str, range(25))), ("c", 1))


def test_where_nothing_is_recorded_that_is_told() -> None:
    with pytest.raises(InvalidRequest, match="none is recorded"):
        copies([], ("c", 1))


def test_a_task_cannot_be_forked_from_its_undoing() -> None:
    with pytest.raises(InvalidRequest, match=r"recorded are 'a'$"):
        copies(steps("a", "undo:", "undo:a"), ("undo:a", 1))


@pytest.mark.parametrize(
    ("given", "point"), [(None, None), ("a", ("a", 1)), (("a", 2), ("a", 2)), (["a", 2], ("a", 2))]
)
def test_a_point_is_a_name_or_a_name_and_an_occurrence(given: object, point: object) -> None:
    assert parse_point(given) == point


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (7, "from_step"),
        ("", "from_step"),
        (("a",), "from_step"),
        (("a", 0), "from_step[1]"),
        (("a", "b"), "from_step[1]"),
        ((7, 1), "from_step[0]"),
    ],
)
def test_anything_else_is_refused(given: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_point(given)

    assert refused.value.field == field


def test_a_fork_has_the_request_of_the_other_and_nothing_of_its_life() -> None:
    task = a_task(
        title="T",
        completion=Completion.AUTO,
        priority=3,
        idempotency_key="k",
        parent_id=TaskId("p"),
        attempt=3,
        concurrency_key="c",
    )
    fork = fork_of(task, FORK, b"new", LATER)

    assert fork == a_task(
        "f",
        title="T",
        completion=Completion.AUTO,
        priority=3,
        concurrency_key="c",
        payload=b"new",
        created_at=LATER,
        updated_at=LATER,
        forked_from=task.id,
    )
    assert task.created_at == NOW
