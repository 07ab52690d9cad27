"""Operations on the disk that fail."""

import itertools

IOERR_READ, IOERR_SHORT_READ, IOERR_WRITE, IOERR_FSYNC = 266, 522, 778, 1034
IOERR_TRUNCATE, IOERR_DELETE, IOERR_SHMMAP, CANTOPEN, FULL = 1546, 2570, 5386, 14, 13

FAILURES = {
    "read": IOERR_READ,
    "write": IOERR_WRITE,
    "sync": IOERR_FSYNC,
    "truncate": IOERR_TRUNCATE,
    "delete": IOERR_DELETE,
    "map": IOERR_SHMMAP,
    "open": CANTOPEN,
}
"""How the system's refusal of an operation looks to SQLite."""
GROWS = {"write", "sync", "map"}
"""What needs room on the disk."""


class Trouble:
    """Lets the disk fail from the ``first`` watched operation on, for ``lasting`` of them.

    ``kind``: "error" (the operation fails), "full" (there is no room), "short" (half of a write
    gets done, then there is no room). A ``first`` of 0 lets nothing fail, and counts. The disk is
    well again once ``heal`` was called.
    """

    def __init__(self, *, kind: str = "error", first: int = 0, lasting: float = 1) -> None:
        self._kind, self._first, self._last = kind, first, first + lasting - 1
        self._numbers = itertools.count(1)
        self.names: list[str] = []
        self.hits = 0

    def before(self, operation: str, path: str, data: bytes = b"") -> "int | tuple[int, int]":
        if self._kind != "error" and operation not in GROWS:
            return 0
        number = next(self._numbers)
        self.names.append(f"{operation} {path.rpartition('/')[2]}")
        if not self._first or not self._first <= number <= self._last:
            return 0
        self.hits += 1
        return self._answer(operation, data)

    def after(self, operation: str, path: str, place: int = 0, data: bytes = b"") -> None:
        """What succeeded is of no interest here."""

    def heal(self) -> None:
        """From now on everything succeeds."""
        self._last = 0.0

    def _answer(self, operation: str, data: bytes) -> "int | tuple[int, int]":
        if self._kind == "error":
            return FAILURES[operation]
        if self._kind == "short" and operation == "write":
            return FULL, len(data) // 2
        return FULL
