"""``BaseContainer``: dependency-injector's container with what it lacks for us.

    class Container(BaseContainer):
        defaults: ClassVar[Mapping[str, object]] = {"database_url": "sqlite+aiosqlite://"}
        database = Service(Database, url=BaseContainer.config.database_url)
        tasks: Provider[TaskRepository] = providers.Singleton(SqlTaskRepository, database)

Everything is declared, nothing is guessed: each part's arguments stand in its line. A part is
looked up by the type in its annotation, by its class, or by its name.
"""

import warnings
import weakref
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, overload

from dependency_injector import providers

from vespera.domain.errors import (
    AmbiguousPart,
    ContainerError,
    OverrideRefused,
    UnknownPart,
    UnknownSetting,
    WiringError,
)
from vespera.infrastructure.di.copying import CopyPlan
from vespera.infrastructure.di.fitting import check_fit, first_class
from vespera.infrastructure.di.graph import Graph, Part, did_you_mean, named_parts
from vespera.infrastructure.di.lifecycle import Lifecycle
from vespera.infrastructure.di.mocking import let_undo, mock_of
from vespera.infrastructure.di.override import NO_TYPE, Override, RestartingOverride
from vespera.infrastructure.di.part_types import PartTypes, Provider, annotated_ports, type_name
from vespera.infrastructure.di.quick_import import containers
from vespera.infrastructure.di.service import Service
from vespera.infrastructure.di.settings import Settings, defaults_of, settings_read_by
from vespera.infrastructure.di.wiring import problems_of, relink

__all__ = ["BaseContainer", "Override", "Provider", "Service", "providers"]

Key = str | Callable[..., object]
T = TypeVar("T")
V = TypeVar("V")
_NOTHING: Any = object()
living: "weakref.WeakSet[BaseContainer]" = weakref.WeakSet()
"""All containers of this process; tests look for overrides that were forgotten in them."""


if TYPE_CHECKING:

    class _Native:
        """What type checkers see: the declared parts, and not the catch-all ``__getattr__`` of
        dependency-injector, to which every misspelt name is a provider.
        """

        providers: Mapping[str, Part]

        def __new__(cls, plan: CopyPlan) -> Self: ...

else:

    class _Native(containers.DynamicContainer, containers.DeclarativeContainer):
        """Class and instance in one: dependency-injector makes its instances of another class."""

        def __new__(cls, plan: CopyPlan) -> Self:
            """Do as ``DeclarativeContainer.__new__`` does, in less time."""
            self = object.__new__(cls)
            containers.DynamicContainer.__init__(self)
            self.wiring_config, self.declarative_parent = deepcopy(cls.wiring_config), cls
            # No cycle through the container, so that it and all its parts go when it is let go.
            self.__self__.set_container(weakref.proxy(self))
            self.__self__.set_alt_names(cls.__self__.alt_names)
            copies, order = plan.carry_out({cls.__self__: self.__self__})
            named = {
                name: copies[provider]
                for name, provider in cls.providers.items()
                if not isinstance(provider, providers.Self)  # left behind by `wire()`
            }
            self.providers.update(named)
            vars(self).update(named, **dict.fromkeys(self.__self__.alt_names, self.__self__))
            self._graph = Graph(named, order)
            for provider in order:
                provider.disable_async_mode()  # so that nothing ever becomes a Future
                if isinstance(provider, providers.Self):
                    provider.set_container(self)
            if self.is_auto_wiring_enabled():
                self.wire()
            return self

        def __setattr__(self, name: str, value: object) -> None:
            is_made = "_lifecycle" in self.__dict__
            if is_made and isinstance(value, providers.Provider) and name != "parent":
                raise OverrideRefused(
                    f"{name} would not reach the parts that were made before; use"
                    f" container.override({name!r}, ...), or declare it in a subclass."
                )
            super().__setattr__(name, value)


class BaseContainer(_Native):
    """The parts of a program, each built when it is first asked for.

    Subclass it to add parts or to replace inherited ones; what is replaced is replaced for all that
    use it. Containers share nothing with each other. It works without being started: services
    start themselves on first use. ``async with`` starts them at once, in order, and stops them.
    """

    defaults: ClassVar[Mapping[str, object]] = {"stop_timeout": 10.0}
    config: providers.Configuration = Settings(strict=True)

    def __init__(self, settings: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Take the settings, as a mapping, by keyword, or both; the environment is never read.

        ``stop_timeout``: seconds that each service has to stop (10); None: any time.

        Raises:
            WiringError: the class has mistakes; all of them are listed.
            UnknownSetting: no part reads a setting that was given.
            OverrideRefused: a part of the class, rather than of a container, is overridden.
        """
        given = {**(settings or {}), **more}
        self._blueprint.check_settings(given)
        settings = self._blueprint.defaults | given
        self.config.set_default(settings)
        timeout = settings["stop_timeout"]
        if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
            raise ContainerError(f"config.stop_timeout is a time or None, not {timeout!r}.")
        self._lifecycle.stop_timeout = timeout

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: Callable[..., T]) -> T: ...
    def get(self, key: Any) -> Any:
        """The part of a type (a class or a Protocol) or of a name (``"specialists.coder"``).

        A plain call, never an awaitable. Ask after overriding, not before: an object that is held
        already keeps what it was built with.

        Raises:
            UnknownPart: nothing provides it; near names are told.
            AmbiguousPart: several parts provide it equally well; ask by name.
            MissingSetting: a setting that it needs was not given.
        """
        provider = self._found.get(key)
        if provider is None:
            found = self._graph.parts[self._blueprint.name_of(key)]
            group = isinstance(found, providers.Aggregate)
            provider = self._found[key] = providers.Delegate(found) if group else found
        return provider()

    @overload
    def override(
        self, key: Key, value: V, /, *, check: bool = ..., restart: Literal[False] = ...
    ) -> Override[V]: ...
    @overload
    def override(
        self, key: Key, value: V, /, *, check: bool = ..., restart: Literal[True]
    ) -> RestartingOverride[V]: ...
    def override(
        self, key: Any, value: Any = _NOTHING, /, *, check: bool = True, restart: bool = False
    ) -> Override[Any] | RestartingOverride[Any]:
        """Put an object in the place of a part, in this container only.

        As a call it holds until it is undone or the container is cleaned up; as ``with`` or
        ``async with`` until the end of the block, and ``as`` gives the object. Objects that the
        container had built with the other one are forgotten, when it is made and when it is
        undone. A provider may be given in place of the object.

        The object has to do what the part's port promises: the port of its annotation, or else
        the type that stands here as the key. ``check=False`` takes any object.

        ``async with container.override(..., restart=True)`` is for parts that running services
        hold: those are stopped, and started again with the object; and the same way back. If that
        fails or is cancelled, what ran before runs again.

        Raises:
            UnknownPart, AmbiguousPart: as for ``get``.
            OverrideRefused: the object lacks methods, or has others (all ``problems`` are told); a
                running service holds the part already; the value is None, a class, or a provider
                that uses the part itself; the part is a group or the settings; or this was called
                on the class.
        """
        if not isinstance(self, BaseContainer):
            raise OverrideRefused(
                "Override in a container, not in the class, where it would reach all containers:"
                " container = Container(); container.override(...)."
            )
        if value is _NOTHING:
            raise OverrideRefused("override(key, value): the object to put there is missing.")
        name = self._blueprint.name_of(key)
        made = Override(name, value, self._graph, self._overrides)
        port, built = self._blueprint.types.of(name)
        if check:
            check_fit(name, value, (port, key), built)
        if restart:
            return RestartingOverride(made, self._lifecycle)
        made.put_if_unused()
        return made

    def mock(self, key: Key, /) -> Any:
        """Put a mock in the place of a part, and give the mock.

        It has the methods of the part's port (or of the type that is asked for), with their
        signatures, async where they are async. It holds as an override does, and may be used in
        ``with`` or ``async with`` as one, unless its port is itself a context manager.

        Raises:
            UnknownPart, AmbiguousPart: as for ``get``.
            OverrideRefused: as for ``override``; or nothing says of which type the part is.
        """
        name = self._blueprint.name_of(key)
        port = first_class(key, *self._blueprint.types.of(name))
        mock = mock_of(port) if port else NO_TYPE
        let_undo(mock, self.override(name, mock))
        return mock

    async def initialize_async_services(self) -> None:
        """Start all services, dependencies first. Safe to repeat and to call at the same time.

        If a service fails, or the call is cancelled, all are stopped again and the error goes on.

        Raises:
            MissingSetting: a setting that a service needs was not given; nothing was started.
            ForeignEventLoop: the container was started in another event loop.
        """
        await self._lifecycle.start()

    async def cleanup_async_services(self) -> None:
        """Stop all services, those too that started themselves, in reverse order; then forget
        every object and every override. Safe to repeat; the container can be used again.

        Each service has ``stop_timeout`` seconds. All are stopped, whatever one of them does.

        Raises:
            ExceptionGroup: the errors of those that failed, ``StopTimedOut`` among them.
            ForeignEventLoop: the container was started in another event loop.
        """
        await self._lifecycle.stop(self._undo_overrides)

    def abandon(self) -> None:
        """Forget every service and stop none, as if the process had died; for tests of that.

        Works in whatever event loop, or none. The container is of no use afterwards.
        """
        self._lifecycle.abandon()

    async def __aenter__(self) -> Self:
        await self.initialize_async_services()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.cleanup_async_services()

    _blueprint: "_Blueprint"
    _graph: Graph
    _found: dict[Any, Part]
    _overrides: list[Override[Any]]
    _lifecycle: Lifecycle
    _mislinked: ClassVar[list[str]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._mislinked = relink(cls)

    def __new__(cls, *_settings: object, **_more: object) -> Self:
        """Copy the class's providers; the settings are for ``__init__``, which may be another's."""
        blueprint = _blueprint_of(cls)
        self = super().__new__(cls, blueprint.plan)
        living.add(self)
        self._blueprint, self._found, self._overrides = blueprint, {}, []
        self.config.set_default(blueprint.defaults)
        vars(self.config)["graph"] = weakref.ref(self._graph)
        self._lifecycle = Lifecycle(self._graph, blueprint.defaults["stop_timeout"])
        return self

    def _undo_overrides(self) -> None:
        for override in self._overrides[::-1]:
            override.undo()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        lifecycle = vars(self).get("_lifecycle")
        if lifecycle is not None and lifecycle.open:
            text = f"{type(self).__name__} was left open: await cleanup_async_services()."
            warn(text, ResourceWarning, source=self)


@dataclass(frozen=True, slots=True)
class _Blueprint:
    """What is known of a container class; found out once."""

    owner: str
    parts: dict[str, Part]
    types: PartTypes
    defaults: dict[str, Any]
    settings: frozenset[str]
    plan: CopyPlan

    def name_of(self, key: Any) -> str:
        """The name of the one part that provides a type, or that has this name."""
        names = [key] if key in self.parts else self.types.names_of(key)
        if not names:
            shown, known = type_name(key), self.types.known()
            near = did_you_mean(shown, self.parts if isinstance(key, str) else known)
            raise UnknownPart(f"{self.owner} provides no {shown}.{near}")
        if len(names) > 1:
            shown = f"{self.owner} provides {type_name(key)} by {' and '.join(names)}"
            hint = f"or annotate one of them: {names[0]}: Provider[{type_name(key)}] = ..."
            raise AmbiguousPart(f"{shown}; ask by name: container.get({names[0]!r}), {hint}")
        return names[0]

    def check_settings(self, given: Mapping[Any, object]) -> None:
        """Refuse settings that no part reads and that have no default."""
        for name in sorted(given.keys() - self.settings, key=str):
            near = did_you_mean(str(name), self.settings)
            if name in self.parts:
                near = f" It is a part: container.override({name!r}, ...)."
            raise UnknownSetting(f"{self.owner} has no setting {name!r}.{near}")


def _blueprint_of(cls: Any) -> _Blueprint:
    now = named_parts(cls.providers)
    blueprint: _Blueprint | None = vars(cls).get("_class_blueprint")
    if blueprint is None:
        problems = [*cls._mislinked, *problems_of(Graph(cls.providers), _RESERVED)]
        if problems:
            raise WiringError(cls.__name__, problems)
        defaults = cls.config.get_default() | defaults_of(cls)
        types = PartTypes(now, annotated_ports(cls))
        settings = settings_read_by(now).union(defaults)
        blueprint = _Blueprint(cls.__name__, now, types, defaults, settings, CopyPlan(now))
        type.__setattr__(cls, "_class_blueprint", blueprint)
    before = blueprint.parts
    changed = [name for name in before | now if before.get(name) is not now.get(name)]
    changed += [name for name, part in now.items() if part.last_overriding is not None]
    if changed:
        raise OverrideRefused(
            f"{', '.join(changed)} of the class {cls.__name__} was changed or overridden, which"
            " would reach all its containers. Take it back (reset_override()), and override in a"
            " container, or declare a subclass."
        )
    return blueprint


_RESERVED = frozenset({*dir(BaseContainer), "parent"} - {"config"})
