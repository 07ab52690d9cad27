"""``Faults``: the seams in a container, and the faults that a test arms there."""

import errno
import math
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeGuard

from vespera.application.ports.clock import Clock
from vespera.infrastructure.di.base import BaseContainer, Override, Service, providers
from vespera.infrastructure.di.graph import did_you_mean, named_parts, walk
from vespera.infrastructure.di.part_types import annotated_ports, type_name
from vespera.infrastructure.di.service import Singleton
from vespera.testing.faults.calls import FaultySupervision, Struck, faulty_part, is_async
from vespera.testing.faults.clock import JumpingClock, Jumps
from vespera.testing.faults.database import FaultyLane
from vespera.testing.faults.errors import FaultRefused, InjectedFault
from vespera.testing.faults.files import TORN, VANISH, FaultyFileStore
from vespera.testing.faults.plan import ArmedFault, OneError, Plan
from vespera.testing.faults.targets import HOW, TROUBLES, Target, parse_target

Names = dict[str, list[str]]
Errors = OneError | Sequence[OneError]

_ENGINE_PARTS = ("tasks", "queue", "steps", "operations", "reports", "codec", "owners")
"""Ports that running services hold: they are wrapped beforehand."""

_DEFAULTS: dict[str, OneError] = {
    "step": InjectedFault,
    "call": InjectedFault,
    "commit": "io-error",
    "file": "EIO",
}


class Faults:
    """Faults in one container; made before the container is started or first used.

    Everything passes the seams unchanged until a fault is armed with ``at``. They are overrides of
    the container's parts: undone by ``close`` if nothing of the container runs, and otherwise by
    the container's own cleanup.

    Attributes:
        clock: ``faults.clock.jumps(hours=-2)`` sets the wall clock.
    """

    def __init__(self, container: BaseContainer) -> None:
        """Put the seams in.

        Raises:
            OverrideRefused: a service of the container runs already.
        """
        self._plan = Plan()
        self._struck = Struck(self._plan, self._sleep)
        self._overrides: dict[str, Override[Any]] = {}
        self.clock = Jumps()
        self._put_in(container)

    def follow(self, container: BaseContainer) -> None:
        """Strike in this container from now on, and in the one before no more, which has died.

        Raises:
            OverrideRefused: a service of the container runs already.
        """
        wrapped = list(self._overrides)
        self._overrides.clear()
        self._put_in(container)
        for name in wrapped:
            self._wrap_calls(name)

    def _put_in(self, container: BaseContainer) -> None:
        self._container = container
        self._ports, self._made = _types_of(container)
        self._wrap("clock", JumpingClock, shown=self.clock.of)
        self._wrap("lane", partial(_faulty_lanes, self._plan, self._sleep))
        self._wrap("supervision", FaultySupervision, struck=self._struck)
        self._wrap("files", FaultyFileStore, struck=self._struck)
        for name in _ENGINE_PARTS:
            self._wrap_calls(name)

    def at(
        self,
        target: str,
        *,
        error: Errors = None,
        delay: float = 0.0,
        times: int | None = None,
        after: int = 0,
        when: str = "before",
        optional: bool = False,
    ) -> ArmedFault:
        """Arm a fault, until the end of the ``with`` block or until ``close``.

        Args:
            target: ``"step:NAME"``; ``"PART.METHOD"``, the part by name or by type; ``"commit"``;
                ``"database:busy"`` (``full``, ``read-only``, ``corrupt``); ``"file:write PATH"``
                (``read``, ``delete``, ``observe``, ``move``, ``copy``, ``mkdir``, ``rmdir``,
                ``symlink``, ``chmod``, ``*``). Names and paths may have ``*``; in paths it stays
                within one directory, and ``**`` does not. Of two paths it is the source's.
            error: an exception or its class; a sequence of them, one for each hit (None lets one
                pass); for a commit also "busy", "full", "read-only", "corrupt" or "io-error"; for a
                file any of the system's names ("ENOSPC", "EACCES", "EROFS", ...), "torn" (half of
                the content is left in the temporary file) or "vanish" (the file is gone right
                after). By default, unless a delay is given, ``InjectedFault``, "io-error" for
                commits and "EIO" for files.
            delay: seconds of the container's clock that pass before.
            times: how many hits there are at most; by default as many as ``error`` has, if it is a
                sequence, and otherwise any number.
            after: how many pass before the first hit.
            when: "before" the thing is done, or "after" it took effect, as if the answer were lost.
            optional: nothing needs to run into it.

        Raises:
            FaultRefused: there is no such target (near names are told), or it cannot fail so.
            OverrideRefused: a running service holds the part already.
        """
        _check_numbers(delay, times, after, when)
        where = parse_target(target)
        if where.kind == "call":
            where = self._call_target(target, delayed=delay > 0)
        errors = _errors_of(where, error, delayed=delay > 0, is_behind=when == "after")
        if times is None and _is_sequence(error):
            times = len(errors)
        fault = ArmedFault(
            target=target,
            where=where,
            errors=errors,
            delay=float(delay),
            times=times,
            after=after,
            is_behind=when == "after",
            optional=optional,
            plan=self._plan,
        )
        self._plan.arm(fault)
        return fault

    def close(self) -> None:
        """Disarm all faults, and take the seams out. Safe to repeat.

        Raises:
            FaultNeverHit: nothing ran into one of the faults, so that the test tested nothing.
        """
        try:
            self._take_out()
        finally:
            try:
                self._plan.close()
            finally:
                self.clock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:  # the test has failed by itself; that comes first
            self._plan.unchecked.clear()
            self.clock.unchecked.clear()
        self.close()

    def _take_out(self) -> None:
        parts = walk(self._container.providers.values())
        if any(isinstance(part, Service) and part.running for part in parts):
            return  # to take them out now would take the services with them
        while self._overrides:
            self._overrides.popitem()[1].undo()

    async def _sleep(self, seconds: float) -> None:
        await self._container.get(Clock).sleep(seconds)

    def _wrap(self, name: str, wrapper: Any, /, **given: Any) -> None:
        """Put ``wrapper(part, **given)`` in the place of a part, whatever the part is then."""
        part: Any = named_parts(self._container.providers).get(name)
        if part is None:
            return  # a container that is not Vespera's has no such part
        inner = part.last_overriding or _copy_of(part)
        kind = providers.Factory if isinstance(part, providers.Factory) else Singleton
        self._overrides[name] = self._container.override(name, kind(wrapper, inner, **given))

    def _wrap_calls(self, name: str) -> None:
        if name not in self._overrides:
            self._wrap(name, faulty_part, name=name, struck=self._struck)

    def _call_target(self, target: str, *, delayed: bool) -> Target:
        """The target by the part's name, once the part is known to have such a method."""
        owner, _, method = target.rpartition(".")
        name = self._part_named(owner, target)
        self._wrap_calls(name)
        if "*" not in method:
            found = getattr(self._container.get(name), method, None)
            if not callable(found):
                part = self._container.get(name)
                known = [each for each in dir(part) if not each.startswith("_")]
                near = did_you_mean(method, known)
                raise FaultRefused(f"{target!r}: {owner} has no method {method!r}.{near}")
            if delayed and not is_async(found):
                raise FaultRefused(f"{target!r}: {method} is not async, so it cannot be delayed.")
        return parse_target(f"{name}.{method}")

    def _part_named(self, owner: str, target: str) -> str:
        parts = named_parts(self._container.providers)
        if owner in parts:
            return owner
        names = self._ports.get(owner) or self._made.get(owner, [])
        if len(names) > 1:
            raise FaultRefused(f"{target!r}: {' and '.join(names)} provide {owner}; say which.")
        if not names:
            near = did_you_mean(owner, {*parts, *self._ports, *self._made})
            raise FaultRefused(f"{target!r}: no part is called or provides {owner!r}.{near} {HOW}")
        return names[0]


def _faulty_lanes(plan: Plan, sleep: Any, make: Any) -> Any:
    return lambda **given: FaultyLane(make(**given), plan, sleep)


def _copy_of(part: Any) -> Any:
    """A provider like this one, which goes on giving what this one gave before the override."""
    if isinstance(part, providers.Object):
        return providers.Object(part.provides)
    return type(part)(part.provides, *part.args, **part.kwargs)


def _types_of(container: BaseContainer) -> tuple[Names, Names]:
    """The names of the parts by the name of the type that they are said to provide, and by that of
    what they build.
    """
    said = annotated_ports(type(container))
    ports: Names = {}
    made: Names = {}
    for name, part in named_parts(container.providers).items():
        if name in said:
            ports.setdefault(type_name(said[name]), []).append(name)
        if hasattr(part, "provides"):
            made.setdefault(type_name(part.provides), []).append(name)
    return ports, made


def _check_numbers(delay: object, times: object, after: object, when: object) -> None:
    if not (_is_number(delay) and math.isfinite(delay) and delay >= 0):
        raise FaultRefused(f"delay: must be seconds, 0 or more, not {delay!r}")
    if times is not None and not _is_whole(times, 1):
        raise FaultRefused(f"times: must be a whole number, 1 or more, or None, not {times!r}")
    if not _is_whole(after, 0):
        raise FaultRefused(f"after: must be a whole number, 0 or more, not {after!r}")
    if when not in {"before", "after"}:
        raise FaultRefused(f"when: must be 'before' or 'after', not {when!r}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _errors_of(
    where: Target, error: Errors, *, delayed: bool, is_behind: bool
) -> Sequence[OneError]:
    """What each hit raises, or does.

    Raises:
        FaultRefused: this kind of target cannot fail like that.
    """
    if where.kind == "database":
        if error is not None or delayed or is_behind:
            raise FaultRefused(f"'database:{where.name}' says all: no error, delay or when.")
        return [where.name]
    if where.kind == "commit" and is_behind:
        raise FaultRefused("A commit is done or it is not; it cannot fail after it took effect.")
    if error is None:
        return [None if delayed else _DEFAULTS[where.kind]]
    given: Sequence[Any] = error if _is_sequence(error) else [error]  # type: ignore[assignment]
    if not given:
        raise FaultRefused("error: the sequence is empty.")
    for each in given:
        _check_error(where, each)
    return given


def _check_error(where: Target, error: object) -> None:
    if error is None or isinstance(error, BaseException):
        return
    if isinstance(error, type) and issubclass(error, BaseException):
        return
    names: set[str] = set()
    if where.kind == "commit":
        names = set(TROUBLES)
    elif where.kind == "file":
        names = {TORN, VANISH, *errno.errorcode.values()}
    if error in names:
        return
    also = f", or one of {', '.join(sorted(names))}" if 0 < len(names) < 10 else ""  # noqa: PLR2004
    near = did_you_mean(str(error), names)
    raise FaultRefused(f"error: must be an exception or its class{also}, not {error!r}.{near}")


def _is_sequence(error: Errors) -> bool:
    return isinstance(error, Sequence) and not isinstance(error, str)
