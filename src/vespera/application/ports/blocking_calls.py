"""Functions that block, called beside the event loop."""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class BlockingCalls(Protocol):
    """Calls functions in threads. A thread cannot be stopped: who is tired of waiting leaves it
    to itself.
    """

    @property
    def in_flight(self) -> int:
        """How many calls have not ended, those included that nobody waits for any more."""
        ...

    async def call(self, function: Callable[[], Result], *, what: str = "") -> Result:
        """What ``function`` gives, called in a thread with the caller's ``contextvars``.

        If this is cancelled, a call that has not begun never happens, and one that has begun goes
        on alone: what comes of it is dropped. The clean-up of the container waits for its end.

        Args:
            function: takes no arguments.
            what: names the call, for whoever looks at the threads.

        Raises:
            BaseException: whatever the function raised.
        """
        ...
