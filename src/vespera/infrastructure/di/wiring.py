"""What happens to a container class when it is declared, and what is checked before its first use.

``relink`` makes a subclass's replacement of a part reach the inherited parts too, which
dependency-injector does not do. ``problems_of`` finds the mistakes that would otherwise surface
one by one, each when a part is first asked for.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from dependency_injector import providers

from vespera.infrastructure.di.copying import ATOMS
from vespera.infrastructure.di.graph import BUILDERS, Graph, Part, did_you_mean, walk
from vespera.infrastructure.di.service import Singleton
from vespera.infrastructure.di.settings import Settings

_COPIED = (dict, list, set)  # arguments that each container gets its own copy of
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def relink(cls: Any) -> list[str]:
    """Give a class providers of its own, in which every reference to a part, of whichever base,
    is to the part of that name in this class. The MRO decides, as for attributes.

    Returns:
        What is wrong: parts that need each other, parts replaced by what is no provider.
    """
    linking = _Linking(cls)
    for name, winner in linking.winners.items():
        value = vars(cls).get(name, winner)
        if not isinstance(value, providers.Provider):
            linking.problems.append(f"{name}: {value!r} is no provider; use providers.Object(...)")
            continue
        cls.providers[name] = linking.part(name)
        type.__setattr__(cls, name, cls.providers[name])
    return linking.problems


class _Linking:
    """Copies the providers of one class and of its bases, each once."""

    def __init__(self, cls: type) -> None:
        self.winners: dict[str, Part] = {}
        self.problems: list[str] = []
        self._aliases: dict[Part, str] = {}
        self._making: list[str] = []
        self._made: dict[str, Part] = {}
        self._memo: dict[int, Any] = {}
        for klass in reversed(cls.__mro__):
            own = vars(klass).get("cls_providers", vars(klass))  # a mixin may be no container
            declared = _only_parts(vars(klass).get("providers", vars(klass)))
            self._aliases |= {provider: name for name, provider in declared.items()}
            self.winners |= {name: part for name, part in declared.items() if name in own}

    def part(self, name: str) -> Part:
        """The part of that name, linked; inside it, what it replaces (and may wrap) is a copy."""
        if name in self._making:
            path = [*self._making[self._making.index(name) :], name]
            self.problems.append(f"{name}: it needs itself, {' -> '.join(path)}")
            return self.winners[name]
        if name not in self._made:
            self._making.append(name)
            for provider in walk([self.winners[name]], self._inside(name)):
                other = self._aliases.get(provider, name)
                known = other != name and other in self.winners
                linked = self.part(other) if known else _copy(provider, self._memo)
                self._memo[id(provider)] = linked
            self._making.pop()
            made = self._made[name] = self._memo[id(self.winners[name])]
            self._memo |= {id(p): made for p, own in self._aliases.items() if own == name}
        return self._made[name]

    def _inside(self, name: str) -> Callable[[Part], Iterable[Part]]:
        """What a part is made of, as far as that has no other name. Settings are copied whole."""

        def children(provider: Part) -> Iterable[Part]:
            whole = isinstance(provider, providers.Configuration)
            own = self._aliases.get(provider, name) == name
            return provider.related if own and not whole else ()

        return children


def _copy(provider: Any, memo: dict[int, Any]) -> Part:
    if isinstance(provider, providers.Configuration):
        return Settings.copied(provider, memo)
    if isinstance(provider, providers.Container):
        return provider  # `problems_of` refuses it
    _keep_arguments(provider)
    if type(provider) in {providers.Singleton, providers.ThreadSafeSingleton}:
        attributes = provider.attributes
        provider = Singleton(provider.provides, *provider.args, **provider.kwargs)
        provider.set_attributes(**attributes)
    copy: Part = providers.deepcopy(provider, memo)
    return copy


def _only_parts(attributes: Mapping[str, Any]) -> dict[str, Part]:
    found = {n: value for n, value in attributes.items() if isinstance(value, providers.Provider)}
    return {name: part for name, part in found.items() if not isinstance(part, providers.Self)}


def _keep_arguments(provider: Any) -> None:
    """Keep plain objects among the arguments from being copied into each container."""
    if isinstance(provider, (*BUILDERS, providers.List)):
        provider.set_args(*map(_kept, provider.args))
    if isinstance(provider, BUILDERS):
        provider.set_kwargs(**{name: _kept(value) for name, value in provider.kwargs.items()})
    if isinstance(provider, providers.Dict):
        provider.set_kwargs({key: _kept(value) for key, value in provider.kwargs.items()})
    if isinstance(provider, providers.Factory | providers.BaseSingleton):
        provider.set_attributes(**{n: _kept(value) for n, value in provider.attributes.items()})


class _Kept(providers.Object[Any]):
    """An argument that is the same in all containers."""

    def __deepcopy__(self, _memo: Any) -> Self:
        return self


def _kept(value: Any) -> Any:
    copied = isinstance(value, (providers.Provider, *_COPIED, *ATOMS))
    return value if copied else _Kept(value)


def problems_of(graph: Graph, reserved: frozenset[str]) -> Iterator[str]:
    """The wiring mistakes of a container class; nothing is built."""
    for name in sorted(reserved & graph.parts.keys()):
        yield f"{name}: the container has an attribute of that name; choose another"
    order = graph.order()
    completed_by_caller = {p.provides for p in order if isinstance(p, providers.Delegate)}
    for provider in order:
        for problem in _misuse(provider, complete=provider not in completed_by_caller):
            yield f"{graph.name_of(provider)}: {problem}"


def _misuse(provider: Any, *, complete: bool) -> Iterator[str]:
    if isinstance(provider, providers.BaseResource):
        yield "a Resource makes all that uses it awaitable; use Service(...)"
    elif isinstance(provider, providers.Container | providers.DependenciesContainer):
        yield "containers are not nested; subclass one, or several at once"
    elif isinstance(provider, providers.Dependency) and not provider.is_defined:
        yield "is only declared; a subclass has to provide it"
    elif isinstance(provider, BUILDERS) and not providers.is_provider(provider.provides):
        made = provider.provides
        what = getattr(made, "__qualname__", repr(made))
        optional = type(provider) is providers.Callable or not complete
        for problem in _misfits(made, provider, optional=optional):
            yield f"{what} {problem}"


def _misfits(made: Any, provider: Any, *, optional: bool) -> Iterator[str]:
    if made is None:
        yield "is not what can be built"
    elif inspect.iscoroutinefunction(made) or inspect.isasyncgenfunction(made):
        yield "is async; use Service(...) for a class to start, Object(...) for a function as it is"
    elif inspect.isabstract(made) or getattr(made, "_is_protocol", None) is True:
        yield "is abstract; build a class that implements it"
    else:
        yield from _wrong_arguments(made, provider, optional=optional)


def _wrong_arguments(made: Any, provider: Any, *, optional: bool) -> Iterator[str]:
    try:
        parameters = inspect.signature(made).parameters
    except (NameError, TypeError, ValueError):  # written in C, or (3.14) annotated for later
        return
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in provider.kwargs if not open_ended else ():
        if name not in parameters:
            yield f"has no parameter {name!r}.{did_you_mean(name, parameters)}"
    given = {*list(parameters)[: len(provider.args)], *provider.kwargs}
    for name, parameter in parameters.items() if not optional else ():
        needed = parameter.default is parameter.empty and parameter.kind not in _VARIADIC
        if needed and name not in given:
            yield f"gets nothing for its parameter {name!r}"
