"""Who can do which kind of task."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches

from vespera.application.runtime.context import TaskContext
from vespera.domain.errors import SpecialistError

Handler = Callable[[TaskContext], Awaitable[object]]


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
        """Let ``specialist`` (an object with ``execute``, or a plain async function) do the tasks
        of this type, in this container, in place of what the container provides.
        """
        self._registered[specialist_type] = specialist

    def names(self) -> Sequence[str]:
        """All known types, sorted."""
        return sorted({*self._catalogue(), *self._registered})

    def knows(self, specialist_type: str) -> bool:
        """Whether somebody does tasks of this type."""
        return specialist_type in self._registered or specialist_type in self._catalogue()

    def like(self, specialist_type: str) -> Sequence[str]:
        """Known types with a similar name."""
        return get_close_matches(specialist_type, self.names(), n=3)

    def handler(self, specialist_type: str) -> Handler:
        """What to call with the ``TaskContext``.

        Raises:
            SpecialistError: the specialist cannot be built, or has no ``execute``.
        """
        specialist = self._registered.get(specialist_type)
        if specialist is None:
            specialist = self._build(specialist_type)
        if inspect.isroutine(specialist):
            return specialist
        execute = getattr(specialist, "execute", None)
        if isinstance(specialist, type) or not callable(execute):
            raise SpecialistError(
                f"The specialist {specialist_type!r} is {specialist!r}; it must be an object with"
                " an async method 'execute(task)', or a plain async function of one argument."
            )
        return execute  # type: ignore[no-any-return]

    def _build(self, specialist_type: str) -> object:
        try:
            return self._catalogue()[specialist_type]()
        except Exception as error:  # the boundary to the user's constructors
            why = f"{type(error).__name__}: {error}"
            raise SpecialistError(
                f"The specialist {specialist_type!r} cannot be built: {why}"
            ) from error
