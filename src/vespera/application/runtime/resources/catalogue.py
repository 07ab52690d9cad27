"""Which types of resources there are."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from difflib import get_close_matches
from typing import cast

from vespera.application.ports.resources import Held, ResourceType
from vespera.domain.errors import InvalidRequest, UnknownResourceType
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, checked_word

Opener = Callable[[Mapping[str, object]], AbstractAsyncContextManager[object]]
"""Gives an async context manager for a configuration; what it is entered with is the resource."""

_METHODS = ("announce", "hold", "remains", "reclaim")


class ResourceCatalogue:
    """Finds a resource type by its name, anew each time, so that an override holds.

    A type is a ``ResourceType``; or else a function that gives an async context manager for a
    configuration: then the resource lives within the process, nothing of it is left when that dies,
    and its operations are the public methods of what is entered.

    Args:
        catalogue: gives the factories by name; asked at each look-up.
    """

    def __init__(self, *, catalogue: Callable[[], Mapping[str, Callable[[], object]]]) -> None:
        self._catalogue = catalogue
        self._registered: dict[str, object] = {}

    def register(self, name: str, resource_type: object) -> None:
        """Let there be this type, in this container, in place of what the container provides.

        Raises:
            InvalidRequest: the name is blank, or this is no resource type.
        """
        checked_word(name, "name")
        _as_type(name, resource_type)
        self._registered[name] = resource_type

    def names(self) -> Sequence[str]:
        """All types, sorted."""
        return sorted({*self._registered, *self._catalogue()})

    def find(self, name: object) -> ResourceType:
        """The type of this name.

        Raises:
            InvalidRequest: the name is no text, or what is provided is no resource type.
            UnknownResourceType: there is none; near names are told.
        """
        known = checked_word(name, "resource_type")
        if known in self._registered:
            return _as_type(known, self._registered[known])
        makers = self._catalogue()
        if known not in makers:
            raise UnknownResourceType(
                f"There is no resource type {known!r}.{_near(known, self.names())} A container"
                " provides its types in resource_types."
            )
        return _as_type(known, makers[known]())


class _WithinTheProcess:
    """A type of which nothing outlives the process."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        return {}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        async with self._opener(configuration) as value:
            yield Held(value=value, operations=_public_methods(value))

    async def remains(self, trace: Trace) -> Sequence[str]:
        return ()

    async def reclaim(self, trace: Trace) -> None:
        return


def _as_type(name: str, given: object) -> ResourceType:
    if all(callable(getattr(given, method, None)) for method in _METHODS):
        return cast("ResourceType", given)
    if callable(given) and not isinstance(given, type):
        return _WithinTheProcess(given)
    raise InvalidRequest(
        f"{given!r} is no resource type: it has not all of {', '.join(_METHODS)}, and is no"
        " function that gives an async context manager for a configuration",
        field=f"resource_types.{name}",
    )


def _public_methods(value: object) -> Mapping[str, Callable[..., object]]:
    names = [name for name in dir(value) if not name.startswith("_")]
    plain = [n for n in names if not isinstance(getattr(type(value), n, None), property)]
    found = {name: getattr(value, name, None) for name in plain}
    return {name: method for name, method in found.items() if callable(method)}


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
