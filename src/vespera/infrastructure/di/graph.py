"""Who uses whom among the providers of a container, in an order that never varies."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dependency_injector import providers

from vespera.infrastructure.di.service import Service

Part = providers.Provider[Any]
BUILDERS = (providers.Callable, providers.Factory, providers.BaseSingleton)


def uses(provider: Part) -> Iterable[Part]:
    """What it was declared with, and what overrides it."""
    return provider.related


def uses_now(provider: Part) -> Iterable[Part]:
    """What it really uses: an override hides what it overrides."""
    last = provider.last_overriding
    return provider.related if last is None else (last,)


def walk(roots: Iterable[Part], children: Callable[[Part], Iterable[Part]] = uses) -> list[Part]:
    """All that can be reached, each once: dependencies first, in the order of declaration.

    (``providers.traverse`` goes through a set, whose order is another in each process.)
    """
    order: list[Part] = []
    seen: set[Part] = set()
    for root in roots:
        visit(root, children, seen, order)
    return order


def visit(
    provider: Part,
    children: Callable[[Part], Iterable[Part]],
    seen: set[Part],
    order: list[Part],
) -> None:
    """Add to the order what can be reached from one more provider."""
    if provider not in seen:
        seen.add(provider)
        for child in children(provider):
            visit(child, children, seen, order)
        order.append(provider)


class Graph:
    """The parts of one container by name, and everything that they use."""

    def __init__(self, declared: Mapping[str, Part], order: list[Part] | None = None) -> None:
        self.parts = named_parts(declared)
        self._names = {provider: name for name, provider in self.parts.items()}
        self._declared = walk(self.parts.values()) if order is None else order

    def order(self, *, now: bool = False) -> list[Part]:
        """Everything, dependencies first: with the providers that override it and what they use
        (an object that was put there is neither), or ``now``: without what is overridden.
        """
        overridden = [part for part in self._declared if part.last_overriding is not None]
        if not overridden or (not now and all(map(_is_plain, overridden))):
            return self._declared
        return walk(self.parts.values(), uses_now if now else uses)

    def services(self, *, now: bool = False) -> list[Service[Any]]:
        """The services among everything."""
        return [provider for provider in self.order(now=now) if isinstance(provider, Service)]

    def services_on(self, target: Part) -> list[Service[Any]]:
        """The services that hold the target's object, and those of its overrides alone."""
        brought = set(walk(target.overridden)).difference(self._declared)
        found = brought.union(self.holders(target, now=True))
        return [service for service in self.services(now=True) if service in found]

    def holders(self, target: Part, *, now: bool = False) -> list[Part]:
        """The target, and all whose objects hold the target's object, directly or through others.

        What is given another provider (``x.provider``, an ``Aggregate``) asks it anew each time,
        and holds nothing.
        """
        children = uses_now if now else uses
        found = {target: None}
        for provider in self.order(now=now):
            late = isinstance(provider, providers.Delegate | providers.Aggregate)
            if not late and not found.keys().isdisjoint(children(provider)):
                found[provider] = None
        return list(found)

    def name_of(self, provider: Part) -> str:
        """How to call a provider in a message: by its name, or by what it builds."""
        return self._names.get(provider) or repr(provider)

    def users_of_setting(self, path: str) -> list[str]:
        """The longest chain of parts that need a setting, the one that reads it first.

        It ends before an ``Aggregate``, whose parts are needed one by one.
        """
        groups = (providers.Aggregate, providers.Configuration)
        chains: dict[Part, list[str]] = {}
        for provider in self.order():
            below = [chains[child] for child in uses(provider) if child in chains]
            if isinstance(provider, providers.ConfigurationOption) and provider.get_name() == path:
                chains[provider] = []
            elif below and not isinstance(provider, groups):
                own = [self._names[provider]] if provider in self._names else []
                chains[provider] = max(below, key=len) + own
        return max(chains.values(), key=len, default=[])


def _is_plain(provider: Part) -> bool:
    """Whether it is overridden by objects at most, which use nothing and change no order."""
    return all(
        type(other) is providers.Object and not [*other.related] for other in provider.overridden
    )


def named_parts(declared: Mapping[str, Part]) -> dict[str, Part]:
    """Providers by name, those inside an ``Aggregate`` by dotted name (``specialists.coder``)."""
    found: dict[str, Part] = {}
    for name, provider in declared.items():
        if not isinstance(provider, providers.Self):  # left behind by `wire()`
            found[name] = provider
        if isinstance(provider, providers.Aggregate):
            found |= {f"{name}.{key}": part for key, part in provider.providers.items()}
    return found


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A sentence that names the words most like this one, or nothing."""
    near = difflib.get_close_matches(word, sorted(set(words)))
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
