"""The promises of ``BlockingCalls``."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

import pytest
import pytest_asyncio

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of
from vespera.testing.turns import one_turn

_flavour: ContextVar[str] = ContextVar("flavour", default="none")


class BlockingCallsConformance(AdapterSuite):
    """Give ``make_blocking_calls``; it must be able to make one call at a time at least.

    Attributes:
        patience: real seconds for what should not take any; only an adapter that is wrong needs
            them.
    """

    ports = (BlockingCalls,)
    patience = 5.0

    def make_blocking_calls(self) -> Made[BlockingCalls]:
        """The adapter to be tested."""
        raise self.missing("make_blocking_calls", "a BlockingCalls")

    @pytest_asyncio.fixture
    async def calls(self) -> AsyncIterator[BlockingCalls]:
        """The adapter of ``make_blocking_calls``."""
        async with adapter_of(self.make_blocking_calls) as calls:
            yield calls

    async def test_a_call_gives_what_its_function_gives(self, calls: BlockingCalls) -> None:
        assert await calls.call(lambda: [1, 2], what="a list") == [1, 2]
        assert calls.in_flight == 0

    @pytest.mark.parametrize("kind", [ZeroDivisionError, asyncio.CancelledError, SystemExit])
    async def test_whatever_the_function_raises_is_raised(
        self, calls: BlockingCalls, kind: type[BaseException]
    ) -> None:
        error = kind("on purpose")
        with pytest.raises(kind) as raised:
            await calls.call(_raising(error))

        assert raised.value is error
        assert calls.in_flight == 0

    async def test_a_call_has_the_context_variables_of_its_caller(
        self, calls: BlockingCalls
    ) -> None:
        token = _flavour.set("sweet")
        try:
            seen = await calls.call(_flavour.get)
            await calls.call(lambda: _flavour.set("sour"))
        finally:
            now = _flavour.get()
            _flavour.reset(token)

        assert (seen, now) == ("sweet", "sweet")

    async def test_the_loop_goes_on_while_a_function_blocks(self, calls: BlockingCalls) -> None:
        go_on = threading.Event()
        asyncio.get_running_loop().call_soon(go_on.set)

        assert await calls.call(lambda: go_on.wait(self.patience))

    async def test_a_cancelled_call_that_has_begun_goes_on_alone_and_is_counted(
        self, calls: BlockingCalls
    ) -> None:
        begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            go_on.wait(self.patience)
            ended.set()

        call = asyncio.create_task(calls.call(work))
        while not begun.is_set() and not call.done():
            await one_turn()
        call.cancel()
        await asyncio.wait({call})
        alone = (call.cancelled(), ended.is_set(), calls.in_flight)
        go_on.set()
        while calls.in_flight:
            await one_turn()

        assert alone == (True, False, 1)
        assert ended.is_set()


def _raising(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail
