"""Plans of crews, and what came of them."""

import pytest

from vespera.domain.agents import (
    AgentStatus,
    CrewMember,
    CrewPlan,
    CrewResult,
    Siblings,
    at_a_time,
    by_dependencies,
    ended,
    in_a_row,
    siblings_of,
    side_by_side,
)
from vespera.domain.errors import DependencyCycle, InvalidRequest

A, B, C = (CrewMember(name=name) for name in "abc")
DONE, FAILED, SKIPPED = AgentStatus.DONE, AgentStatus.FAILED, AgentStatus.SKIPPED


def member(name: str, *depends_on: str, optional: bool = False) -> CrewMember:
    return CrewMember(name=name, depends_on=depends_on, optional=optional)


def dag(*members: CrewMember) -> CrewPlan:
    return by_dependencies(members, max_concurrent=None, siblings="keep")


def test_in_a_row_each_waits_for_the_one_before():
    plan = in_a_row([A, B, C])

    assert plan.graph == {"a": (), "b": ("a",), "c": ("b",)}
    assert plan.max_concurrent == 1


def test_side_by_side_nobody_waits():
    plan = side_by_side([A, B], max_concurrent=3, siblings="cancel")

    assert plan.graph == {"a": (), "b": ()}
    assert (plan.max_concurrent, plan.siblings) == (3, Siblings.CANCEL)


@pytest.mark.parametrize(
    "plan",
    [
        in_a_row,
        lambda members: side_by_side(members, max_concurrent=None, siblings="keep"),
        lambda members: dag(*members),
    ],
)
def test_a_crew_of_nobody_is_refused(plan):
    with pytest.raises(InvalidRequest, match="register_agent"):
        plan([])


def test_dependencies_are_refused_where_nobody_would_heed_them():
    with pytest.raises(InvalidRequest, match=r"'b' waits for 'a'.*DagOrchestrator"):
        in_a_row([A, member("b", "a")])
    with pytest.raises(InvalidRequest, match="ParallelOrchestrator"):
        side_by_side([A, member("b", "a")], max_concurrent=None, siblings="keep")


def test_a_cycle_is_told_along_its_way():
    with pytest.raises(DependencyCycle, match="the agents wait for each other") as caught:
        dag(member("a", "c"), member("b", "a"), member("c", "b"))

    path = caught.value.path
    assert path[0] == path[-1]
    assert {*path} == {"a", "b", "c"}


def test_one_that_waits_for_itself_is_a_cycle():
    with pytest.raises(DependencyCycle):
        dag(member("a", "a"))


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(InvalidRequest, match=r"'b' waits for 'x', which is not .*'a', 'b'"):
        dag(A, member("b", "x"))


@pytest.mark.parametrize("bad", [0, -1, 1.5, "3", True])
def test_a_bound_is_a_whole_number_from_one(bad):
    with pytest.raises(InvalidRequest, match="max_concurrent"):
        at_a_time(bad)


@pytest.mark.parametrize("bad", ["drop", None, 3])
def test_siblings_are_kept_or_cancelled(bad):
    with pytest.raises(InvalidRequest, match="'keep' or 'cancel'"):
        siblings_of(bad)


class TestWhatAnAgentIsTold:
    def test_the_task_at_the_beginning(self):
        assert in_a_row([A]).told_to(A, "task", {}) == "task"
        assert dag(A).told_to(A, "task", {}) == "task"

    def test_in_a_row_what_the_one_before_gave(self):
        plan = in_a_row([A, B, C])
        outcomes = {"a": ended(A, DONE, value=1), "b": ended(B, DONE, value=None)}

        assert plan.told_to(C, "task", outcomes) is None

    def test_in_a_row_one_that_failed_passes_on_what_it_was_given(self):
        plan = in_a_row([A, B, C])
        outcomes = {"a": ended(A, DONE, value=1), "b": ended(B, FAILED, "down")}

        assert plan.told_to(C, "task", outcomes) == 1

    def test_what_its_one_dependency_gave(self):
        b = member("b", "a")

        assert dag(A, b).told_to(b, "task", {"a": ended(A, DONE, value=1)}) == 1

    def test_a_mapping_of_what_its_dependencies_gave(self):
        c = member("c", "b", "a")
        outcomes = {"a": ended(A, DONE, value=1), "b": ended(B, FAILED, "down")}

        assert dag(A, B, c).told_to(c, "task", outcomes) == {"b": None, "a": 1}

    def test_a_brief_knows_all_before_it_in_a_row(self):
        plan = in_a_row([A, B, C])
        outcomes = {"a": ended(A, DONE, value=1), "b": ended(B, FAILED, "down")}

        work = plan.known_to(C, "task", outcomes)

        assert (work.task, work.values) == ("task", {"a": 1, "b": None})

    def test_a_brief_knows_only_those_that_it_waits_for(self):
        """What others gave in the meantime would depend on who was faster."""
        b = member("b", "a")
        outcomes = {"a": ended(A, DONE, value=1), "c": ended(C, DONE, value=3)}

        assert dag(A, b, C).known_to(b, "task", outcomes).values == {"a": 1}


class TestTheNameOfATypeOfCrews:
    def test_tells_who_is_in_it(self):
        assert in_a_row([A, B]).type_name == "sequential: a, b"

    def test_differs_by_the_order(self):
        assert in_a_row([A, B]).type_name != in_a_row([B, A]).type_name

    def test_stays_short_and_its_own(self):
        many = [CrewMember(name=f"agent {n}") for n in range(1000)]
        long, longer = in_a_row(many).type_name, in_a_row([*many, A]).type_name

        assert len(long) <= 100
        assert long.startswith("sequential: agent 0, agent 1")
        assert long != longer


class TestResult:
    def test_all_done(self):
        result = in_a_row([A, B]).result(
            {"a": ended(A, DONE, value=1), "b": ended(B, DONE, value=2)}
        )

        assert result.success
        assert (result.steps_completed, result.value, result.error) == (2, 2, None)
        assert result.values == {"a": 1, "b": 2}
        assert result.errors == {}
        assert result["a"].success
        assert str(result) == "2 of 2 agents are done"

    def test_the_error_names_those_that_raised_and_not_those_that_came_behind(self):
        result = in_a_row([A, B]).result({"a": ended(A, FAILED, "OSError: down")})

        assert not result.success
        assert result.error == "a: OSError: down"
        assert result["b"].status == "skipped"
        assert result.errors["b"] == "it was not begun, as another one had failed"
        assert str(result) == "0 of 2 agents are done; a: OSError: down"

    def test_an_optional_one_may_fail(self):
        may = member("may", optional=True)
        result = CrewPlan(kind="parallel", members=[A, may]).result(
            {"a": ended(A, DONE, value=1), "may": ended(may, FAILED, "OSError: down")}
        )

        assert result.success
        assert result.error is None
        assert result.values == {"a": 1, "may": None}
        assert result.errors == {"may": "OSError: down"}

    def test_many_errors_are_told_in_short(self):
        many = [CrewMember(name=f"a{n}") for n in range(7)]
        failed = {each.name: ended(each, FAILED, "down") for each in many}

        error = CrewPlan(kind="parallel", members=many).result(failed).error

        assert error is not None
        assert error.startswith("a0: down; a1: down;")
        assert error.endswith("; and 2 more")

    def test_those_that_were_cut_off_are_told_where_nobody_failed(self):
        result = in_a_row([A]).result({})

        assert result.error == "a: it was not begun, as another one had failed"

    def test_nobody_has_this_name(self):
        with pytest.raises(KeyError):
            CrewResult(success=True)["a"]

    def test_nobody_gave_anything(self):
        assert CrewResult(success=False).value is None
