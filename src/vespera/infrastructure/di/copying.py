"""How the providers of a container class are copied into a container."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from dependency_injector import providers

from vespera.infrastructure.di.graph import Part, uses, visit, walk
from vespera.infrastructure.di.service import Service, Singleton
from vespera.infrastructure.di.settings import Settings

ATOMS = (bool, bytes, complex, float, int, str, type(None), type, types.FunctionType)
"""Of these a copy is the thing itself."""


class Copies(dict[Any, Any]):
    """Copies by what they are copies of; an atom is its own.

    Attributes:
        order: all of them, as ``walk`` has them.
    """

    def __init__(self, known: Mapping[Part, Part]) -> None:
        super().__init__(known)
        self.order: list[Part] = []
        self._memo = {id(part): copy for part, copy in known.items()}
        self._seen: set[Part] = set()

    def __missing__(self, atom: Any) -> Any:
        return atom

    def add(self, part: Part, number: int, copy: Part) -> None:
        """Note a copy that was made by hand; the number is the part's ``id``."""
        self[part] = self._memo[number] = copy
        self._seen.add(copy)
        self.order.append(copy)

    def add_deep(self, part: Part) -> None:
        """Make a deep copy, and note it with all that came with it."""
        copy = self[part] = providers.deepcopy(part, self._memo)
        visit(copy, uses, self._seen, self.order)


class CopyPlan:
    """The parts of a class, and how each is copied; found out once.

    Nearly all are of a few kinds, which are copied by hand in a fifth of the time that ``deepcopy``
    takes. It copies the others, and those that have arguments to copy.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._look()

    def carry_out(self, known: Mapping[Part, Part]) -> Copies:
        """Copies of all parts and of what they use, except those that are ``known``."""
        if self._revision != Singleton.revision:
            self._look()
        copies = Copies(known)
        get = copies.__getitem__
        for part, number, by_hand in self._steps:
            if by_hand is None:
                copies.add_deep(part)
            else:
                copies.add(part, number, by_hand(part, get))
        return copies

    def _look(self) -> None:
        self._revision = Singleton.revision
        order = walk(self._parts.values())
        # Settings come first: they make the copies of their options.
        order.sort(key=lambda part: not isinstance(part, Settings))
        self._steps = [(part, id(part), _way_by_hand(part)) for part in order]


def _way_by_hand(part: Any) -> Callable[[Any, Callable[[Any], Any]], Part] | None:
    given = part.declared if isinstance(part, Singleton) else ()
    plain = all(isinstance(value, (providers.Provider, *ATOMS)) for value in given)
    return _BY_HAND.get(type(part)) if plain and part.last_overriding is None else None


_BY_HAND: dict[type, Callable[[Any, Callable[[Any], Any]], Part]] = {
    Singleton: Singleton.copied,
    Service: Service.copied,
    providers.Delegate: lambda part, copied: providers.Delegate(copied(part.provides)),
    providers.ProvidedInstance: lambda part, copied: type(part)(copied(part.provides)),
    providers.AttributeGetter: lambda part, copied: type(part)(copied(part.provides), part.name),
}
