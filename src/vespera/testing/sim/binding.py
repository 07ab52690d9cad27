"""Other parts for a container that was just made, in no time: thousands of them live and die."""

from collections.abc import Iterator, Mapping
from typing import Any

from vespera.infrastructure.di.base import BaseContainer, providers

_dependents: dict[tuple[type, frozenset[str]], tuple[str, ...]] = {}


def bind_parts(container: BaseContainer, parts: Mapping[str, object]) -> None:
    """Put the parts there for the container's whole life, and forget what was built with others.

    As ``container.override`` for each, without what it takes to undo that.
    """
    for name, part in parts.items():
        container.providers[name].override(providers.Object(part))
    for name in _holding(container, frozenset(parts)):
        singleton: Any = container.providers[name]
        singleton.reset()


def _holding(container: BaseContainer, names: frozenset[str]) -> tuple[str, ...]:
    """The singletons that are built with one of the parts, however deep; the same in a class."""
    key = (type(container), names)
    if key not in _dependents:
        targets = {id(container.providers[name]) for name in names}
        _dependents[key] = tuple(
            name
            for name, provider in container.providers.items()
            if isinstance(provider, providers.BaseSingleton) and _reaches(provider, targets)
        )
    return _dependents[key]


def _reaches(provider: Any, targets: set[int]) -> bool:
    return any(id(part) in targets for part in _parts_of(provider, set()))


def _parts_of(provider: Any, seen: set[int]) -> Iterator[Any]:
    for part in provider.related:
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            yield from _parts_of(part, seen)
