"""One after the other at each path."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager


class PathLocks:
    """Lets the tasks of a process touch a file one after the other, in the order of asking: what
    one of them looks at, nobody else changes before it has written.
    """

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._asking: dict[str, int] = {}

    @asynccontextmanager
    async def held(self, paths: Sequence[str]) -> AsyncIterator[None]:
        """Alone at these paths."""
        async with AsyncExitStack() as stack:
            for path in sorted(set(paths)):  # the same order for all: nobody waits for ever
                await stack.enter_async_context(self._alone_at(path))
            yield

    @asynccontextmanager
    async def _alone_at(self, path: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(path, asyncio.Lock())
        self._asking[path] = self._asking.get(path, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._asking[path] -= 1
            if not self._asking[path]:
                del self._asking[path], self._locks[path]
