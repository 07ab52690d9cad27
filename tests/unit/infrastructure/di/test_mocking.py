"""A mock in the place of a part, in one line."""

from typing import Any, Protocol, Self
from unittest.mock import AsyncMock

import pytest

from vespera.domain.errors import AmbiguousPart, OverrideRefused, UnknownPart
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers


class Agency(Protocol):
    name: str

    async def latest(self, topic: str) -> str: ...
    def close(self) -> None: ...


class PaperAgency:
    name = "paper"

    async def latest(self, topic: str) -> str:
        return topic

    def close(self) -> None: ...


class Reporter:
    def __init__(self, agency: Agency) -> None:
        self.agency = agency

    async def execute(self, topic: str) -> str:
        return await self.agency.latest(topic)


class Sum(Protocol):
    async def __call__(self, a: int, b: int) -> int: ...


class Session(Protocol):
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
    async def send(self, text: str) -> None: ...


async def add(a: int, b: int) -> int:
    return a + b


class House(BaseContainer):
    agency: Provider[Agency] = providers.Singleton(PaperAgency)
    reporter = providers.Singleton(Reporter, agency)
    sum: Provider[Sum] = providers.Object(add)
    session: Provider[Session] = providers.Factory(lambda: None)
    untold = providers.Factory(lambda: None)
    runner = Service(Reporter, agency)
    specialists = providers.Aggregate(coder=providers.Factory(Reporter, agency))


async def test_a_mock_is_made_put_there_and_given():
    container = House()

    agency = container.mock(Agency)
    agency.latest.return_value = "a ship came in"

    assert container.get(Agency) is agency
    assert await container.get("reporter").execute("harbour") == "a ship came in"
    agency.latest.assert_awaited_once_with("harbour")


async def test_its_methods_are_async_where_they_are_and_have_their_signatures():
    agency = House().mock(Agency)

    assert agency.close() is not None
    with pytest.raises(TypeError, match="missing a required argument: 'topic'"):
        agency.latest()
    with pytest.raises(AttributeError, match="newest"):
        agency.newest("harbour")


def test_what_a_protocol_only_annotates_is_there_and_can_be_set():
    agency = House().mock(Agency)

    assert agency.name
    agency.name = "wire"
    assert agency.name == "wire"


def test_a_part_is_mocked_by_its_name():
    container = House()

    agency, coder = container.mock("agency"), container.mock("specialists.coder")

    assert container.get(Agency) is agency
    assert container.get("specialists.coder") is coder
    assert isinstance(coder, Reporter)


def test_asked_for_by_its_class_a_part_gets_a_mock_of_that_class():
    assert isinstance(House().mock(PaperAgency), PaperAgency)


async def test_a_port_that_is_called_gets_a_mock_that_is_called():
    total = House().mock(Sum)
    total.return_value = 5

    assert await total(2, 3) == 5
    total.assert_awaited_once_with(2, 3)


async def test_with_and_async_with_undo_it_at_their_end():
    container = House()

    with container.mock(Agency) as agency:
        assert container.get(Agency) is agency
    assert isinstance(container.get(Agency), PaperAgency)

    async with container.mock("agency") as agency:
        assert container.get("reporter").agency is agency
    assert isinstance(container.get("reporter").agency, PaperAgency)


async def test_without_with_it_holds_until_cleanup():
    container = House()
    agency = container.mock(Agency)

    async with container:
        assert container.get(Agency) is agency
    assert isinstance(container.get(Agency), PaperAgency)


async def test_two_mocks_of_one_port_are_undone_one_at_a_time():
    container = House()
    with container.mock(Agency) as outer:
        with container.mock(Agency) as inner:
            assert container.get(Agency) is inner
        assert container.get(Agency) is outer


async def test_a_port_that_is_a_context_manager_is_entered_as_a_part():
    container = House()
    session = container.mock(Session)

    async with session as entered:
        assert entered is not session
    session.__aexit__.assert_awaited_once()
    assert container.get(Session) is session

    await container.cleanup_async_services()
    assert container.get(Session) is None


@pytest.mark.parametrize(
    ("key", "error", "reason"),
    [
        ("agenzy", UnknownPart, "Did you mean 'agency'"),
        (Reporter, AmbiguousPart, "reporter and"),
        (
            "untold",
            OverrideRefused,
            "untold cannot be overridden: nothing says of which type it is",
        ),
        ("specialists", OverrideRefused, "it is a group"),
        ("config", OverrideRefused, "settings are given when"),
    ],
)
def test_what_cannot_be_mocked_is_refused(key: Any, error: type[Exception], reason: str):
    with pytest.raises(error, match=reason):
        House().mock(key)


async def test_a_part_that_a_running_service_holds_is_not_mocked():
    async with House() as container:
        with pytest.raises(OverrideRefused, match="runner runs with it"):
            container.mock(Agency)
        async with container.override(Agency, AsyncMock(spec=Agency), restart=True) as agency:
            assert container.get("runner").agency is agency


def test_two_containers_are_mocked_apart():
    one, two = House(), House()

    one.mock(Agency)

    assert isinstance(two.get(Agency), PaperAgency)
