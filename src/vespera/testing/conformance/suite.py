"""What all suites have in common: how they come by the adapter, and that they run in any mode."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar, TypeAlias, TypeVar

import pytest

T = TypeVar("T")
Made: TypeAlias = T | Awaitable[T] | Iterator[T] | AsyncIterator[T]
"""What a factory method may give: the adapter at once, by ``async def``, or by ``yield``."""


class AdapterSuite:
    """The promises of one port, each a test. Subclass a suite, and give its factory method.

    A suite's own name does not begin with "Test", so that it is not collected itself.

    Attributes:
        ports: whose promises these are.
    """

    ports: ClassVar[tuple[type, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Mark async tests for pytest-asyncio's strict mode."""
        super().__init_subclass__(**kwargs)
        for name, test in inspect.getmembers(cls, inspect.iscoroutinefunction):
            marks = {mark.name for mark in getattr(test, "pytestmark", ())}
            if name.startswith("test") and "asyncio" not in marks:
                pytest.mark.asyncio(test)

    def missing(self, method: str, what: str) -> NotImplementedError:
        """The error for a factory method that the subclass did not give."""
        return NotImplementedError(
            f"{type(self).__name__}.{method}() is to give {what}: return it, or yield it and clean"
            " up behind the yield; the method may be async."
        )


@asynccontextmanager
async def adapter_of(make: Callable[..., Made[T]], *args: object) -> AsyncIterator[T]:
    """What the factory method gives, whichever way it is written; cleaned up after the block."""
    given: Any = make
    if inspect.isasyncgenfunction(make):
        async with asynccontextmanager(given)(*args) as adapter:
            yield adapter
    elif inspect.isgeneratorfunction(make):
        with contextmanager(given)(*args) as adapter:
            yield adapter
    else:
        made = given(*args)
        yield (await made) if inspect.iscoroutine(made) else made
