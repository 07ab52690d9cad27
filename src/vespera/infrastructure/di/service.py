"""Providers that keep the object they build: ``Singleton`` and ``Service``."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from threading import RLock
from typing import Any, TypeVar

from dependency_injector import providers

T = TypeVar("T")


class Singleton(providers.Singleton[T]):
    """One object per container, whichever thread asks for it first.

    Container classes put it in the place of dependency-injector's ``Singleton``, which builds one
    object per waiting thread, builds ``None`` anew each time, and makes a ``Future`` of a
    generator. Each singleton has a lock of its own: locks are taken in the direction of the
    dependencies, which have no cycle, so that no two of them can wait for each other.
    """

    _kept: tuple[T] | None = None

    def __init__(
        self, provides: Callable[..., T] | None = None, *args: object, **kwargs: object
    ) -> None:
        self._lock = RLock()
        super().__init__(provides, *args, **kwargs)

    def reset(self) -> Any:
        """Forget the object; it is built anew when it is asked for."""
        self._kept = None
        return super().reset()

    def _provide(self, args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        kept = self._kept
        if kept is None:
            with self._lock:
                kept = self._kept = self._kept or (self._build(args, kwargs),)
        return kept[0]

    def _build(self, args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        factory = providers.Factory(self.provides, *self.args, **self.kwargs)
        factory.set_attributes(**self.attributes).disable_async_mode()
        return factory(*args, **kwargs)


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
        return self.started or any(getattr(p, "started", None) is True for p in self._kept or ())

    def reset(self) -> Any:
        """Forget the object, but not that it must be stopped when the container is cleaned up."""
        self._dropped += self._kept or ()
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


def _stopper(part: object, *, entered: bool) -> Callable[[], object] | None:
    if entered and not hasattr(part, "stop") and hasattr(part, "__aexit__"):
        return partial(part.__aexit__, None, None, None)
    methods = (getattr(part, name, None) for name in ("stop", "aclose", "close"))
    return next(filter(None, methods), None)


async def _call(method: Callable[[], object] | None) -> None:
    result = method() if method else None
    if inspect.isawaitable(result):
        await result
