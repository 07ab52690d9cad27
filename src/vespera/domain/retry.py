"""When to try again, and after how long."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from vespera.domain.errors import InvalidRequest, StepFailed


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
    ``max_delay``, made up to ``jitter`` (a fraction) shorter at random. ``retry_on`` holds class
    names of exceptions (a class may be given, its name is kept); an error of another class is
    not retried. The policy is stored with its task, which is why names and not predicates are kept.
    """

    max_attempts: int = 3
    delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.0
    retry_on: tuple[str | type[BaseException], ...] = ("Exception",)

    def __post_init__(self) -> None:
        """Refuse what makes no sense, naming the field.

        Raises:
            InvalidRequest: a value is out of its range.
        """
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise InvalidRequest("must be a whole number", field="retry.max_attempts")
        if self.max_attempts < 1:
            raise InvalidRequest("must be at least 1", field="retry.max_attempts")
        for name, least in (("delay", 0), ("multiplier", 1), ("max_delay", 0), ("jitter", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidRequest("must be a number", field=f"retry.{name}")
            if not math.isfinite(value) or value < least:
                raise InvalidRequest(f"must be finite and at least {least}", field=f"retry.{name}")
        if self.delay > self.max_delay:
            raise InvalidRequest(
                f"must be at least the delay ({self.delay:g} s)", field="retry.max_delay"
            )
        if self.jitter > 1:
            raise InvalidRequest("must be at most 1", field="retry.jitter")
        names = tuple(kind if isinstance(kind, str) else kind.__name__ for kind in self.retry_on)
        object.__setattr__(self, "retry_on", names)

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
        values = dict(given)
        kinds = values.get("retry_on", ("Exception",))
        if not isinstance(kinds, list | tuple) or not all(
            isinstance(kind, str | type) for kind in kinds
        ):
            raise InvalidRequest("must be a list of exception names", field="retry.retry_on")
        values["retry_on"] = tuple(kinds)
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks each

    def allows(self, error: BaseException, failures: int) -> bool:
        """Whether to try again after the ``failures``-th failure, which was ``error``."""
        if failures >= self.max_attempts:
            return False
        return not set(self.retry_on).isdisjoint(type_names(error))

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after the ``failures``-th failure; ``chance`` (0 to 1) draws jitter."""
        try:
            full = min(self.delay * self.multiplier ** (failures - 1), self.max_delay)
        except OverflowError:
            full = self.max_delay
        return full * (1 - self.jitter * chance)


NEVER = RetryPolicy(max_attempts=1)
