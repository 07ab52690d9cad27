"""Agents by name."""

import pytest

from vespera import CrewWork, DirectAdapter, RetryPolicy, StepFailed
from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import NEVER


async def agent(given):
    return given


@pytest.fixture
def adapter():
    return DirectAdapter()


def test_agents_keep_the_order_of_registration(adapter):
    for name in ("b", "a", "c"):
        adapter.register_agent(name, agent)

    assert [member.name for member in adapter.members] == ["b", "a", "c"]
    assert [each.member.name for each in adapter.agents] == ["b", "a", "c"]


def test_what_is_said_of_an_agent_is_kept(adapter):
    policy = RetryPolicy(max_attempts=2)

    adapter.register_agent(
        "a",
        agent,
        depends_on=["b", "c", "b"],
        optional=True,
        retry=policy,
        timeout=3,
        undo=print,
        brief=repr,
    )

    a = adapter["a"]
    assert (a.member.depends_on, a.member.optional) == (("b", "c"), True)
    assert (a.call, a.retry, a.timeout, a.undo, a.brief) == (agent, policy, 3, print, repr)


def test_by_default_it_is_needed_and_called_once(adapter):
    adapter.register_agent("a", agent)

    assert not adapter["a"].member.optional
    assert adapter["a"].retry is NEVER


def test_a_name_is_given_once(adapter):
    adapter.register_agent("a", agent)

    with pytest.raises(InvalidRequest, match="'a' is registered already"):
        adapter.register_agent("a", agent)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"retry": 3}, "retry: must be a RetryPolicy, not int"),
        ({"timeout": 0}, "timeout: must be above 0"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"undo": "it"}, "undo: must be a function, not str"),
        ({"brief": 3}, "brief: must be a function"),
        ({"depends_on": "b"}, "depends_on: must be a list"),
        ({"depends_on": 3}, "depends_on: must be a list"),
        ({"depends_on": [3]}, "depends_on"),
        ({"method": "run"}, "method: agent 'a'"),
    ],
)
def test_what_makes_no_sense_is_refused(adapter, wrong, field):
    with pytest.raises(InvalidRequest, match=field):
        adapter.register_agent("a", agent, **wrong)

    assert not adapter.agents


@pytest.mark.parametrize("name", ["", "  ", 3, None])
def test_a_name_is_text(adapter, name):
    with pytest.raises(InvalidRequest, match="name"):
        adapter.register_agent(name, agent)


@pytest.mark.parametrize("name", ["", 3])
def test_the_name_of_an_adapter_is_text(name):
    with pytest.raises(InvalidRequest, match="name"):
        DirectAdapter(name)


def test_a_brief_is_made_of_the_work(adapter):
    adapter.register_agent("a", agent, brief=lambda work: (work.task, work.values["b"]))

    assert adapter["a"].briefed(CrewWork(task=1, values={"b": 2}), "usual") == (1, 2)


def test_without_a_brief_it_is_told_the_usual(adapter):
    adapter.register_agent("a", agent)

    assert adapter["a"].briefed(CrewWork(task=1, values={}), "usual") == "usual"


def test_a_brief_that_raises_is_a_failure_of_its_agent(adapter):
    adapter.register_agent("a", agent, brief=lambda work: work.values["b"])

    with pytest.raises(StepFailed, match="KeyError: its brief could not be made: 'b'") as caught:
        adapter["a"].briefed(CrewWork(task=1, values={}), "usual")

    assert caught.value.error_types[0] == "KeyError"


@pytest.mark.parametrize("optional", ["no", None, 1])
def test_whether_it_is_optional_is_true_or_false(adapter, optional):
    with pytest.raises(InvalidRequest, match="optional: must be True or False"):
        adapter.register_agent("a", agent, optional=optional)
