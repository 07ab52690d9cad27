"""How much of a type may run: limits, rates, pauses; and in words, why a task waits for them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, number_of, whole_number_of

SHORTEST_WINDOW: Final = 0.001
"""In seconds."""
ALL_TYPES: Final = "*"
"""Where limits are declared by type: all types together. No type has this name."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` attempts begin in any ``per`` seconds (0.001 to ten years)."""

    count: int
    per: float = 1.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        whole_number_of(self.count, "rate.count", least=1, most=LARGEST_WHOLE)
        number_of(
            self.per,
            "rate.per",
            least=SHORTEST_WINDOW,
            most=TEN_YEARS,
            what="a number of seconds",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a type may run in all workers of a database together; None: any number.

    ``max_concurrent`` counts the type's running tasks, ``max_concurrent_per_key`` those with the
    same ``concurrency_key``. ``rate`` counts the attempts that begin, retries and take-overs
    among them; ``rate_per_key`` those with the same key. Tasks without a key have no limit by key.
    """

    max_concurrent: int | None = None
    max_concurrent_per_key: int | None = None
    rate: Rate | None = None
    rate_per_key: Rate | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        for name in ("max_concurrent", "max_concurrent_per_key"):
            if (value := getattr(self, name)) is not None:
                whole_number_of(value, name, least=1, most=LARGEST_WHOLE)
        for name in ("rate", "rate_per_key"):
            if not isinstance(value := getattr(self, name), Rate | None):
                kind = type(value).__name__
                raise InvalidRequest(
                    f"must be a Rate, as Rate(10, per=60.0), not {kind}", field=name
                )

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    @property
    def counts_running(self) -> bool:
        """Whether running tasks are counted, of the type or of a key."""
        return self.max_concurrent is not None or self.max_concurrent_per_key is not None


NO_LIMITS: Final = Limits()


def limits_of(given: object) -> Mapping[str, Limits]:
    """Limits by type, as a container says them.

    Raises:
        InvalidRequest: they are something else, or of all types together something is limited that
            cannot be; the error names it.
    """
    if not isinstance(given, Mapping):
        told = f"must be a mapping of Limits by type, got {type(given).__name__}"
        raise InvalidRequest(told, field="limits")
    for kind, limits in given.items():
        if not isinstance(kind, str) or not isinstance(limits, Limits):
            told = f"must be Limits, as Limits(max_concurrent=2), not {limits!r}"
            raise InvalidRequest(told, field=f"limits[{kind!r}]")
    check_limits_of_all(given.get(ALL_TYPES, NO_LIMITS))
    return given


def check_limits_of_all(limits: Limits) -> None:
    """Refuse limits that cannot be declared of all types together.

    Raises:
        InvalidRequest: there is one; the error names it.
    """
    for name in (field.name for field in fields(limits) if field.name != "max_concurrent"):
        if getattr(limits, name) is not None:
            told = f"of all types ({ALL_TYPES!r}) only max_concurrent is limited; give this by type"
            raise InvalidRequest(told, field=f"limits[{ALL_TYPES!r}].{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the tasks of a type pass before they run; ``paused_at``: closed since then.

    That of ``ALL_TYPES`` is passed by every task, beside that of its own type.
    """

    specialist_type: str
    limits: Limits = NO_LIMITS
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What there is of a type at a moment: running tasks, and attempts begun in the rates' windows;
    of all, and of one key. ``running_of_all``: tasks of whatever type that run behind gates.
    """

    running_of_all: int = 0
    running: int = 0
    running_of_key: int = 0
    begun: int = 0
    begun_of_key: int = 0


def closed_by(gate: Gate, traffic: Traffic, key: str | None) -> str:
    """Why no task of the type, with this key, may begin now, in words; "" if one may."""
    kind, limits = gate.specialist_type, gate.limits
    if gate.paused_at is not None:
        return f"its type {kind!r} is paused since {_told(gate.paused_at)}; resume_type goes on"
    most = limits.max_concurrent
    if most is not None and traffic.running >= most:
        return f"{traffic.running} tasks of type {kind!r} are running (max_concurrent={most})"
    if limits.rate is not None and traffic.begun >= limits.rate.count:
        return _worn(f"of type {kind!r}", traffic.begun, limits.rate, "rate")
    if key is None:
        return ""
    most = limits.max_concurrent_per_key
    if most is not None and traffic.running_of_key >= most:
        running = f"{traffic.running_of_key} tasks of type {kind!r} with the key {key!r}"
        return f"{running} are running (max_concurrent_per_key={most})"
    if limits.rate_per_key is not None and traffic.begun_of_key >= limits.rate_per_key.count:
        whose = f"of type {kind!r} with the key {key!r}"
        return _worn(whose, traffic.begun_of_key, limits.rate_per_key, "rate_per_key")
    return ""


def closed_for_all(gate: Gate, traffic: Traffic) -> str:
    """Why no task of any type may begin now, in words; "" if one may. ``gate``: of all types."""
    most = gate.limits.max_concurrent
    if most is None or traffic.running_of_all < most:
        return ""
    return f"{traffic.running_of_all} tasks of all types are running (max_concurrent={most})"


def task_paused(paused_at: datetime) -> str:
    """That a task is paused, in words."""
    return f"it is paused since {_told(paused_at)}; resume_task goes on"


def _worn(whose: str, begun: int, rate: Rate, name: str) -> str:
    window = f"{rate.count} in {rate.per:g} s"
    return f"{begun} attempts at tasks {whose} began just now ({name}: {window})"


def _told(moment: datetime) -> str:
    return moment.isoformat(" ", "seconds")
