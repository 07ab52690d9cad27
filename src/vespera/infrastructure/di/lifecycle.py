"""Starting and stopping the services of one container."""

import asyncio
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from dependency_injector import providers

from vespera.domain.errors import ForeignEventLoop, StopTimedOut
from vespera.infrastructure.di.graph import Graph, Part
from vespera.infrastructure.di.service import Service


class Lifecycle:
    """Starts in the order of dependencies, one after another, and stops in reverse.

    Starting and stopping may be asked for twice and at the same time; each waits for its turn.
    """

    def __init__(self, graph: Graph, stop_timeout: float | None) -> None:
        self._graph = graph
        self.stop_timeout = stop_timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._started = False

    @property
    def open(self) -> bool:
        """Whether something runs that has to be stopped."""
        return self._started or any(service.running for service in self._graph.services())

    async def start(self) -> None:
        """Start all services.

        If one fails, or this is cancelled, everything is stopped again and the error goes on, with
        a note that says which service it was.
        """
        async with self._turn_in_this_loop():
            if self._started:
                return
            try:
                await self._start(self._startable())
            except BaseException as error:
                _note(error, await self._stop_all())
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
        for service in self._graph.services():
            service.abandon()
        self._started = False

    async def exchange(
        self, part: Part, change: Callable[[], None], back: Callable[[], None] | None = None
    ) -> None:
        """Stop the services that hold a part, ``change`` the part, and start them with it.

        If something fails, or this is cancelled, the same is done with ``back``, and the error
        goes on. If in the end one of them does not run, everything is stopped.
        """
        async with self._turn_in_this_loop():
            running = [service for service in self._graph.services(now=True) if service.running]
            ran = None if self._started else running
            errors = await self._exchange(part, change, ran)
            if errors and back:
                errors += await self._exchange(part, back, ran)
            if not all(service.started for service in self._startable(ran)):
                errors += await self._stop_all()
                self._started = False
        if errors:
            worst = next((e for e in errors if not isinstance(e, Exception)), errors[0])
            _note(worst, [error for error in errors if error is not worst])
            raise worst

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

    def _startable(self, ran: Collection[Service[Any]] | None = None) -> list[Service[Any]]:
        """All services, or those of ``ran``; but none that is overridden."""
        services = [s for s in self._graph.services(now=True) if s.last_overriding is None]
        return services if ran is None else [s for s in services if s in ran]

    async def _start(self, services: Collection[Service[Any]]) -> None:
        for service in services:
            service()  # what cannot be built is found before anything runs
        for service in services:
            try:
                await service.start()
            except BaseException as error:
                error.add_note(f"While starting {self._graph.name_of(service)}.")
                raise

    async def _exchange(
        self, part: Part, change: Callable[[], None], ran: Collection[Service[Any]] | None
    ) -> list[BaseException]:
        errors = await self._stop(self._graph.services_on(part))
        change()
        try:
            await self._start(self._startable(ran))
        except BaseException as error:  # noqa: BLE001  (kept whole; raised by `exchange`)
            errors.append(error)
        return errors

    async def _stop_all(self) -> list[BaseException]:
        """Stop every object that was built, whatever happens, and forget all objects."""
        errors = await self._stop(self._graph.services())
        for provider in self._graph.order():
            if isinstance(provider, providers.BaseSingleton):
                provider.reset()
        return errors

    async def _stop(self, services: Sequence[Service[Any]]) -> list[BaseException]:
        errors: list[BaseException] = []
        for service in reversed(services):
            for stop in service.release():
                limit = asyncio.timeout(self.stop_timeout)
                try:
                    async with limit:
                        await stop()
                except BaseException as error:  # noqa: BLE001  (kept whole; raised by the caller)
                    late = limit.expired() and isinstance(error, Exception)
                    errors.append(self._late(service, error) if late else error)
                    error.add_note(f"While stopping {self._graph.name_of(service)}.")
        return errors

    def _late(self, service: Service[Any], error: BaseException) -> StopTimedOut:
        late = StopTimedOut(
            f"{self._graph.name_of(service)} did not stop within {self.stop_timeout} s"
            " (setting 'stop_timeout'), and was cancelled."
        )
        late.__cause__ = error
        return late


def _note(error: BaseException, others: Iterable[BaseException]) -> None:
    for other in others:
        trace = "".join(traceback.format_exception(other))
        error.add_note(f"While stopping again what was started:\n{trace}")
