"""Who can do which kind of task."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from vespera.application.runtime.context import TaskContext
from vespera.domain.errors import SpecialistError
from vespera.domain.flow import NO_LIMITS, Limits, Rate

Handler = Callable[[TaskContext], object]


class Specialists:
    """Finds the handler of a task's type, anew for each attempt, so that an override holds for
    recovered tasks too.

    Args:
        catalogue: gives the factories by type; asked at each look-up.
        limits: what the container says of types; it wins over what their classes say.
    """

    def __init__(
        self,
        *,
        catalogue: Callable[[], Mapping[str, Callable[[], object]]],
        limits: Mapping[str, Limits] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._registered: dict[str, object] = {}
        self._limits = dict(limits or {})
        self._own_limits: dict[str, Limits] = {}
        self.revision = 0

    def register(
        self,
        specialist_type: str,
        specialist: object,
        *,
        max_concurrent: int | None = None,
        max_concurrent_per_key: int | None = None,
        rate: Rate | None = None,
        rate_per_key: Rate | None = None,
    ) -> None:
        """Let ``specialist`` do the tasks of this type, in this container, in place of what the
        container provides. Its limits hold for all workers of the database together; see
        ``Limits``. If none are given, they are the container's for this type, or else those that
        the specialist has itself, as its attribute ``limits``.

        Args:
            specialist_type: the type of the tasks.
            specialist: an object with a method ``execute(task)``, or else a function or another
                callable of one argument, the ``TaskContext``; async or not. What is not async
                runs in a thread.
            max_concurrent: how many of the type's tasks run at a time; None: any number.
            max_concurrent_per_key: the same of those with the same ``concurrency_key``.
            rate: how many attempts begin in a window of time.
            rate_per_key: the same of tasks with the same ``concurrency_key``.

        Raises:
            InvalidRequest: a limit makes no sense; the error names it.
        """
        given = Limits(
            max_concurrent=max_concurrent,
            max_concurrent_per_key=max_concurrent_per_key,
            rate=rate,
            rate_per_key=rate_per_key,
        )
        self._own_limits.pop(specialist_type, None)
        if given.any:
            self._own_limits[specialist_type] = given
        self._registered[specialist_type] = specialist
        self.revision += 1

    def limits(self) -> Mapping[str, Limits]:
        """The limits of every known type."""
        return {kind: self._limits_of(kind) for kind in self.names()}

    def _limits_of(self, specialist_type: str) -> Limits:
        if specialist_type in self._own_limits:
            return self._own_limits[specialist_type]
        if specialist_type in self._limits:
            return self._limits[specialist_type]
        maker: object = self._registered.get(specialist_type)
        if maker is None:
            factory = self._catalogue()[specialist_type]
            maker = getattr(factory, "provides", factory)
        said = getattr(maker, "limits", None)
        return said if isinstance(said, Limits) else NO_LIMITS

    def names(self) -> Sequence[str]:
        """All known types, sorted."""
        return sorted({*self._catalogue(), *self._registered})

    def knows(self, specialist_type: str) -> bool:
        """Whether somebody does tasks of this type."""
        return specialist_type in self._registered or specialist_type in self._catalogue()

    def told_missing(self, specialist_type: str) -> str:
        """That nobody does tasks of this type, and which types are similar, or known."""
        near = get_close_matches(specialist_type, self.names(), n=3)
        known = near or self.names()
        kind = "similar" if near else "known"
        hint = f"{kind}: {', '.join(known)}" if known else "none is known"
        return f"No specialist does {specialist_type!r} ({hint})"

    def handler(self, specialist_type: str) -> Handler:
        """What to call with the ``TaskContext``; it gives the outcome, or an awaitable of it.

        Raises:
            SpecialistError: the specialist cannot be built, or is nothing that could be called.
        """
        if specialist_type in self._registered:
            specialist = self._registered[specialist_type]
        else:
            specialist = self._build(specialist_type)
        handler = _handler_of(specialist)
        if isinstance(specialist, type) or not callable(handler):
            raise SpecialistError(
                f"The specialist {specialist_type!r} is {specialist!r}; it must be an object with"
                " a method 'execute(task)', or a function of one argument; async or not."
            )
        return handler

    def _build(self, specialist_type: str) -> object:
        try:
            return self._catalogue()[specialist_type]()
        except Exception as error:  # the boundary to the user's constructors
            why = f"{type(error).__name__}: {error}"
            raise SpecialistError(
                f"The specialist {specialist_type!r} cannot be built: {why}"
            ) from error


def _handler_of(specialist: object) -> object:
    """The method ``execute``, if there is one; a mock makes one up when asked for it, and only its
    ``dir`` tells whether it was there before.
    """
    if inspect.isroutine(specialist):
        return specialist
    has_execute = hasattr(type(specialist), "execute") or "execute" in dir(specialist)
    if callable(specialist) and not has_execute:
        return specialist
    return getattr(specialist, "execute", None)
