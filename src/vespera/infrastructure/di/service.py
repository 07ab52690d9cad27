"""Providers that keep the object they build: ``Singleton`` and ``Service``."""

import inspect
from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import partial
from threading import RLock
from typing import Any, Self, TypeVar

from dependency_injector import providers

T = TypeVar("T")


class Singleton(providers.BaseSingleton[T]):
    """One object per container, whichever thread asks for it first.

    Container classes put it in the place of dependency-injector's ``Singleton``, which builds one
    object per waiting thread, builds ``None`` anew each time, makes a ``Future`` of a generator,
    and takes thirty times as long to copy. Each has a lock of its own: locks are taken in the
    direction of the dependencies, which have no cycle, so that no two can wait for each other.
    """

    provides: Any = None  # in the place of properties, which ask a factory that is not made here
    args: Any = ()
    kwargs: Any = None
    attributes: Any = None
    revision = 0  # how often any of them was given other arguments

    def __init__(
        self, provides: Callable[..., T] | str | None = None, *args: object, **kwargs: object
    ) -> None:
        self._begin(_found(provides), args, kwargs, {})

    def _begin(
        self,
        provides: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        attributes: dict[str, Any],
    ) -> None:
        providers.Provider.__init__(self)  # and not that of the base, which takes so long
        self.disable_async_mode()  # so that nothing ever becomes a Future
        self.provides = provides
        self.args, self.kwargs, self.attributes = args, kwargs, attributes
        self._kept: tuple[T, ...] = ()
        self._lock = RLock()

    def __deepcopy__(self, memo: Any) -> Self:
        return self.copied(lambda value: deepcopy(value, memo))

    def copied(self, copy: Callable[[Any], Any]) -> Self:
        """Another one, of copies of what this one is declared with."""
        made = type(self).__new__(type(self))
        made._begin(  # noqa: SLF001  (its own class)
            copy(self.provides),
            tuple(map(copy, self.args)),
            dict(zip(self.kwargs, map(copy, self.kwargs.values()), strict=True)),
            dict(zip(self.attributes, map(copy, self.attributes.values()), strict=True)),
        )
        return made

    @property
    def declared(self) -> tuple[Any, ...]:
        """All that it is declared with."""
        return self.provides, *self.args, *self.kwargs.values(), *self.attributes.values()

    def __str__(self) -> str:
        return str(providers.represent_provider(provider=self, provides=self.provides))

    @property
    def related(self) -> Any:
        """What it is declared with, and what overrides it."""
        return [*(p for p in self.declared if isinstance(p, providers.Provider)), *self.overridden]

    def reset(self) -> Any:
        """Forget the object; it is built anew when it is asked for."""
        self._kept = ()
        return providers.SingletonResetContext(self)

    def set_provides(self, provides: Callable[..., T] | str | None) -> Self:
        """Say what builds the object, by itself or by its dotted name."""
        Singleton.revision += 1
        self.provides = _found(provides)
        return self

    def set_args(self, *args: object) -> Self:
        """Give other positional arguments."""
        Singleton.revision += 1
        self.args = args
        return self

    def set_kwargs(self, **kwargs: object) -> Self:
        """Give other keyword arguments."""
        Singleton.revision += 1
        self.kwargs = kwargs
        return self

    def set_attributes(self, **attributes: object) -> Self:
        """Give other attributes, which are set on the object."""
        Singleton.revision += 1
        self.attributes = attributes
        return self

    def add_args(self, *args: object) -> Self:
        """Give more positional arguments."""
        return self.set_args(*self.args, *args)

    def add_kwargs(self, **kwargs: object) -> Self:
        """Give more keyword arguments."""
        return self.set_kwargs(**self.kwargs | kwargs)

    def add_attributes(self, **attributes: object) -> Self:
        """Give more attributes."""
        return self.set_attributes(**self.attributes | attributes)

    def clear_args(self) -> Self:
        """Take the positional arguments away."""
        return self.set_args()

    def clear_kwargs(self) -> Self:
        """Take the keyword arguments away."""
        return self.set_kwargs()

    def clear_attributes(self) -> Self:
        """Take the attributes away."""
        return self.set_attributes()

    def _provide(self, args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        if not self._kept:
            with self._lock:
                self._kept = self._kept or (self._build(args, kwargs),)
        return self._kept[0]

    def _build(self, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
        needed = {name: _given(self.kwargs[name]) for name in self.kwargs if name not in kwargs}
        built = _given(self.provides)(*map(_given, self.args), *args, **needed, **kwargs)
        for name, value in self.attributes.items():
            setattr(built, name, _given(value))
        return built


class Service(Singleton[T]):
    """A singleton that is built by a plain call, and started and stopped by the container.

    Because building it is a plain call, nothing that uses it becomes an awaitable. The object has
    ``start()`` and ``stop()``, or is an async context manager (entered, and left if it was
    entered), or has ``aclose()`` or ``close()`` only; each may be async or not. ``start`` may come
    twice; ``stop`` also comes to an object that was built and never started. An object that starts
    itself on first use tells so by an attribute ``started`` that is True.
    """

    started = False
    _dropped: tuple[T, ...] = ()

    @property
    def running(self) -> bool:
        """Whether the container has started it, or it has started itself."""
        return self.started or any(getattr(p, "started", None) is True for p in self._kept)

    def reset(self) -> Any:
        """Forget the object, but not that it must be stopped when the container is cleaned up."""
        self._dropped += self._kept
        self.started = False
        return super().reset()

    async def start(self) -> None:
        """Start the object, which is built if need be; nothing happens if it was started."""
        if not self.started:
            part = self._provide((), {})
            await _call(getattr(part, "start", None) or getattr(part, "__aenter__", None))
            self.started = True

    def abandon(self) -> None:
        """Forget every object and stop none; those that can be abandoned are told to be."""
        self.reset()
        parts, self._dropped = self._dropped, ()
        for part in parts:
            abandon = getattr(part, "abandon", None)
            if abandon is not None:
                abandon()

    def release(self) -> list[Callable[[], Awaitable[None]]]:
        """Forget every object and give what stops them, the newest first."""
        entered = self.started
        self.reset()
        parts, self._dropped = self._dropped, ()
        return [partial(_call, _stopper(part, entered=entered)) for part in reversed(parts)]


def _found(provides: Any) -> Any:
    return providers.Callable(provides).provides if isinstance(provides, str) else provides


def _given(value: Any) -> Any:
    """An argument, as what is built gets it."""
    asked = isinstance(value, Singleton) or (
        isinstance(value, providers.Provider) and not providers.is_delegated(value)
    )
    return value() if asked else value


def _stopper(part: object, *, entered: bool) -> Callable[[], object] | None:
    if entered and not hasattr(part, "stop") and hasattr(part, "__aexit__"):
        return partial(part.__aexit__, None, None, None)
    methods = (getattr(part, name, None) for name in ("stop", "aclose", "close"))
    return next(filter(None, methods), None)


async def _call(method: Callable[[], object] | None) -> None:
    result = method() if method else None
    if inspect.isawaitable(result):
        await result
