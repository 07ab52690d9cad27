"""How the providers of a container class are copied into a container."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from dependency_injector import providers

from vespera.infrastructure.di.graph import Part, uses, visit, walk
from vespera.infrastructure.di.service import Service, Singleton

ATOMS = (
    *(bool, bytes, complex, float, int, str, type(None), type),
    *(types.FunctionType, types.BuiltinFunctionType),
)
"""Of these a copy is the thing itself."""


Copied = Callable[[Any], Any]
"""Gives the copy of a provider, and all else as it is."""


class Copies(dict[Any, Any]):
    """The copies by what they are copies of; of all else, itself."""

    def __missing__(self, key: Any) -> Any:
        return key


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
        copies, memo = Copies(known), {id(part): copy for part, copy in known.items()}
        order: list[Part] = []
        seen: set[Part] = set()
        copied = copies.__getitem__
        for part, number, by_hand in self._steps:
            if by_hand is None or number in memo:
                copies[part] = copy = providers.deepcopy(part, memo)
                visit(copy, uses, seen, order)
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
    if isinstance(part, Singleton):
        plain = all(isinstance(value, (providers.Provider, *ATOMS)) for value in part.declared)
    else:
        plain = type(part) is not providers.Object or isinstance(part.provides, ATOMS)
    return _BY_HAND.get(type(part)) if plain else None


_BY_HAND: dict[type, Callable[[Any, Copied], Part]] = {
    Singleton: Singleton.copied,
    Service: Service.copied,
    providers.Object: lambda part, _copied: providers.Object(part.provides),
    providers.Aggregate: lambda part, copied: providers.Aggregate(
        {key: copied(one) for key, one in part.providers.items()}
    ),
    providers.Delegate: lambda part, copied: providers.Delegate(copied(part.provides)),
    providers.ProvidedInstance: lambda part, copied: type(part)(copied(part.provides)),
    providers.AttributeGetter: lambda part, copied: type(part)(copied(part.provides), part.name),
}
