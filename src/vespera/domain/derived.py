"""What looks like chance, and comes out the same in each attempt at a task."""

import hashlib

from vespera.domain.task import Task


def turn_of_costs(operation: str) -> str:
    """The name under which an id is asked for costs that a handler logs outside of steps."""
    return f"costs:{operation}"


class Derived:
    """Ids, and seeds of random numbers, made of the task's id, its creation, and how often they
    were asked for under a name; nothing needs to be recorded.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._asked: dict[tuple[str, str], int] = {}

    def uuid(self, name: str) -> str:
        """The next id under this name, with the marks of version 4."""
        digits = self._next("uuid", name).hex()
        variant = "89ab"[int(digits[16], 16) % 4]
        parts = (digits[:8], digits[8:12], f"4{digits[13:16]}", f"{variant}{digits[17:20]}")
        return "-".join((*parts, digits[20:32]))

    def seed(self, name: str) -> bytes:
        """The next seed of random numbers under this name."""
        return self._next("random", name)

    def _next(self, kind: str, name: str) -> bytes:
        turn = self._asked[kind, name] = self._asked.get((kind, name), 0) + 1
        text = f"{self._task.id} {self._task.created_at.isoformat()} {kind} {turn} {name}"
        return hashlib.sha256(text.encode()).digest()
