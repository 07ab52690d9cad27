"""What guards are given, checked when they are made, and not when they are first needed."""

from collections.abc import Sequence
from typing import Any

from vespera.application.ports.breakers import Breakers
from vespera.application.ports.clock import Clock
from vespera.domain.errors import InvalidRequest


def no_function(given: object) -> InvalidRequest:
    """What cannot be called is refused, before anybody takes that for a failure of the service."""
    told = f"must be what is called, with its arguments behind it, not {given!r:.60}"
    return InvalidRequest(told, field="function")


def clock_of(given: object) -> Clock | None:
    """A clock, or None.

    Raises:
        InvalidRequest: it is something else.
    """
    wanted = ("now", "monotonic", "sleep", "timeout")
    clock: Clock | None = _part_of(given, wanted, "clock", "a Clock, as container.clock()")
    return clock


def store_of(given: object) -> Breakers | None:
    """Where breakers are shared, or None. What only people ask of it need not be there.

    Raises:
        InvalidRequest: it is something else.
    """
    wanted = ("get", "save")
    store: Breakers | None = _part_of(given, wanted, "store", "a Breakers, as container.breakers()")
    return store


def _part_of(given: object, wanted: Sequence[str], field: str, example: str) -> Any:
    is_object = not isinstance(given, type)
    if given is None or (is_object and all(callable(getattr(given, n, None)) for n in wanted)):
        return given
    kind = f"{given.__name__} itself" if isinstance(given, type) else type(given).__name__
    raise InvalidRequest(f"must be {example}, not {kind}", field=field)
