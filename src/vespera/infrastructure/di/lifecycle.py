"""Starting and stopping the services of one container."""

import asyncio
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from dependency_injector import providers

from vespera.domain.errors import ForeignEventLoop, StopTimedOut
from vespera.infrastructure.di.graph import Part, names_of, uses, uses_now, walk
from vespera.infrastructure.di.service import Service


class Lifecycle:
    """Starts in the order of dependencies, one after another, and stops in reverse.

    Starting and stopping may be asked for twice and at the same time; each waits for its turn.
    """

    def __init__(self, parts: Mapping[str, Part], stop_timeout: float | None) -> None:
        self._parts = parts
        self._name_of = names_of(parts)
        self.stop_timeout = stop_timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._started = False

    @property
    def open(self) -> bool:
        """Whether something runs that has to be stopped."""
        return self._started or any(service.running for service in self._services(uses))

    async def start(self) -> None:
        """Start all services.

        If one fails, or this is cancelled, everything is stopped again and the error goes on, with
        a note that says which service it was.
        """
        async with self._turn_in_this_loop():
            if self._started:
                return
            try:
                await self._start_all()
            except BaseException as error:
                for another in await self._stop_all():
                    trace = "".join(traceback.format_exception(another))
                    error.add_note(f"While stopping again what was started:\n{trace}")
                raise
            self._started = True

    async def stop(self, forget: Callable[[], None]) -> None:
        """Stop everything that was built, then ``forget``; then raise what went wrong."""
        async with self._turn_in_this_loop():
            errors = await self._stop_all()
            self._started = False
            forget()
        failures = [error for error in errors if isinstance(error, Exception)]
        group = ExceptionGroup("Services failed to stop", failures) if failures else None
        interruption = next((error for error in errors if error not in failures), None)
        if interruption:
            raise interruption from group
        if group:
            raise group

    def abandon(self) -> None:
        """Forget every service and stop none, whatever loop they belong to."""
        for service in self._services(uses):
            service.abandon()
        self._started = False

    def _turn_in_this_loop(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._started or self._turn.locked():
                raise ForeignEventLoop(
                    "The container was started in another event loop. Start, use and clean it up"
                    " in one; a pytest fixture needs the loop_scope of the tests that use it."
                )
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn

    def _services(self, children: Callable[[Part], tuple[Part, ...]]) -> list[Service[Any]]:
        graph = walk(self._parts.values(), children)
        return [provider for provider in graph if isinstance(provider, Service)]

    async def _start_all(self) -> None:
        services = [s for s in self._services(uses_now) if s.last_overriding is None]
        for service in services:
            service()  # what cannot be built is found before anything runs
        for service in services:
            try:
                await service.start()
            except BaseException as error:
                error.add_note(f"While starting {self._name_of(service)}.")
                raise

    async def _stop_all(self) -> list[BaseException]:
        """Stop every object that was built, whatever happens, and forget all objects."""
        errors: list[BaseException] = []
        for service in reversed(self._services(uses)):
            for stop in service.release():
                limit = asyncio.timeout(self.stop_timeout)
                try:
                    async with limit:
                        await stop()
                except BaseException as error:  # noqa: BLE001  (kept whole; raised by `stop`)
                    late = limit.expired() and isinstance(error, Exception)
                    errors.append(self._late(service, error) if late else error)
                    error.add_note(f"While stopping {self._name_of(service)}.")
        for provider in walk(self._parts.values()):
            if isinstance(provider, providers.BaseSingleton):
                provider.reset()
        return errors

    def _late(self, service: Service[Any], error: BaseException) -> StopTimedOut:
        late = StopTimedOut(
            f"{self._name_of(service)} did not stop within {self.stop_timeout} s"
            " (setting 'stop_timeout'), and was cancelled."
        )
        late.__cause__ = error
        return late
