"""How much really happens at once."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import ParamSpec, Self, TypeVar
from unittest.mock import NonCallableMock

from vespera.testing.errors import TestingError
from vespera.testing.turns import one_turn

P = ParamSpec("P")
T = TypeVar("T")


class ConcurrencyProbe:
    """Counts how many calls are in the same place at the same time.

    As a decorator or wrapper of an async function, or around a block:

        probe = ConcurrencyProbe()
        client.fetch = probe(client.fetch)
        ...
        async with probe:
            ...
        assert probe.most == 1

    A wrapped call lets everybody else have a turn before it begins, so that calls overlap which
    may, even if the function itself never waits.

    Attributes:
        now: how many are in there at this moment.
        most: how many have been at the same time, at most.
        calls: how many have come in.
    """

    def __init__(self) -> None:
        self.now = self.most = self.calls = 0

    def __call__(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The function, with its calls counted.

        Raises:
            TestingError: it is not async, so that its calls cannot overlap.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TestingError(f"{function!r} is a generator; wrap what consumes it.")

        # A mock may have all the names that are copied, and mocks in their place.
        names = [
            name
            for name in functools.WRAPPER_ASSIGNMENTS
            if not isinstance(getattr(function, name, None), NonCallableMock)
        ]

        @functools.wraps(function, assigned=names)
        async def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            with self:
                await one_turn()
                result = function(*args, **kwargs)
                if not inspect.isawaitable(result):
                    raise TestingError(
                        f"{function!r} is not async: its calls cannot overlap. It gave {result!r}."
                    )
                return await result

        return counted

    def __enter__(self) -> Self:
        self.now += 1
        self.calls += 1
        self.most = max(self.most, self.now)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.now -= 1

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__(None, None, None)

    def __repr__(self) -> str:
        return f"<ConcurrencyProbe: most {self.most} at once of {self.calls}, now {self.now}>"


@contextmanager
def assert_concurrent(
    exactly: int | None = None, *, at_least: int | None = None, at_most: int | None = None
) -> Iterator[ConcurrencyProbe]:
    """A probe for the block, at whose end so many must have been in flight at the same time.

        with assert_concurrent(at_most=3) as probe:
            crawler = Crawler(fetch=probe(fetch))
            await crawler.run()

    Args:
        exactly: as many, no more and no fewer.
        at_least: as many or more.
        at_most: as many or fewer, and one at least: a probe that nothing passed proves nothing.

    Raises:
        TestingError: nothing was asked for.
        AssertionError: it was otherwise. An error of the block goes first.
    """
    if exactly is at_least is at_most is None:
        raise TestingError("assert_concurrent(): say how many: exactly, at_least or at_most.")
    probe = ConcurrencyProbe()
    yield probe
    if not probe.calls:
        raise AssertionError("Nothing passed the probe; wrap what should be counted: probe(fetch).")
    low = exactly if exactly is not None else at_least
    high = exactly if exactly is not None else at_most
    if (low is not None and probe.most < low) or (high is not None and probe.most > high):
        raise AssertionError(
            f"{probe.most} at the most were in flight at once, of {probe.calls} calls;"
            f" {_wanted(exactly, at_least, at_most)} expected."
        )


def _wanted(exactly: int | None, at_least: int | None, at_most: int | None) -> str:
    if exactly is not None:
        return f"{exactly} were"
    limits = {"at least": at_least, "at most": at_most}
    return " and ".join(f"{word} {n}" for word, n in limits.items() if n is not None) + " were"
