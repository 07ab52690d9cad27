"""What is called of an agent: said by its class, never asked of the agent."""

from functools import partial
from unittest.mock import AsyncMock, MagicMock, NonCallableMock, create_autospec

import pytest

from vespera.application.orchestrators.agent_methods import method_of
from vespera.domain.errors import InvalidRequest
from vespera.testing import mock_client


class Generator:
    async def generate_code(self, task):
        return f"code for {task}"

    def describe(self):
        return "writes code"

    async def close(self):
        raise NotImplementedError

    async def _think(self):
        raise NotImplementedError


class Specialist:
    async def execute(self, task):
        return task

    async def other(self, task):
        raise NotImplementedError


class Caller:
    def __call__(self, task):
        return task


class Plain:
    def review(self, code):
        return code


class Two:
    async def write(self, task): ...
    async def review(self, task): ...


class Nothing:
    size = 3


async def function(task):
    return task


@pytest.mark.parametrize(
    ("agent", "name"),
    [(Generator(), "generate_code"), (Specialist(), "execute"), (Plain(), "review")],
)
def test_the_class_says_it(agent, name):
    assert method_of("a", agent, None) == getattr(agent, name)


@pytest.mark.parametrize(
    "agent", [function, partial(function), Generator().generate_code, len, Caller()]
)
def test_a_function_is_called_itself(agent):
    assert method_of("a", agent, None) is agent


@pytest.mark.parametrize(
    "mock",
    [
        AsyncMock(spec=Generator),
        MagicMock(spec=Generator),
        AsyncMock(spec_set=Generator),
        AsyncMock(spec=Generator()),
        NonCallableMock(spec=Generator),
        create_autospec(Generator, instance=True),
        mock_client(Generator),
    ],
)
def test_a_mock_is_taken_for_what_it_stands_for(mock):
    """It can be called, passes for a coroutine function, and has whatever it is asked for."""
    assert method_of("a", mock, None) is mock.generate_code
    assert mock.mock_calls == []


def test_a_mock_that_stands_for_nothing_is_a_function():
    mock = AsyncMock(return_value=3)

    assert method_of("a", mock, None) is mock


class Streaming:
    async def stream(self, task):
        yield task


@pytest.mark.parametrize("method", [None, "stream"])
def test_what_yields_its_pieces_later_is_refused(method):
    for agent in (Streaming(), Streaming().stream):
        if method is None or agent.__class__ is Streaming:
            with pytest.raises(InvalidRequest, match="agent 'a' is an async generator"):
                method_of("a", agent, method)


def test_the_method_may_be_said():
    two, mock = Two(), mock_client(generate="code")

    assert method_of("a", two, "review") == two.review
    assert method_of("a", mock, "generate") is mock.generate


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (Two(), r"'a': Two has several methods \(review, write\).*method=\.\.\."),
        (Nothing(), "Nothing has no methods"),
        (None, "NoneType has no methods"),
        (Generator, "is the class Generator; register an object of it"),
        (mock_client(generate="code"), "several methods"),
    ],
)
def test_what_is_not_clear_is_refused(agent, told):
    with pytest.raises(InvalidRequest, match=told):
        method_of("a", agent, None)


@pytest.mark.parametrize("method", ["generate", "", 3])
def test_a_method_that_is_not_there_is_told_with_those_that_are(method):
    with pytest.raises(InvalidRequest, match=r"has no method .*it has: describe, generate_code"):
        method_of("a", Generator(), method)


def test_of_nothing_there_is_no_method():
    with pytest.raises(InvalidRequest, match="it has: none"):
        method_of("a", Nothing(), "size")
