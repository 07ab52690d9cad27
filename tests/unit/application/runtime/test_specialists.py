"""Who can do which kind of task."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial, wraps
from unittest.mock import AsyncMock, MagicMock, NonCallableMock, create_autospec

import pytest

from vespera import TaskContext, versioned
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest, SpecialistError


class Coder:
    async def execute(self, task: TaskContext) -> str:
        return task.title


async def write(task: TaskContext) -> str:
    return task.title


async def greet(greeting: str, task: TaskContext) -> str:
    return f"{greeting}, {task.title}"


class Caller:
    async def __call__(self, task: TaskContext) -> str:
        return f"called for {task.title}"


class CallableCoder(Coder):
    def __call__(self, task: TaskContext) -> str:
        raise AssertionError


class Proxy:
    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture
def registry() -> Specialists:
    def broken() -> object:
        raise KeyError("api_key")

    return Specialists(
        catalogue=lambda: {
            "coder": Coder,
            "writer": lambda: write,
            "class": lambda: Coder,
            "broken": broken,
        }
    )


async def test_an_object_with_execute_and_a_function_both_do(registry: Specialists) -> None:
    task = AsyncMock(title="A")

    assert await registry.handler("coder")(task) == "A"
    assert await registry.handler("writer")(task) == "A"


def test_a_class_in_the_place_of_an_object_is_refused(registry: Specialists) -> None:
    with pytest.raises(SpecialistError, match="'class'"):
        registry.handler("class")


def test_one_that_cannot_be_built_says_why(registry: Specialists) -> None:
    with pytest.raises(SpecialistError, match="'broken' cannot be built: KeyError: 'api_key'"):
        registry.handler("broken")


def test_names_are_sorted_and_similar_ones_found(registry: Specialists) -> None:
    registry.register("painter", write)

    assert registry.names() == ["broken", "class", "coder", "painter", "writer"]
    assert registry.told_missing("panter") == "No specialist does 'panter' (similar: painter)"
    assert registry.told_missing("x") == (
        "No specialist does 'x' (known: broken, class, coder, painter, writer)"
    )
    assert registry.knows("painter")
    assert not registry.knows("panter")


async def test_a_registered_one_goes_before_the_container_s(registry: Specialists) -> None:
    registry.register("coder", AsyncMock(return_value="mine", spec=write))

    assert await registry.handler("coder")(AsyncMock()) == "mine"


@pytest.mark.parametrize(
    ("specialist", "given"),
    [
        (partial(greet, "Hello"), "Hello, A"),
        (Caller(), "called for A"),
        (Coder().execute, "A"),
        (Proxy(Coder()), "A"),
        (CallableCoder(), "A"),
    ],
    ids=["partial", "callable", "method", "proxy", "execute before call"],
)
async def test_whatever_can_be_called_does(
    registry: Specialists, specialist: object, given: str
) -> None:
    registry.register("any", specialist)

    assert await registry.handler("any")(AsyncMock(title="A")) == given


def test_a_function_that_is_not_async_does_too(registry: Specialists) -> None:
    registry.register("plain", lambda task: task.title)

    assert registry.handler("plain")(AsyncMock(title="A")) == "A"


async def test_a_bare_mock_is_called_itself_each_time(registry: Specialists) -> None:
    mock = AsyncMock(return_value={"a": 1})
    registry.register("mock", mock)

    given = [await registry.handler("mock")("task") for _ in range(2)]

    assert given == [{"a": 1}, {"a": 1}]
    assert mock.await_count == 2


@pytest.mark.parametrize(
    "mock",
    [
        AsyncMock(spec=Coder),
        AsyncMock(spec_set=Coder()),
        MagicMock(spec=Coder),
        create_autospec(Coder, instance=True),
        AsyncMock(**{"execute.return_value": None}),
        NonCallableMock(execute=AsyncMock()),
    ],
    ids=["spec", "spec_set", "sync", "autospec", "configured", "not callable"],
)
async def test_a_mock_that_has_execute_is_used_through_it(
    registry: Specialists, mock: AsyncMock
) -> None:
    mock.execute.return_value = "done"
    registry.register("mock", mock)

    assert await registry.handler("mock")("task") == "done"
    mock.execute.assert_awaited_once_with("task")


async def test_a_mock_of_a_function_is_called(registry: Specialists) -> None:
    registry.register("mock", create_autospec(write, return_value="written"))

    assert await registry.handler("mock")("task") == "written"


@pytest.mark.parametrize("specialist", [42, None, "coder", Coder, NonCallableMock(execute=1), []])
def test_what_is_no_specialist_is_told_what_is_expected_when_it_is_registered(
    registry: Specialists, specialist: object
) -> None:
    with pytest.raises(
        InvalidRequest, match=r"'odd' is .* a method 'execute\(task\)', or a function of one"
    ):
        registry.register("odd", specialist)

    assert not registry.knows("odd")


class Silent:
    async def execute(self) -> None:
        raise AssertionError


class Streaming:
    async def execute(self, task: TaskContext) -> AsyncIterator[str]:
        yield task.title


class StreamingCaller:
    async def __call__(self, task: TaskContext) -> AsyncIterator[str]:
        yield task.title


async def stream(task: TaskContext) -> AsyncIterator[str]:
    yield task.title


def produce(task: TaskContext) -> Iterator[str]:
    yield task.title


async def nobody() -> None:
    raise AssertionError


async def named(*, task: TaskContext) -> str:
    return task.title


@pytest.mark.parametrize(
    "specialist",
    [
        nobody,
        greet,
        named,
        partial(greet, "Hello", AsyncMock()),
        Silent(),
        Silent().execute,
        lambda: None,
        create_autospec(nobody),
        versioned(greet, "1"),
    ],
    ids=[
        *("no argument", "two", "by keyword only", "partial with none left", "execute()"),
        *("method", "lambda", "autospec", "versioned"),
    ],
)
def test_what_cannot_be_called_with_the_task_alone_is_refused_when_it_is_registered(
    registry: Specialists, specialist: object
) -> None:
    with pytest.raises(InvalidRequest, match=r"'odd'.* is .* cannot be called with one argument"):
        registry.register("odd", specialist)


@pytest.mark.parametrize(
    "specialist",
    [stream, produce, Streaming(), StreamingCaller(), partial(stream), versioned(stream, "1")],
    ids=["async", "sync", "execute", "callable", "partial", "versioned"],
)
def test_what_yields_is_refused_when_it_is_registered(
    registry: Specialists, specialist: object
) -> None:
    with pytest.raises(InvalidRequest, match=r"'odd'.* is .* yields; let it return"):
        registry.register("odd", specialist)


def test_of_several_versions_the_one_that_is_none_is_refused(registry: Specialists) -> None:
    good, odd = versioned(write, "2"), versioned(nobody, "1")

    with pytest.raises(InvalidRequest, match=r"'odd', version '1', is .* one argument"):
        registry.register("odd", [good, odd])


def decorated(function: Callable[[str, TaskContext], object]) -> Callable[[TaskContext], object]:
    @wraps(function)
    def call(task: TaskContext) -> object:
        return function("Hello", task)

    return call


class Opaque:
    """Nobody can tell what it is called with."""

    __signature__ = "none"

    def __call__(self, task: TaskContext) -> str:
        return task.title


class Static:
    @staticmethod
    async def execute(task: TaskContext) -> str:
        return task.title


async def generous(task: TaskContext, *more: object, loudly: bool = False) -> str:
    return task.title


@pytest.mark.parametrize(
    "specialist",
    [
        *(decorated(greet), partial(greet, "Hello"), Opaque(), Static(), generous, print),
        *(lambda *given: given, Coder().execute, Caller(), versioned(write, "1")),
        *(MagicMock(), AsyncMock(), create_autospec(write), create_autospec(Coder())),
        [versioned(write, "2"), versioned(decorated(greet), "1")],
    ],
)
def test_what_can_be_called_with_the_task_is_taken(
    registry: Specialists, specialist: object
) -> None:
    registry.register("good", specialist)

    assert registry.knows("good")
