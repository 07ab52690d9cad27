"""What an object has to have so that it can stand in the place of a part."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Generic, Protocol, TypeVar
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from vespera.domain.errors import OverrideRefused
from vespera.infrastructure.di.base import BaseContainer, Provider, providers
from vespera.infrastructure.di.fitting import misfits

T = TypeVar("T")


class Agency(Protocol):
    name: str

    async def latest(self, topic: str, *, limit: int = 10) -> str: ...
    def close(self) -> None: ...


class PaperAgency:
    name = "paper"

    async def latest(self, topic: str, *, limit: int = 10) -> str:
        return topic

    def close(self) -> None: ...


class Unrelated:
    async def call(self) -> None: ...


class Solitary:
    def live(self) -> None: ...


def without(method: str) -> object:
    names = {"name", "latest", "close"} - {method}
    return type("Lacking", (), {name: vars(PaperAgency)[name] for name in names})()


def with_latest(latest: object) -> object:
    return SimpleNamespace(name="fake", latest=latest, close=lambda: None)


# ------------------------------------------------------------------------------------- what fits


@pytest.mark.parametrize(
    "value",
    [
        PaperAgency(),
        AsyncMock(spec=Agency),
        Mock(spec=Agency),
        MagicMock(spec=PaperAgency),
        create_autospec(Agency, instance=True),
        Mock(wraps=PaperAgency()),
        Mock(latest=AsyncMock(), close=Mock()),
        type("Deeper", (PaperAgency,), {})(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_the_methods_of_a_port_fits(value: object):
    assert misfits(value, Agency) == []


async def plain(topic, limit=10): ...
async def open_ended(*args, **kwargs): ...


def awaitable(topic: str, *, limit: int = 1) -> Awaitable[str]: ...


@functools.wraps(PaperAgency.latest)
def decorated(*args, **kwargs): ...


class Function:
    async def __call__(self, topic, *, limit=10): ...


@pytest.mark.parametrize(
    "latest",
    [plain, open_ended, awaitable, Function(), functools.partial(open_ended, 1), AsyncMock()],
    ids=["plain", "open-ended", "awaitable", "object", "partial", "mock"],
)
def test_whatever_can_be_awaited_and_called_in_the_same_way_is_such_a_method(latest: object):
    assert misfits(with_latest(latest), Agency) == []


def test_a_wrapper_that_keeps_the_name_of_an_async_function_is_async():
    class Wrapping(PaperAgency):
        latest = decorated

    assert misfits(Wrapping(), Agency) == []


def test_what_answers_for_another_by_getattr_fits():
    class Delegating:
        def __getattr__(self, name: str) -> object:
            return getattr(PaperAgency(), name)

    assert misfits(Delegating(), Agency) == []


def test_properties_and_what_is_found_out_late_are_not_asked_for():
    class Lazy(PaperAgency):
        @property
        def name(self) -> str:
            raise AssertionError("asked")

        @functools.cached_property
        def close(self) -> Callable[[], None]:
            raise AssertionError("asked")

    assert misfits(Lazy(), Agency) == []


def test_a_class_that_names_the_port_as_its_base_fits_whatever_it_does():
    class Partial(Agency):
        pass

    assert misfits(Partial(), Agency) == []


class Stream(Protocol):
    def read(self) -> AsyncIterator[str]: ...
    def send(self) -> Awaitable[None]: ...
    def anything(self) -> Any: ...
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield


class FakeStream:
    async def read(self):
        yield "a"

    async def send(self): ...
    async def anything(self): ...

    @asynccontextmanager
    async def opened(self):
        yield


@pytest.mark.parametrize("value", [FakeStream(), AsyncMock(spec=Stream)], ids=["fake", "mock"])
def test_a_generator_stands_for_a_stream_and_an_async_function_for_what_is_awaited(value: object):
    assert misfits(value, Stream) == []


def test_a_function_fits_a_port_that_is_called():
    class Sum(Protocol):
        async def __call__(self, a: int, b: int) -> int: ...

    async def add(a, b): ...

    assert misfits(add, Sum) == []
    assert misfits(AsyncMock(), Sum) == []
    assert misfits(PaperAgency(), Sum) == ["__call__ is missing"]
    assert misfits(AsyncMock(spec=add), Sum) == []
    assert misfits(create_autospec(add), Sum) == []
    assert "has to be async" in misfits(lambda a, b: a, Sum)[0]
    assert "missing a required argument: 'c'" in misfits(plain_of_three, Sum)[0]


async def plain_of_three(a, b, c): ...


# ------------------------------------------------------------------------------------ what does not


def test_everything_that_is_missing_is_told():
    assert misfits(object(), Agency) == [
        "name is missing",
        "latest is missing",
        "close is missing",
    ]
    assert misfits(without("close"), Agency) == ["close is missing"]
    assert misfits(without("name"), Agency) == ["name is missing"]


def test_a_mock_without_a_spec_has_what_was_given_to_it_and_nothing_else():
    mock = AsyncMock()
    assert misfits(mock, Agency) == ["latest is missing", "close is missing"]

    mock.latest.return_value = "news"
    assert misfits(mock, Agency) == ["close is missing"]
    mock.close = Mock()
    assert misfits(mock, Agency) == []


def test_looking_at_a_mock_leaves_no_trace():
    mock = Mock(spec=Agency)

    misfits(mock, Agency)

    assert mock.mock_calls == []


def test_a_mock_with_the_spec_of_another_lacks_everything():
    assert misfits(AsyncMock(spec=Unrelated), Agency) == ["latest is missing", "close is missing"]


def test_a_child_of_a_mock_that_was_replaced_is_looked_at():
    mock = AsyncMock(spec=Agency)
    mock.latest = Mock()
    mock.close = AsyncMock()

    assert misfits(mock, Agency) == [
        "latest has to be async, and is not",
        "close is async, and must not be",
    ]


@pytest.mark.parametrize(
    ("latest", "problem"),
    [
        (lambda topic, *, limit=10: "news", "latest has to be async, and is not"),
        ("news", "latest is not callable"),
        (Mock(), "latest has to be async, and is not"),
    ],
    ids=["sync", "text", "mock"],
)
def test_what_cannot_be_awaited_does_not_fit(latest: object, problem: str):
    assert misfits(with_latest(latest), Agency) == [problem]


async def nothing(): ...
async def no_limit(topic): ...
async def needs_more(topic, edition, *, limit=10): ...
async def needs_limit(topic, *, limit): ...
async def names_more(topic, *, limit=10, edition): ...


@pytest.mark.parametrize(
    ("latest", "why"),
    [
        (nothing, "too many positional arguments"),
        (no_limit, "got an unexpected keyword argument 'limit'"),
        (needs_more, "missing a required argument: 'edition'"),
        (needs_limit, "missing a required .*argument: 'limit'"),
        (names_more, "missing a required .*argument: 'edition'"),
    ],
)
def test_a_method_that_is_called_in_another_way_is_told_with_its_signature(latest: Any, why: str):
    (problem,) = misfits(with_latest(latest), Agency)

    assert problem.startswith("latest cannot be called as latest(topic: str, *, limit: int = 10)")
    assert pytest.raises(AssertionError, match=why).matches(AssertionError(problem))


def test_a_parameter_may_have_another_name_where_it_is_given_by_its_place():
    async def latest(_topic, *, limit=10): ...

    assert misfits(with_latest(latest), Agency) == []


def test_a_class_is_looked_at_as_what_its_objects_will_be():
    class NoClose:
        async def latest(self, topic, *, limit=10): ...

    assert misfits(PaperAgency, Agency) == []
    assert misfits(NoClose, Agency) == ["close is missing"]


def test_static_and_class_methods_are_methods():
    class Port(Protocol):
        @staticmethod
        def one(a: int) -> int: ...
        @classmethod
        def two(cls, a: int) -> int: ...

    class Fits:
        def one(self, a): ...
        @staticmethod
        def two(a): ...

    class DoesNot:
        def one(self): ...
        @classmethod
        def two(cls): ...

    assert misfits(Fits(), Port) == []
    assert [problem.split()[0] for problem in misfits(DoesNot(), Port)] == ["one", "two"]


def test_what_has_no_readable_signature_is_taken_as_it_is():
    class Port(Protocol):
        def update(self, other: object) -> None: ...

    class Odd:
        __signature__ = "no signature"

        def __call__(self) -> None: ...

    assert misfits({}, Port) == []
    assert misfits(SimpleNamespace(update=Odd()), Port) == []


# -------------------------------------------------------------------------------- in a container


class Repository(Generic[T]):
    async def all(self) -> list[T]: ...


class House(BaseContainer):
    agency: Provider[Agency] = providers.Singleton(PaperAgency)
    things: Provider[Repository[int]] = providers.Singleton(Repository)
    call: Provider[Callable[..., int]] = providers.Object(int)
    other = providers.Singleton(Unrelated)
    solitary = providers.Singleton(Solitary)
    group = providers.Aggregate(one=providers.Factory(Unrelated))


def test_the_error_names_the_part_its_port_and_every_problem():
    with pytest.raises(OverrideRefused) as caught:
        House().override("agency", without("close"))

    assert str(caught.value).startswith("agency cannot be overridden: Lacking is no Agency:")
    assert "\n  close is missing\n" in str(caught.value)
    assert "container.mock(Agency)" in str(caught.value)
    assert caught.value.problems == ("close is missing",)


@pytest.mark.parametrize("key", ["agency", Agency, PaperAgency])
def test_a_mock_without_a_spec_is_refused_for_a_port_and_told_so(key: Any):
    container = House()

    with pytest.raises(OverrideRefused, match="AsyncMock without a spec is no Agency"):
        container.override(key, AsyncMock())
    assert isinstance(container.get(Agency), PaperAgency)


def test_what_python_itself_defines_is_no_port():
    container = House()

    container.override("call", lambda needed: needed)

    assert container.get("call")(1) == 1


def test_the_port_of_a_generic_type_is_known_without_its_parameters():
    with pytest.raises(OverrideRefused, match="all is missing"):
        House().override(Repository[int], AsyncMock())


def test_a_part_without_a_port_is_bound_by_the_type_that_it_is_asked_by():
    container = House()

    with pytest.raises(OverrideRefused, match=r"object is no Solitary:\n  live is missing"):
        container.override(Solitary, object())


def test_a_part_that_is_overridden_by_its_name_and_has_no_port_takes_anything():
    container = House()

    container.override("other", AsyncMock())
    container.override("group.one", "anything")

    assert container.get("group.one") == "anything"


def test_but_not_a_mock_that_says_it_is_something_else():
    with pytest.raises(OverrideRefused, match=r"AsyncMock is no Unrelated:\n  call is missing"):
        House().override("other", AsyncMock(spec=Agency))


@pytest.mark.parametrize(
    "provider",
    [
        providers.Object(PaperAgency()),
        providers.Factory(PaperAgency),
        providers.Singleton(PaperAgency),
        providers.Factory(lambda: "who knows"),
        providers.Callable(PaperAgency),
    ],
)
def test_a_provider_is_judged_by_what_it_will_give_as_far_as_that_is_known(provider: Any):
    House().override(Agency, provider)


@pytest.mark.parametrize(
    "provider",
    [providers.Object("text"), providers.Factory(Unrelated), providers.Object(lambda: 1)],
)
def test_a_provider_of_something_else_is_refused(provider: Any):
    with pytest.raises(OverrideRefused, match="latest is missing"):
        House().override(Agency, provider)


def test_the_check_can_be_left_out():
    container = House()

    with container.override(Agency, "anything", check=False):
        assert container.get(Agency) == "anything"
