"""One call, guarded."""

import asyncio
from collections.abc import Callable
from functools import partial
from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.runtime.supervision import Supervision, over
from vespera.domain.retry import RetryPolicy
from vespera.testing import VirtualClock


class OnTheSpot:
    """Calls at once, and remembers what for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.in_flight = 0

    async def call(self, function: Callable[[], object], *, what: str = "") -> object:
        self.calls.append(what)
        return function()


@pytest.fixture
def threads() -> OnTheSpot:
    return OnTheSpot()


@pytest.fixture
def supervision(clock: VirtualClock, threads: OnTheSpot) -> Supervision:
    return Supervision(clock=clock, chance=lambda: 0.5, threads=threads)


async def test_a_plain_function_and_an_async_one_are_called_alike(
    supervision: Supervision,
) -> None:
    for function in (Mock(return_value=3), AsyncMock(return_value=3)):
        assert await supervision.value("it", function) == 3


async def test_the_jitter_is_drawn_from_chance(
    supervision: Supervision, clock: VirtualClock
) -> None:
    started = clock.now()
    function = AsyncMock(side_effect=[OSError(), "well"])

    result = await supervision.call(
        "it", function, retry=RetryPolicy(delay=10, jitter=1), timeout=None
    )

    assert result == "well"
    assert (clock.now() - started).total_seconds() == 5


async def test_the_last_error_is_raised(supervision: Supervision) -> None:
    function = AsyncMock(side_effect=[OSError("one"), OSError("two")])

    with pytest.raises(OSError, match="two"):
        await supervision.call("it", function, retry=RetryPolicy(max_attempts=2), timeout=None)


class Called:
    async def __call__(self) -> int:
        return 3

    async def method(self) -> int:
        return 3

    def plain(self) -> int:
        return 3


async def three() -> int:
    return 3


@pytest.mark.parametrize(
    "function",
    [
        three,
        partial(three),
        partial(partial(three)),
        Called(),
        Called().method,
        AsyncMock(return_value=3),
    ],
)
async def test_what_is_async_is_called_on_the_loop(
    supervision: Supervision, threads: OnTheSpot, function: Callable[[], object]
) -> None:
    assert await supervision.value("it", function) == 3
    assert threads.calls == []


@pytest.mark.parametrize(
    "function",
    [
        lambda: 3,
        lambda: three(),  # noqa: PLW0108  (it is not async, and what it makes is)
        Called().plain,
        partial(int, "3"),
        Mock(return_value=3),
    ],
)
async def test_all_else_is_called_in_a_thread_and_what_it_gives_is_awaited_on_the_loop(
    supervision: Supervision, threads: OnTheSpot, function: Callable[[], object]
) -> None:
    assert await supervision.value("it", function) == 3
    assert threads.calls == ["it"]


async def test_a_tiny_function_may_stay_on_the_loop(
    supervision: Supervision, threads: OnTheSpot
) -> None:
    loop = await supervision.value("it", asyncio.get_running_loop, in_thread=False)

    assert loop is asyncio.get_running_loop()
    assert threads.calls == []


async def test_a_cancellation_is_not_tried_again_whatever_the_policy_says(
    supervision: Supervision,
) -> None:
    called = 0

    async def hang() -> None:
        nonlocal called
        called += 1
        await asyncio.Event().wait()

    retry = RetryPolicy(max_attempts=3, retry_on=[BaseException, asyncio.CancelledError])
    calling = asyncio.create_task(supervision.call("it", hang, retry=retry, timeout=None))
    await asyncio.sleep(0)
    calling.cancel()
    await asyncio.wait({calling}, timeout=5)

    assert calling.cancelled()
    assert called == 1


async def test_who_does_not_wait_for_the_end_any_more_is_not_told() -> None:
    async def fail() -> None:
        raise ValueError("nobody asks for it")

    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    handle = asyncio.create_task(fail())
    over(handle).cancel()
    await over(handle)
    del handle
    await asyncio.sleep(0)

    assert told == []
