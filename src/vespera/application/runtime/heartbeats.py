"""Signs of life that a step's function gives, and how far it says that it is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar

from vespera.application.ports.clock import Clock
from vespera.application.runtime.steps import Key, StepLog
from vespera.domain.errors import HeartbeatMissed, InvalidRequest, LeaseLost, StorageError
from vespera.domain.step import Fence

logger = logging.getLogger("vespera")
BETWEEN_WRITES = 1.0  # seconds


class StepCall:
    """One call of a step's function, as seen from inside; from any thread.

    Attributes:
        name, occurrence: the step's key.
    """

    __slots__ = ("_heart", "_over", "name", "occurrence")

    def __init__(self, key: Key, heart: "Heart") -> None:
        self.name, self.occurrence = key
        self._heart = heart
        self._over = False

    @property
    def fence(self) -> Fence:
        """Of which attempt at which task it is."""
        return self._heart.fence

    @property
    def last_heartbeat(self) -> object:
        """The detail of the last heartbeat of this step, also of an earlier call or attempt; None
        if there is none.
        """
        return self._heart.detail

    def heartbeat(self, detail: object = None) -> None:
        """Say that the function is alive; see ``TaskContext.heartbeat``. Waits for nothing.

        Raises:
            asyncio.CancelledError: the call is over for whoever made it: it took too long, or the
                attempt was called off. Let it pass; what the function returns is dropped.
            UnstorableValue, PayloadTooLarge: the detail cannot be stored.
        """
        if self._over:
            raise asyncio.CancelledError(f"The call of step {self.name!r} is over.")
        self._heart.beat(detail)

    def end(self) -> None:
        """Nobody waits for the call any more."""
        self._over = True


class Heart:
    """Hears the heartbeats of one step, and keeps the newest detail, in a write a second at most.

    ``once`` is one call of the step's function. ``timeout``: seconds without a heartbeat after
    which a call has failed; None: any time.
    """

    __slots__ = (
        *("_beaten_at", "_clock", "_closed", "_key", "_log"),
        *("_loop", "_once", "_timeout", "_unsaved", "_writer"),
    )

    def __init__(
        self,
        key: Key,
        once: Callable[[], Awaitable[object]],
        *,
        log: StepLog,
        clock: Clock,
        timeout: float | None,
    ) -> None:
        self._key, self._once, self._timeout = key, once, timeout
        self._log, self._clock = log, clock
        self._loop = asyncio.get_running_loop()
        self._beaten_at: float | None = None
        self._unsaved: bytes | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def fence(self) -> Fence:
        """Of the attempt."""
        return self._log.fence

    @property
    def detail(self) -> object:
        """The newest detail, decoded."""
        return self._log.detail_of(self._key)

    async def call(self) -> object:
        """What the step's function gives, called once.

        Raises:
            HeartbeatMissed: there was none for too long.
            Exception: whatever the call raised.
        """
        this, outer = StepCall(self._key, self), _call.get()
        _call.set(this)
        try:
            if self._timeout is None:
                return await self._once()
            return await self._watched(self._timeout)
        finally:
            this.end()
            _call.set(outer)  # no token: a coroutine may be closed in another context

    def beat(self, detail: object) -> None:
        """Hear a heartbeat, from any thread."""
        if self._timeout is not None:
            self._beaten_at = self._clock.monotonic()
        if detail is not None:
            self._unsaved = self._log.keep_detail(self._key, detail)
            self._loop.call_soon_threadsafe(self._write_soon)

    def shut(self) -> bool:
        """Begin no write any more; gives whether one is under way, for ``close`` to end."""
        self._closed = True
        return self._writer is not None

    async def save(self) -> None:
        """Keep the newest detail if that was not done yet."""
        await self.close()
        await self._keep()

    async def close(self) -> None:
        """``shut``, and end what is under way. Safe to repeat."""
        self._closed = True
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.cancel()
            await asyncio.wait({writer})

    async def _watched(self, seconds: float) -> object:
        self._beaten_at = self._clock.monotonic()
        work = asyncio.ensure_future(self._once())
        try:
            while not work.done():
                left = seconds - (self._clock.monotonic() - self._beaten_at)
                if left <= 0:
                    raise HeartbeatMissed(
                        f"Step {self._key[0]!r} gave no heartbeat for {seconds:g} s."
                    )
                with suppress(TimeoutError):
                    async with self._clock.timeout(left):
                        await asyncio.wait({work})
            return work.result()
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
            if not work.cancelled():
                work.exception()  # told above, or to nobody

    def _write_soon(self) -> None:
        if self._writer is None and not self._closed:
            self._writer = self._loop.create_task(self._write(), name="vespera step heartbeat")

    async def _write(self) -> None:
        try:
            while self._unsaved is not None:
                await self._keep()
                await self._clock.sleep(BETWEEN_WRITES)
        except LeaseLost:
            return  # which the attempt is told of by the log
        except StorageError:
            logger.exception("A heartbeat of step %r could not be kept.", self._key[0])
        self._writer = None

    async def _keep(self) -> None:
        if self._unsaved is None:
            return
        kept, self._unsaved = self._unsaved, None
        try:
            await self._log.beat(self._key, kept)
        except BaseException:  # perhaps it was not stored; twice does no harm
            self._put_back(kept)
            raise

    def _put_back(self, kept: bytes) -> None:
        if self._unsaved is None:  # none came meanwhile
            self._unsaved = kept


def current_call() -> StepCall:
    """The call of a step's function in which this is asked, on the event loop or in its thread.

    Raises:
        InvalidRequest: no step's function is being called here.
    """
    call = _call.get()
    if call is None:
        raise InvalidRequest("there are heartbeats in a step's function only", field="heartbeat")
    return call


def current_step() -> str | None:
    """The name of the step whose function is being called, if one is."""
    call = _call.get()
    return None if call is None else call.name


_call: ContextVar[StepCall | None] = ContextVar("step_call", default=None)
