"""Settings that may be another for each specialist type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from vespera.domain.errors import InvalidRequest

T = TypeVar("T")
ALL_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class ByType(Generic[T]):
    """A value for each specialist type that is ``named``, and one for ``all_others``."""

    all_others: T
    named: Mapping[str, T]

    @property
    def same_for_all(self) -> bool:
        """Whether nobody needs to know a task's type."""
        return not self.named

    def of(self, specialist_type: str | None) -> T:
        """The value for a type; None: nobody knows it."""
        return self.named.get(specialist_type or "", self.all_others)


def by_type_of(
    given: object, field: str, value_of: Callable[[object, str], T], default: T
) -> ByType[T]:
    """The setting ``field``: one value for all types, or a mapping from types to values, in which
    ``"*"`` stands for all others (by default ``default``).

    Raises:
        InvalidRequest: a type is no name, or ``value_of`` refuses a value; the error says where.
    """
    if not isinstance(given, Mapping):
        return ByType(value_of(given, field), {})
    values: dict[str, T] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name:
            raise InvalidRequest(f"{name!r} is no specialist type", field=field)
        values[name] = value_of(value, f"{field}.{name}")
    all_others = values.pop(ALL_OTHERS, default)
    return ByType(all_others, values)
