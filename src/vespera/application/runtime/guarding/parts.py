"""What guards are given, checked when they are made, and not when they are first needed."""

from typing import Any

from vespera.application.ports.breakers import Breakers
from vespera.application.ports.clock import Clock
from vespera.domain.errors import InvalidRequest


def check_function(given: object) -> None:
    """Refuse what cannot be called, before anybody takes that for a failure of the service.

    Raises:
        InvalidRequest: it is no function.
    """
    if not callable(given):
        told = f"must be what is called, with its arguments behind it, not {given!r:.60}"
        raise InvalidRequest(told, field="function")


def clock_of(given: object) -> Clock | None:
    """A clock, or None.

    Raises:
        InvalidRequest: it is something else.
    """
    clock: Clock | None = _part_of(given, Clock, "clock", "as container.clock()")
    return clock


def store_of(given: object) -> Breakers | None:
    """Where breakers are shared, or None.

    Raises:
        InvalidRequest: it is something else.
    """
    store: Breakers | None = _part_of(given, Breakers, "store", "as container.breakers()")
    return store


def _part_of(given: object, port: type, field: str, example: str) -> Any:
    promised = [name for name in vars(port) if not name.startswith("_")]
    is_object = not isinstance(given, type)
    if given is None or (is_object and all(callable(getattr(given, n, None)) for n in promised)):
        return given
    kind = f"{given.__name__} itself" if isinstance(given, type) else type(given).__name__
    raise InvalidRequest(f"must be a {port.__name__}, {example}, not {kind}", field=field)
