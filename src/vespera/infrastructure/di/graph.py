"""Who uses whom among the providers of a container, in an order that never varies."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dependency_injector import providers

Part = providers.Provider[Any]
BUILDERS = (providers.Callable, providers.Factory, providers.BaseSingleton)


def uses(provider: Part) -> tuple[Part, ...]:
    """What it was declared with, and what overrides it."""
    return tuple(provider.related)


def uses_now(provider: Part) -> tuple[Part, ...]:
    """What it really uses: an override hides what it overrides."""
    last = provider.last_overriding
    return tuple(provider.related) if last is None else (last,)


def walk(roots: Iterable[Part], children: Callable[[Part], Iterable[Part]] = uses) -> list[Part]:
    """All that can be reached, each once: dependencies first, in the order of declaration.

    (``providers.traverse`` goes through a set, whose order is another in each process.)
    """
    order: list[Part] = []
    seen: set[Part] = set()

    def visit(provider: Part) -> None:
        if provider not in seen:
            seen.add(provider)
            for child in children(provider):
                visit(child)
            order.append(provider)

    for root in roots:
        visit(root)
    return order


def holders(
    target: Part, graph: Iterable[Part], children: Callable[[Part], Iterable[Part]] = uses
) -> list[Part]:
    """The target, and all of the graph (as ``walk`` gives it) whose objects hold the target's
    object, directly or through others.

    What is given another provider (``x.provider``, an ``Aggregate``) asks it anew each time, and
    holds nothing.
    """
    found = {target: None}
    for provider in graph:
        late = isinstance(provider, providers.Delegate | providers.Aggregate)
        if not late and not found.keys().isdisjoint(children(provider)):
            found[provider] = None
    return list(found)


def named_parts(declared: Mapping[str, Part]) -> dict[str, Part]:
    """Providers by name, those inside an ``Aggregate`` by dotted name (``specialists.coder``)."""
    found: dict[str, Part] = {}
    for name, provider in declared.items():
        if not isinstance(provider, providers.Self):  # left behind by `wire()`
            found[name] = provider
        if isinstance(provider, providers.Aggregate):
            found |= {f"{name}.{key}": part for key, part in provider.providers.items()}
    return found


def names_of(parts: Mapping[str, Part]) -> Callable[[Part], str]:
    """How to call a provider in a message: by its name, or by what it builds."""
    names = {provider: name for name, provider in parts.items()}
    return lambda provider: names.get(provider) or repr(provider)


def users_of_setting(path: str, parts: Mapping[str, Part]) -> list[str]:
    """The longest chain of parts that need a setting, the one that reads it first.

    It ends before an ``Aggregate``, whose parts are needed one by one.
    """
    names = {provider: [name] for name, provider in parts.items()}
    groups = (providers.Aggregate, providers.Configuration)
    chains: dict[Part, list[str]] = {}
    for provider in walk(parts.values()):
        below = [chains[child] for child in uses(provider) if child in chains]
        if isinstance(provider, providers.ConfigurationOption) and provider.get_name() == path:
            chains[provider] = []
        elif below and not isinstance(provider, groups):
            chains[provider] = max(below, key=len) + names.get(provider, [])
    return max(chains.values(), key=len, default=[])


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A sentence that names the words most like this one, or nothing."""
    near = difflib.get_close_matches(word, sorted(set(words)))
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
