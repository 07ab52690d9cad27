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

Memo = dict[int, Any]
"""Copies by the ``id`` of what they are copies of, as ``deepcopy`` keeps them."""


class CopyPlan:
    """The providers of a class, and how each is copied; found out once.

    Nearly all are of a few kinds, which are copied by hand in a fifth of the time that ``deepcopy``
    takes. It copies the others, and those that have arguments to copy.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._look()

    def copy(self, memo: Memo) -> list[Part]:
        """Fill the memo; gives the copies in the order of ``walk``."""
        if self._revision != Singleton.revision:
            self._look()
        order: list[Part] = []
        seen: set[Part] = set()
        for settings in self._settings:  # at first: they make the copies of their options
            providers.deepcopy(settings, memo)
        for part, copied in self._steps:
            if copied is None:
                visit(providers.deepcopy(part, memo), uses, seen, order)
                continue
            copy = memo[id(part)] = copied(part, memo)
            seen.add(copy)
            order.append(copy)
        return order

    def _look(self) -> None:
        self._revision = Singleton.revision
        order = walk(self._parts.values())
        self._settings = [part for part in order if isinstance(part, Settings)]
        self._steps = [(part, _copier(part)) for part in order]


def _copier(part: Any) -> Callable[[Any, Memo], Part] | None:
    given = part.declared if isinstance(part, Singleton) else ()
    plain = all(isinstance(value, (providers.Provider, *ATOMS)) for value in given)
    return _BY_HAND.get(type(part)) if plain and part.last_overriding is None else None


_BY_HAND: dict[type, Callable[[Any, Memo], Part]] = {
    Singleton: Singleton.copied,
    Service: Service.copied,
    Settings: providers.deepcopy,
    providers.ConfigurationOption: providers.deepcopy,
    providers.Delegate: lambda part, memo: providers.Delegate(memo[id(part.provides)]),
    providers.ProvidedInstance: lambda part, memo: part.__class__(memo[id(part.provides)]),
    providers.AttributeGetter: lambda part, memo: part.__class__(memo[id(part.provides)], part.name),
}
