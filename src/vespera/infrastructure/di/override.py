"""Another object in the place of a part, until it is taken away again."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from dependency_injector import providers

from vespera.domain.errors import OverrideRefused
from vespera.infrastructure.di.graph import Part, holders, names_of, uses_now, walk
from vespera.infrastructure.di.service import Service

V = TypeVar("V")


class Override(Generic[V]):
    """One override: in force from the call that made it until ``undo``, the end of its ``with`` or
    ``async with`` block, or the container's cleanup. Overrides of one part may be undone in any
    order; the youngest that is left holds.
    """

    def __init__(
        self, name: str, value: V, parts: Mapping[str, Part], in_force: "list[Override[Any]]"
    ) -> None:
        self._name, self._value = name, value
        self._parts, self._target = parts, parts[name]
        self._in_force = in_force
        graph = walk(parts.values())
        reason = self._reason_against(graph)
        if reason:
            raise OverrideRefused(f"{name} cannot be overridden: {reason}.")
        given: Any = value if isinstance(value, providers.Provider) else providers.Object(value)
        self._given: Part = given
        for provider in walk([self._given]):
            provider.disable_async_mode()
        self._target.override(self._given)
        self._in_force.append(self)
        self._drop_cached(graph)

    def undo(self) -> None:
        """Take this override away, and no other. Nothing happens if that was done already.

        Raises:
            OverrideRefused: a service was started with the object; clean up the container first.
        """
        if self not in self._in_force:
            return
        graph = walk(self._parts.values())
        started = self._services(graph, running=False)
        if started:
            raise OverrideRefused(
                f"The override of {self._name} cannot be undone: {started} was started with it."
                " First: await container.cleanup_async_services(), which undoes it too."
            )
        others = list(self._target.overridden)
        if self._given in others:
            del others[-1 - others[::-1].index(self._given)]
        self._target.reset_override()
        for other in others:
            self._target.override(other)
        self._in_force.remove(self)
        self._drop_cached(graph)

    def __enter__(self) -> V:
        if self not in self._in_force:
            raise OverrideRefused(f"This override of {self._name} is over; make a new one.")
        return self._value

    def __exit__(self, *_error: object) -> None:
        self.undo()

    async def __aenter__(self) -> V:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.undo()

    def _reason_against(self, graph: list[Part]) -> str:
        value, target, reason = self._value, self._target, ""
        running = self._services(graph, running=True)
        if isinstance(target, providers.Aggregate):
            reason = f"it is a group; override one of its parts, {self._name}.<part>"
        elif isinstance(target, providers.Configuration):
            reason = "settings are given when the container is made"
        elif value is None:
            reason = "None is no object; give what should stand there"
        elif isinstance(value, type) and not isinstance(target, providers.Object):
            reason = f"{value.__name__} is a class, not an object; give {value.__name__}(...)"
        elif isinstance(value, providers.Provider) and target in walk([value]):
            reason = "the provider that is given uses the part itself, without end"
        elif running:
            reason = f"{running} runs with it; override before the start or the first use"
        return reason

    def _services(self, graph: list[Part], *, running: bool) -> str:
        """The services that hold the part and were started, or started themselves."""
        holding = holders(self._target, graph, uses_now)
        services = [provider for provider in holding if isinstance(provider, Service)]
        found = [s for s in services if s.started or (running and s.running)]
        return " and ".join(map(names_of(self._parts), found)) if found else ""

    def _drop_cached(self, graph: list[Part]) -> None:
        """What was built with the other object is built anew when it is asked for."""
        for provider in holders(self._target, graph):
            if isinstance(provider, providers.BaseSingleton):
                provider.reset()
