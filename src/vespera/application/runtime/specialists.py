"""Who can do which kind of task."""

import logging
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from vespera.application.runtime.handler_versions import (
    check_members,
    chosen,
    is_taken,
    members_of,
    version_after,
    version_of,
)
from vespera.application.runtime.handlers import NO_HANDLER, Handler, handler_of, wrong_with
from vespera.domain.errors import InvalidRequest, SpecialistError
from vespera.domain.flow import ALL_TYPES, NO_LIMITS, Limits, Rate, limits_of
from vespera.domain.request import specialist_type_of

logger = logging.getLogger("vespera")


class Specialists:
    """Finds the handler of a task's type, anew for each attempt, so that an override holds for
    recovered tasks too.

    Args:
        catalogue: gives the factories by type; asked at each look-up.
        limits: what the container says of types; it wins over what their classes say. Of all types
            together it is said under "*".
        told: is called when others do tasks now than before.

    Raises:
        InvalidRequest: the limits are none, or of all types something is limited that cannot be.
    """

    def __init__(
        self,
        *,
        catalogue: Callable[[], Mapping[str, Callable[[], object]]],
        limits: Mapping[str, Limits] | None = None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._catalogue, self._told = catalogue, told
        self._registered: dict[str, object] = {}
        self._limits = {} if limits is None else dict(limits_of(limits))
        self._own_limits: dict[str, Limits] = {}
        self._refused: set[tuple[str, str]] = set()
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
        the specialist has itself, as its attribute ``limits``. Tasks that have waited for it go
        on at once, where a worker runs.

        Args:
            specialist_type: the type of the tasks.
            specialist: an object with a method ``execute(task)``, or else a function or another
                callable of one argument, the ``TaskContext``; async or not. What is not async
                runs in a thread. Or a list of these, versions of one handler side by side, the
                newest first.
            max_concurrent: how many of the type's tasks run at a time; None: any number.
            max_concurrent_per_key: the same of those with the same ``concurrency_key``.
            rate: how many attempts begin in a window of time.
            rate_per_key: the same of tasks with the same ``concurrency_key``.

        Raises:
            InvalidRequest: a limit or the type's name makes no sense, versions cannot be told
                apart, or a specialist can do no task: it is a class or no callable, does not take
                one argument, or yields.
        """
        given = Limits(
            max_concurrent=max_concurrent,
            max_concurrent_per_key=max_concurrent_per_key,
            rate=rate,
            rate_per_key=rate_per_key,
        )
        specialist_type_of(specialist_type)
        check_members(specialist)
        _check_handlers(specialist_type, specialist)
        self._own_limits.pop(specialist_type, None)
        if given.any:
            self._own_limits[specialist_type] = given
        self._registered[specialist_type] = specialist
        self.revision += 1
        self._told()

    def limits(self) -> Mapping[str, Limits]:
        """The limits of every known type, and those of all together, if something is said of
        them.
        """
        of_all = {ALL_TYPES: self._limits[ALL_TYPES]} if ALL_TYPES in self._limits else {}
        return {**{kind: self._limits_of(kind) for kind in self.names()}, **of_all}

    def _limits_of(self, specialist_type: str) -> Limits:
        if specialist_type in self._own_limits:
            return self._own_limits[specialist_type]
        if specialist_type in self._limits:
            return self._limits[specialist_type]
        said = getattr(self._makers(specialist_type)[0], "limits", None)
        return said if isinstance(said, Limits) else NO_LIMITS

    def _makers(self, specialist_type: str) -> Sequence[object]:
        """Of each version of a known type, the newest first: the specialist, or its class."""
        if specialist_type in self._registered:
            return members_of(self._registered[specialist_type])
        factory: object = self._catalogue()[specialist_type]
        made: object = getattr(factory, "provides", None)
        if made is None:  # a list of providers
            listed = [getattr(each, "provides", each) for each in getattr(factory, "args", ())]
            made = listed or factory
        return members_of(made)

    def current_version(self, specialist_type: str, begun_by: str | None = None) -> str | None:
        """The version of the handler, if it says one, that a task of the type begins with, or that
        goes on with one which ``begun_by`` has.
        """
        if not self.knows(specialist_type):
            return begun_by
        return version_after(self._makers(specialist_type), begun_by)

    def takes_version(self, specialist_type: str, version: str) -> bool:
        """Whether tasks of the type that this version of its handler has begun go on here."""
        if not self.knows(specialist_type) or is_taken(self._makers(specialist_type), version):
            return True
        if (specialist_type, version) not in self._refused:
            self._refused.add((specialist_type, version))
            logger.warning("%s Others may take them.", self.told_refused(specialist_type, version))
        return False

    def told_refused(self, specialist_type: str, version: str) -> str:
        """That tasks which this version has begun are not done here, in words."""
        here = ", ".join(repr(version_of(each)) for each in self._makers(specialist_type))
        return f"Version {version!r} of {specialist_type!r} is not here, only {here}."

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

    def handler(self, specialist_type: str, version: str | None = None) -> Handler:
        """What to call with the ``TaskContext``; it gives the outcome, or an awaitable of it. Of
        several versions: the one that has begun the task, or else the newest.

        Raises:
            SpecialistError: the specialist cannot be built, or is nothing that could be called.
        """
        if specialist_type in self._registered:
            specialist = self._registered[specialist_type]
        else:
            specialist = self._build(specialist_type)
        specialist = chosen(members_of(specialist), version)
        handler = handler_of(specialist)
        if isinstance(specialist, type) or not callable(handler):
            told = f"The specialist {specialist_type!r} is {specialist!r}; {NO_HANDLER}"
            raise SpecialistError(told)
        return handler

    def _build(self, specialist_type: str) -> object:
        try:
            return self._catalogue()[specialist_type]()
        except Exception as error:  # the boundary to the user's constructors
            why = f"{type(error).__name__}: {error}"
            raise SpecialistError(
                f"The specialist {specialist_type!r} cannot be built: {why}"
            ) from error


def _check_handlers(specialist_type: str, specialist: object) -> None:
    """Refuse what can do no task, of all that were given side by side."""
    for member in members_of(specialist):
        if why := wrong_with(member):
            version = version_of(member)
            which = "" if version is None else f", version {version!r},"
            told = f"that of type {specialist_type!r}{which} is {member!r}; {why}"
            raise InvalidRequest(told, field="specialist")
