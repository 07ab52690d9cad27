"""Searches are checked, and cursors come back as the places they were made of."""

from datetime import UTC, datetime

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import TaskId
from vespera.domain.search import TaskSearch, cursor_of, parse_search
from vespera.domain.task import Task, TaskStatus

MOMENT = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def test_nothing_given_means_the_newest_hundred():
    assert parse_search({}) == TaskSearch()


@pytest.mark.parametrize("given", ["failed", TaskStatus.FAILED, ["failed"], {"failed"}])
def test_a_status_may_be_one_or_several(given):
    assert parse_search({"status": given}).statuses == {TaskStatus.FAILED}


@pytest.mark.parametrize("task_id", ["a", "a~b", "~", "7~7"])
def test_a_cursor_is_read_as_the_place_of_its_task(task_id):
    task = Task(
        id=TaskId(task_id),
        title="a task",
        description="",
        specialist_type="generic",
        payload=b"{}",
        created_at=MOMENT,
        updated_at=MOMENT,
    )

    assert parse_search({"after": cursor_of(task)}).after == (MOMENT, task_id)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"statsu": "failed"}, "statsu: unknown field; did you mean 'status'?"),
        ({"statuses": ["failed"]}, "statuses: unknown field; did you mean 'status'?"),
        ({"status": "done"}, "status: must be one or several of pending"),
        ({"status": []}, "status: must not be empty"),
        ({"status": 7}, "status: must be one or several of"),
        ({"specialist_type": ""}, "specialist_type: must not be empty"),
        ({"created_after": datetime(2030, 1, 1)}, "created_after: must be a datetime with a"),  # noqa: DTZ001
        ({"updated_before": "now"}, "updated_before: must be a datetime"),
        ({"order": "latest"}, "order: must be 'newest' or 'oldest', not 'latest'"),
        ({"limit": 0}, "limit: must be a whole number from 1"),
        ({"after": "t1"}, "after: 't1' is not the `next` of a page"),
        ({"after": "9" * 18 + "~a"}, "after: "),
        ({"after": 7}, "after: must be text"),
    ],
)
def test_what_makes_no_sense_is_named(given, told):
    with pytest.raises(InvalidRequest) as refused:
        parse_search(given)

    assert str(refused.value).startswith(told)
