"""Which faults are armed, what runs into them, and what then happens."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from vespera.infrastructure.di.graph import did_you_mean
from vespera.testing.faults.errors import FaultNeverHit
from vespera.testing.faults.targets import Target

OneError = BaseException | type[BaseException] | str | None
"""An exception, its class, the name of a trouble ("full", "ENOSPC", "torn"), or no error."""

_MOST_NAMED = 10


@dataclass(slots=True, eq=False, kw_only=True)
class ArmedFault:
    """One fault, armed from the call that made it until the end of its ``with`` block, or until
    the ``Faults`` are closed.

    Attributes:
        target: as it was given.
        hits: how often something ran into it.
    """

    target: str
    where: Target
    errors: Sequence[OneError]
    delay: float
    times: int | None
    after: int
    is_behind: bool
    optional: bool
    plan: "Plan" = field(repr=False)
    hits: int = 0
    passed: int = 0

    def disarm(self) -> None:
        """Nothing runs into it any more. Safe to repeat."""
        with suppress(ValueError):
            self.plan.armed.remove(self)

    def check(self) -> None:
        """Say so if nothing has run into it.

        Raises:
            FaultNeverHit: nothing has, and it is not ``optional``.
        """
        if self.hits or self.optional:
            return
        raise FaultNeverHit(
            f"Nothing ran into the fault at {self.target!r}.{self._reason()} Make the test reach"
            " it, or give optional=True."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.disarm()
        with suppress(ValueError):  # all faults may have come to their end before this block
            self.plan.unchecked.remove(self)
        if kind is None:
            self.check()

    def _reason(self) -> str:
        if self.passed:
            return f" {self.passed} came past, and after={self.after} lets those pass."
        seen = self.plan.seen.get(self.where.kind, {})
        if not seen:
            return " Nothing of its kind happened while faults were armed."
        if self.where.name in seen:
            return " It happened, but not while this fault was armed."
        named = ", ".join(map(repr, list(seen)[:_MOST_NAMED]))
        return f" What happened: {named}.{did_you_mean(self.where.name, seen)}"


@dataclass(frozen=True, slots=True)
class Strike:
    """What one hit of a fault brings: an error (or none), and seconds of delay before it."""

    error: OneError
    delay: float
    is_behind: bool
    lasts: bool

    def thrown(self) -> BaseException | None:
        """The exception to raise, if the error is one."""
        if self.error is None or isinstance(self.error, str):
            return None
        if isinstance(self.error, BaseException):
            return self.error.with_traceback(None)  # raised before, perhaps
        return self.error()


class Plan:
    """The faults that are armed. Asked from the event loop and from threads."""

    def __init__(self) -> None:
        self.armed: list[ArmedFault] = []
        self.unchecked: list[ArmedFault] = []
        self.seen: dict[str, dict[str, None]] = {}
        self.late: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()

    def arm(self, fault: ArmedFault) -> None:
        """Let things run into ``fault``."""
        self.armed.append(fault)
        self.unchecked.append(fault)

    def meet(self, kind: str, name: str) -> list[Strike]:
        """What strikes ``name``, which is about to happen, in the order in which it was armed."""
        if not self.armed:
            return []
        with self._lock:
            self.seen.setdefault(kind, {})[name] = None
            return list(self._strikes(kind, name))

    def close(self) -> None:
        """Disarm all; what is late comes at once.

        Raises:
            FaultNeverHit: nothing ran into one of them.
        """
        self.armed.clear()
        for task in self.late:
            task.cancel()
        unchecked, self.unchecked = self.unchecked, []
        for fault in unchecked:
            fault.check()

    def _strikes(self, kind: str, name: str) -> Iterator[Strike]:
        for fault in tuple(self.armed):
            if fault.where.kind != kind or not fault.where.matches(name):
                continue
            if fault.passed < fault.after:
                fault.passed += 1
            elif fault.times is None or fault.hits < fault.times:
                error = fault.errors[min(fault.hits, len(fault.errors) - 1)]
                fault.hits += 1
                lasts = fault.times is None
                yield Strike(error, fault.delay, fault.is_behind, lasts)
