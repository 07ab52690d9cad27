"""In which order tasks are created, and whether they can ever run."""

from itertools import pairwise

import pytest

from vespera.domain.errors import DependencyCycle, InvalidRequest
from vespera.domain.plan import in_order
from vespera.domain.task import TaskRequest


def a_request(task_id: str | None = None, *depends_on: str) -> TaskRequest:
    return TaskRequest(title="A", task_id=task_id, depends_on=depends_on)


def test_requests_without_ties_keep_their_order() -> None:
    assert in_order([a_request(), a_request("b"), a_request()]) == [0, 1, 2]


def test_a_task_comes_behind_what_it_waits_for() -> None:
    assert in_order([a_request("a", "b"), a_request("b", "c"), a_request("c")]) == [2, 1, 0]


def test_dependencies_outside_the_call_do_not_matter() -> None:
    assert in_order([a_request("a", "elsewhere")]) == [0]


def test_a_task_that_waits_for_itself_is_refused() -> None:
    with pytest.raises(DependencyCycle, match="a -> a"):
        in_order([a_request("a", "a")])


def test_a_cycle_is_shown_in_the_direction_of_waiting() -> None:
    with pytest.raises(DependencyCycle) as caught:
        in_order([a_request("a", "b"), a_request("b", "c"), a_request("c", "a")])

    path = caught.value.path
    assert path[0] == path[-1]
    waits = {"a": "b", "b": "c", "c": "a"}
    assert all(waits[one] == other for one, other in pairwise(path))


def test_an_id_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^task_id: 'a' is given twice$"):
        in_order([a_request("a"), a_request("b"), a_request("a")])


def test_the_same_request_object_twice_is_an_id_given_twice() -> None:
    twice = a_request("a")

    with pytest.raises(InvalidRequest, match="'a' is given twice"):
        in_order([twice, twice])


def test_an_id_given_twice_under_two_keys_is_refused() -> None:
    requests = [TaskRequest(title="A", task_id="a", idempotency_key=key) for key in ("k", "l")]

    with pytest.raises(InvalidRequest, match="'a' is given twice"):
        in_order(requests)


def test_an_id_given_twice_under_one_key_is_one_task() -> None:
    again = TaskRequest(title="A", task_id="a", idempotency_key="k")

    assert in_order([again, a_request("b", "a"), again]) == [0, 2, 1]
