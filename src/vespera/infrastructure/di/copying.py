"""How the providers of a container class are copied into a container."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from dependency_injector import providers

from vespera.infrastructure.di.graph import Part, uses, visit, walk
from vespera.infrastructure.di.service import Service, Singleton

ATOMS = (bool, bytes, complex, float, int, str, type(None), type, types.FunctionType)
"""Of these a copy is the thing itself."""


Copied = Callable[[Any], Any]
"""Gives the copy of a provider, and all else as it is."""


class CopyPlan:
    """The parts of a class, and how each is copied; found out once.

    Nearly all are of a few kinds, which are copied by hand in a fifth of the time that ``deepcopy``
    takes. It copies the others, with all that they use, and those that have arguments to copy.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._look()

    def carry_out(self, known: Mapping[Part, Part]) -> tuple[Mapping[Part, Part], list[Part]]:
        """Copies of all parts and of what they use, except those that are ``known``; and the same
        in the order of ``walk``.
        """
        if self._revision != Singleton.revision:
            self._look()
        copies, memo = dict(known), {id(part): copy for part, copy in known.items()}
        order: list[Part] = []
        seen: set[Part] = set()

        def copied(value: Any) -> Any:
            return copies.get(value, value)

        for part, number, by_hand in self._steps:
            if by_hand is None or number in memo:
                copies[part] = providers.deepcopy(part, memo)
                visit(copies[part], uses, seen, order)
            else:
                copies[part] = memo[number] = copy = by_hand(part, copied)
                seen.add(copy)
                order.append(copy)
        return copies, order

    def _look(self) -> None:
        self._revision = Singleton.revision
        # What `deepcopy` copies may have made its own of what it uses.
        order = walk(self._parts.values(), lambda part: uses(part) if _by_hand(part) else ())
        self._steps = [(part, id(part), _by_hand(part)) for part in order]


def _by_hand(part: Any) -> Callable[[Any, Copied], Part] | None:
    given = part.declared if isinstance(part, Singleton) else ()
    plain = all(isinstance(value, (providers.Provider, *ATOMS)) for value in given)
    return _BY_HAND.get(type(part)) if plain else None


_BY_HAND: dict[type, Callable[[Any, Copied], Part]] = {
    Singleton: Singleton.copied,
    Service: Service.copied,
    providers.Delegate: lambda part, copied: providers.Delegate(copied(part.provides)),
    providers.ProvidedInstance: lambda part, copied: type(part)(copied(part.provides)),
    providers.AttributeGetter: lambda part, copied: type(part)(copied(part.provides), part.name),
}
