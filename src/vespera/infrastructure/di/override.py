"""Another object in the place of a part, until it is taken away again."""

import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from dependency_injector import providers

from vespera.domain.errors import OverrideRefused
from vespera.infrastructure.di.graph import Graph, Part, walk
from vespera.infrastructure.di.lifecycle import Lifecycle

V = TypeVar("V")
NO_TYPE: Any = object()
"""In the place of a mock whose type nobody knows."""


class Override(Generic[V]):
    """One override: in force from the call that made it until ``undo``, the end of its ``with`` or
    ``async with`` block, or the container's cleanup. Overrides of one part may be undone in any
    order; the youngest that is left holds.
    """

    def __init__(self, name: str, value: V, graph: Graph, in_force: "list[Override[Any]]") -> None:
        self.value = value
        self.part: Part = graph.parts[name]
        self._name, self._graph, self._in_force = name, graph, in_force
        given: Any = value if isinstance(value, providers.Provider) else providers.Object(value)
        self._given: Part = given
        reason = _reason_against(self.part, name, value)
        if reason:
            raise OverrideRefused(f"{name} cannot be overridden: {reason}.")

    @property
    def in_force(self) -> bool:
        """Whether it has been put and not been taken away."""
        return self in self._in_force

    def put(self) -> None:
        """Put the object there, whoever runs with the other one."""
        for provider in walk([self._given]):
            provider.disable_async_mode()
        self.part.override(self._given)
        self._in_force.append(self)
        self._drop_cached()

    def put_if_unused(self) -> None:
        """Put the object there.

        Raises:
            OverrideRefused: a service runs with the other one.
        """
        running = self._services(lambda service: service.running)
        if running:
            raise OverrideRefused(
                f"{self._name} cannot be overridden: {running} runs with it; override before the"
                " start or the first use, or let it start again:"
                f" async with container.override({self._name!r}, ..., restart=True)."
            )
        self.put()

    def take_away(self) -> None:
        """Take this override away, whoever runs with it, and no other."""
        others = list(self.part.overridden)
        if self._given in others:
            del others[-1 - others[::-1].index(self._given)]
        self.part.reset_override()
        for other in others:
            self.part.override(other)
        self._in_force.remove(self)
        self._drop_cached()

    def undo(self) -> None:
        """Take this override away, and no other. Nothing happens if that was done already.

        Raises:
            OverrideRefused: a service was started with the object; clean up the container first.
        """
        if not self.in_force:
            return
        started = self._services(lambda service: service.started)
        if started:
            raise OverrideRefused(
                f"The override of {self._name} cannot be undone: {started} was started with it."
                " First: await container.cleanup_async_services(), which undoes it too."
            )
        self.take_away()

    def __enter__(self) -> V:
        if not self.in_force:
            raise OverrideRefused(f"This override of {self._name} is over; make a new one.")
        return self.value

    def __exit__(self, *_error: object) -> None:
        self.undo()

    async def __aenter__(self) -> V:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.undo()

    def _services(self, which: Callable[[Any], bool]) -> str:
        """The services that hold the part and are such."""
        if not any(map(which, self._graph.services())):  # as nearly always
            return ""
        names = map(self._graph.name_of, filter(which, self._graph.services_on(self.part)))
        return " and ".join(names)

    def _drop_cached(self) -> None:
        """What was built with the other object is built anew when it is asked for."""
        for provider in self._graph.holders(self.part):
            if isinstance(provider, providers.BaseSingleton):
                provider.reset()


class RestartingOverride(Generic[V]):
    """An override that is in force within its ``async with`` block; what runs with the part is
    stopped before it, and started again with the object; and the same way back.
    """

    _entered = False

    def __init__(self, override: Override[V], lifecycle: Lifecycle) -> None:
        self._override, self._lifecycle = override, lifecycle

    async def __aenter__(self) -> V:
        self._entered = True
        override = self._override
        await self._lifecycle.exchange(override.part, override.put, override.take_away)
        return override.value

    async def __aexit__(self, *_error: object) -> None:
        if self._override.in_force:  # and was not undone by a cleanup
            await self._lifecycle.exchange(self._override.part, self._override.take_away)

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        if not self._entered:
            warn("override(..., restart=True) does nothing without `async with`.", RuntimeWarning)


def _reason_against(part: Part, name: str, value: object) -> str:
    reason = ""
    if isinstance(part, providers.Aggregate):
        reason = f"it is a group; override one of its parts, {name}.<part>"
    elif isinstance(part, providers.Configuration):
        reason = "settings are given when the container is made"
    elif value is NO_TYPE:
        reason = f"nothing says of which type it is; {name}: Provider[...] = ... would"
    elif value is None:
        reason = "None is no object; give what should stand there"
    elif isinstance(value, type) and not isinstance(part, providers.Object):
        reason = f"{value.__name__} is a class, not an object; give {value.__name__}(...)"
    elif isinstance(value, providers.Provider) and part in walk([value]):
        reason = "the provider that is given uses the part itself, without end"
    return reason
