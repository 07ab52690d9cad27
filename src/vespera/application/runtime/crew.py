"""Who can be asked to run ready tasks, by those who wait for some."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext


class Crew:
    """The worker of this container, as known to tasks that wait for others. Whoever starts a task
    by ``run`` has started no worker; its children need one all the same.
    """

    def __init__(self) -> None:
        self._engaged: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    def joined_by(self, engaged: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        """From now on ``engaged()`` is what lets somebody run tasks."""
        self._engaged = engaged

    def engaged(self) -> AbstractAsyncContextManager[None]:
        """Somebody runs ready tasks for as long as the block runs."""
        return self._engaged()
