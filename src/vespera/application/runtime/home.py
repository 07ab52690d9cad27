"""To which event loop something belongs that cannot be shared by several."""

import asyncio

from vespera.domain.errors import ForeignEventLoop


class Home:
    """The event loop in which something is used first: it belongs there from then on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_gone(self) -> bool:
        """Whether that loop is closed: nothing runs there any more."""
        return self._loop is not None and self._loop.is_closed()

    def enter(self) -> None:
        """To be called before it is used.

        Raises:
            ForeignEventLoop: it belongs to another event loop, closed or not.
        """
        here = asyncio.get_running_loop()
        self._loop = self._loop or here
        if self._loop is not here:
            raise ForeignEventLoop(
                f"{self._what} belongs to another event loop"
                f" ({'which is closed' if self.is_gone else 'which is not closed'}). Start, use and"
                " clean up a container in one event loop; make another container for this one, or"
                " first 'await container.cleanup_async_services()' there."
            )

    def leave(self) -> None:
        """To be called before it is ended; that is possible also when its loop is gone.

        Raises:
            ForeignEventLoop: it may be at work in another event loop.
        """
        if self._loop is not None and not self.is_gone:
            self.enter()
