"""A coroutine whose first stretch has been run."""

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any


class Resumed:
    """Awaited, it goes on where the coroutine has stopped: with waiting for ``pending``.

    What never waits can so be called without a time limit, whose timer would cost more than all
    other guards together.
    """

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], pending: object) -> None:
        self._coroutine, self._pending = coroutine, pending

    def __await__(self) -> Generator[Any, Any, Any]:
        pending = self._pending
        while True:
            resume: Callable[[], object]
            try:
                yield pending
            except BaseException as error:  # noqa: BLE001  (the coroutine gets it, as it would have)
                resume = partial(self._coroutine.throw, error)
            else:
                resume = partial(self._coroutine.send, None)
            try:
                pending = resume()
            except StopIteration as end:
                return end.value
