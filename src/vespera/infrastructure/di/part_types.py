"""Which part provides which type."""

import inspect
import re
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dependency_injector import providers

from vespera.infrastructure.di.graph import BUILDERS, Part

if TYPE_CHECKING:
    from dependency_injector.providers import Provider as Provider  # noqa: PLC0414
else:

    class Provider(providers.Provider):
        """``tasks: Provider[TaskRepository] = ...`` says which port a part provides.

        To type checkers it is dependency-injector's ``Provider``, which drops its argument at run
        time; this one keeps it, so that a container can look the port up.
        """

        def __class_getitem__(cls, port: object) -> types.GenericAlias:
            return types.GenericAlias(cls, (port,))


class PartTypes:
    """The names of the parts by type: by annotation, else by class, else by base class."""

    def __init__(self, parts: Mapping[str, Part], ports: Mapping[str, Any]) -> None:
        self._levels: tuple[dict[Any, list[str]], ...] = ({}, {}, {})
        self._of: dict[str, tuple[Any, Any]] = {}
        for name, provider in parts.items():
            port = None if isinstance(provider, providers.Aggregate) else ports.get(name)
            made = _made_type(provider)
            self._of[name] = port, made
            for level, keys in enumerate(([port], [made], _bases([port, made]))):
                for key in keys:
                    if key is not None and getattr(key, "__module__", "") != "builtins":
                        self._levels[level].setdefault(key, []).append(name)

    def names_of(self, key: Any) -> list[str]:
        """The parts that provide a type; several only if they do so equally well."""
        for level in self._levels:
            for form in (key, type_name(key)):  # what could not be evaluated is kept as text
                if form in level:
                    return level[form]
        return []

    def of(self, name: str) -> tuple[Any, Any]:
        """The port that a part is annotated with, and the class that it builds, as far as known."""
        return self._of[name]

    def known(self) -> set[str]:
        """The names of all types that are provided."""
        return {type_name(key) for level in self._levels for key in level}


def annotated_ports(cls: type) -> dict[str, Any]:
    """``{"tasks": TaskRepository}`` for ``tasks: Provider[TaskRepository]``, bases included."""
    ports: dict[str, Any] = {}
    for klass in reversed(cls.__mro__):
        scope = dict(vars(sys.modules.get(klass.__module__, types)))
        found = {name: _port(text, scope) for name, text in annotations_of(klass).items()}
        ports |= {name: port for name, port in found.items() if port is not None}
    return ports


def annotations_of(klass: type) -> Mapping[str, Any]:
    """The annotations of the class itself, evaluated or as text."""
    if sys.version_info >= (3, 14):  # annotations are lazy; those for type checkers stay text
        import annotationlib  # noqa: PLC0415

        return annotationlib.get_annotations(klass, format=annotationlib.Format.STRING)
    return inspect.get_annotations(klass)


def type_name(key: Any) -> str:
    """How to call a type in a message."""
    return getattr(key, "__name__", None) or repr(key)


def _port(annotation: Any, scope: dict[str, Any]) -> Any:
    """The type in the brackets; its bare name if it is local, or known to type checkers only."""
    if isinstance(annotation, str):
        match = re.fullmatch(r"['\"]?[\w.]+\[['\"]?(.+?)['\"]?\]['\"]?", annotation, re.DOTALL)
        port = match[1] if match else None
    else:
        port = next(iter(typing.get_args(annotation)), None)
    try:
        return eval(port, scope) if isinstance(port, str) else port  # noqa: S307  (our own text)
    except (AttributeError, NameError, SyntaxError, TypeError):
        return str(port).rpartition(".")[2]


def _made_type(provider: Part) -> Any:
    """The class of what a provider gives, as far as it is known without a call."""
    made = getattr(provider, "provides", None) if isinstance(provider, BUILDERS) else None
    if isinstance(provider, providers.Object):
        return type(provider.provides)
    try:
        return made if isinstance(made, type) else typing.get_type_hints(made).get("return")
    except (NameError, TypeError):
        return None


def _bases(keys: Iterable[Any]) -> list[type]:
    """The classes themselves too, without their parameters."""
    found = [base for key in keys for base in getattr(typing.get_origin(key) or key, "__mro__", ())]
    return [b for b in dict.fromkeys(found) if b.__module__ not in {"abc", "builtins", "typing"}]
