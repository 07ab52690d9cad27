"""Who can do which kind of task."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from vespera.application.runtime.context import TaskContext
from vespera.domain.errors import SpecialistError

Handler = Callable[[TaskContext], object]


class Specialists:
    """Finds the handler of a task's type, anew for each attempt, so that an override holds for
    recovered tasks too.

    Args:
        catalogue: gives the factories by type; asked at each look-up.
    """

    def __init__(self, *, catalogue: Callable[[], Mapping[str, Callable[[], object]]]) -> None:
        self._catalogue = catalogue
        self._registered: dict[str, object] = {}

    def register(self, specialist_type: str, specialist: object) -> None:
        """Let ``specialist`` do the tasks of this type, in this container, in place of what the
        container provides.

        Args:
            specialist_type: the type of the tasks.
            specialist: an object with a method ``execute(task)``, or else a function or another
                callable of one argument, the ``TaskContext``; async or not. What is not async
                runs in a thread.
        """
        self._registered[specialist_type] = specialist

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
