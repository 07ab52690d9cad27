"""What handlers say of their progress: kept now and then, without holding them up."""

import asyncio
import contextlib
import logging
from contextvars import Context

from vespera.application.ports.clock import Clock
from vespera.application.ports.events import ProgressRepository
from vespera.domain.errors import LeaseLost, StorageError
from vespera.domain.progress import Progress, progress_of
from vespera.domain.step import Fence

logger = logging.getLogger("vespera")
EVERY = 1.0  # seconds


class ProgressReport:
    """One attempt's progress: the first word of it is stored at once, then the newest at most
    every second, and the last one when the attempt ends.
    """

    def __init__(self, fence: Fence, *, progress: ProgressRepository, clock: Clock) -> None:
        self._fence, self._progress, self._clock = fence, progress, clock
        self._loop = asyncio.get_running_loop()
        self._newest: Progress | None = None
        self._stored_at: float | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._over = False

    def say(self, done: object, total: object, message: object) -> None:
        """Take note; also from a thread. Returns at once.

        Raises:
            InvalidRequest: it is no progress; the error names the field.
        """
        now = self._clock.now()
        said = progress_of(self._fence.task_id, self._fence.attempt, (done, total, message), now)
        if _is_in(self._loop):
            self._take(said)
        else:
            self._loop.call_soon_threadsafe(self._take, said)

    async def close(self) -> None:
        """Store what was not stored yet. To be called when the handler has ended."""
        self._over = True
        if self._keeping is not None:
            keeping, self._keeping = self._keeping, None
            keeping.cancel()
            await asyncio.wait({keeping})
        if self._newest is not None:
            await self._store()

    def _take(self, said: Progress) -> None:
        if self._over:  # said by a thread that outlived its attempt
            return
        self._newest = said
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(
                self._keep(), name=f"vespera progress {said.task_id}", context=Context()
            )

    async def _keep(self) -> None:
        while self._newest is not None:
            if self._stored_at is not None:
                pause = self._stored_at + EVERY - self._clock.monotonic()
                await self._clock.sleep(max(pause, 0.0))
            await self._store()

    async def _store(self) -> None:
        """Progress that cannot be stored is no reason to fail; the task's own writes will tell."""
        said, self._newest = self._newest, None
        assert said is not None
        self._stored_at = self._clock.monotonic()
        try:
            with contextlib.suppress(LeaseLost):
                await self._progress.record(said, self._fence)
        except StorageError as error:
            logger.warning("Progress of task %s is not stored: %s", said.task_id, error)
        except asyncio.CancelledError:
            if self._newest is None:  # stored twice is no harm, not at all would be
                self._newest = said
            raise


def _is_in(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is called by the loop, and not in a thread beside it."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
