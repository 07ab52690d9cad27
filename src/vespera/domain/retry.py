"""When to try again, and after how long."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from vespera.domain.errors import InvalidRequest, StepFailed

TEN_YEARS: Final = 10 * 365 * 24 * 60 * 60  # in seconds: added to any moment, still a date
LARGEST_WHOLE: Final = 2**31 - 1


def type_names(error: BaseException) -> tuple[str, ...]:
    """Names by which a policy may know an error: its class and all bases below BaseException.

    A ``StepFailed`` is known by its own name and by those of the error that the step raised.
    """
    own = [c.__name__ for c in type(error).__mro__ if c not in (BaseException, object)]
    if isinstance(error, StepFailed):
        return (own[0], *error.error_types)
    return tuple(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Try up to ``max_attempts`` times, waiting longer before each new try.

    The wait before try ``n + 1`` is ``delay * multiplier ** (n - 1)`` seconds, at most
    ``max_delay`` (ten years at the longest), made up to ``jitter`` (a fraction) shorter at random.
    ``retry_on`` holds class names of exceptions (a class may be given, its name is kept); an error
    of another class is not retried. The policy is stored with its task, which is why names and not
    predicates are kept.
    """

    max_attempts: int = 3
    delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.0
    retry_on: tuple[str | type[BaseException], ...] = ("Exception",)

    def __post_init__(self) -> None:
        """Refuse what makes no sense, naming the field; keep numbers as floats, classes as names.

        Raises:
            InvalidRequest: a value is out of its range or of the wrong type.
        """
        attempts = whole_number_of(
            self.max_attempts, "retry.max_attempts", least=1, most=LARGEST_WHOLE
        )
        object.__setattr__(self, "max_attempts", attempts)
        for name, (least, most) in _RANGES.items():
            number = number_of(getattr(self, name), f"retry.{name}", least=least, most=most)
            object.__setattr__(self, name, number)
        object.__setattr__(self, "retry_on", _error_names(self.retry_on))
        if self.delay > self.max_delay:
            raise InvalidRequest(
                f"must be at least the delay ({self.delay:g} s)", field="retry.max_delay"
            )

    @classmethod
    def from_mapping(cls, given: Mapping[str, object]) -> "RetryPolicy":
        """The policy that a request's ``retry`` mapping describes.

        Raises:
            InvalidRequest: a field is unknown or of the wrong type.
        """
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                hint = f"unknown field; known are {', '.join(known)}"
                raise InvalidRequest(hint, field=f"retry.{name}")
        return cls(**given)  # type: ignore[arg-type]  # __post_init__ checks each

    def allows(self, error: BaseException, failures: int) -> bool:
        """Whether to try again after the ``failures``-th failure, which was ``error``."""
        if failures >= self.max_attempts:
            return False
        return not set(self.retry_on).isdisjoint(type_names(error))

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after the ``failures``-th failure; ``chance`` (0 to 1) draws jitter."""
        if not self.delay:
            return 0.0
        try:
            full = min(self.delay * self.multiplier ** (failures - 1), self.max_delay)
        except OverflowError:
            full = self.max_delay
        return full * (1 - self.jitter * chance)


def check_policy(value: object, field: str) -> None:
    """Refuse what is no policy.

    Raises:
        InvalidRequest: it is none; the error names ``field``.
    """
    if not isinstance(value, RetryPolicy):
        raise InvalidRequest(f"must be a RetryPolicy, got {type(value).__name__}", field=field)


def number_of(
    value: object, field: str, *, least: float, most: float, what: str = "a number"
) -> float:
    """``value``, an int or a float from ``least`` to ``most``, as a float.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    wanted = f"must be {what} from {least:,} to {most:,}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{wanted}, got {type(value).__name__}", field=field)
    if not least <= value <= most:  # NaN is not; an int too large for a float is compared exactly
        raise InvalidRequest(wanted, field=field)
    return float(value)


def whole_number_of(value: object, field: str, *, least: int, most: int) -> int:
    """``value``, an int from ``least`` to ``most``.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    wanted = f"must be a whole number from {least:,} to {most:,}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"{wanted}, got {type(value).__name__}", field=field)
    if not least <= value <= most:
        raise InvalidRequest(wanted, field=field)
    return int(value)


def _error_names(kinds: object) -> tuple[str, ...]:
    if not isinstance(kinds, list | tuple):
        raise _no_errors(kinds)
    return tuple(_error_name(kind) for kind in kinds)


def _error_name(kind: object) -> str:
    if isinstance(kind, str) and kind.strip():
        return kind
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return kind.__name__
    raise _no_errors(kind)


def _no_errors(given: object) -> InvalidRequest:
    shown = given.__name__ if isinstance(given, type) else f"a value of {type(given).__name__}"
    wanted = "must be a list of exception classes or of their names"
    return InvalidRequest(f"{wanted}, got {shown}", field="retry.retry_on")


_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "delay": (0, TEN_YEARS),
    "multiplier": (1, 1e300),
    "max_delay": (0, TEN_YEARS),
    "jitter": (0, 1),
}
NEVER: Final = RetryPolicy(max_attempts=1)
