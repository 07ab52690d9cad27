"""What cannot be done as it was asked for, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Which kind of refusal it is."""

    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was done; ``told`` says why, and what to do."""

    why: Why
    told: str
