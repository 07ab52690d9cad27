"""Ids whose order is the order of their making."""

import os
from threading import Lock

from vespera.application.ports.clock import Clock

_RANDOM_BITS = 74
_LOW_BITS = 62
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_FETCHED = 640
"""Random bytes, those of 64 ids. Whoever fetches some lets go of the interpreter's lock, and may
have to wait for the threads that wanted it."""


class TimeOrderedIds:
    """Makes UUIDv7 ids, written as 32 hexadecimal digits; every id is greater than the last.

    An id holds the clock's milliseconds and 74 random bits. Within a millisecond, or when the
    clock stands still or steps back, the next id is the last one plus a random step, so that two
    processes do not make the same ids even then. Safe to call from any thread.
    """

    def __init__(self, clock: Clock) -> None:
        """Take the milliseconds from ``clock``."""
        self._clock = clock
        self._last = 0
        self._lock = Lock()
        self._fetched, self._used, self._process = b"", 0, 0

    def __call__(self) -> str:
        """A new id."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        with self._lock:
            if milliseconds > self._last >> _RANDOM_BITS:
                chance = self._random(10) >> (80 - _RANDOM_BITS)
                self._last = milliseconds << _RANDOM_BITS | chance
            else:
                self._last += 1 + self._random(4)
            return _as_uuid7(self._last)

    def _random(self, size: int) -> int:
        """So many bytes; a process that was forked from this one has others."""
        if self._used + size > len(self._fetched) or self._process != os.getpid():
            self._fetched, self._used, self._process = os.urandom(_FETCHED), 0, os.getpid()
        begin, self._used = self._used, self._used + size
        return int.from_bytes(self._fetched[begin : self._used])


def _as_uuid7(number: int) -> str:
    """48 bits of time, version, 12 random bits, variant, 62 random bits."""
    high, low = divmod(number, 1 << _LOW_BITS)
    time, middle = divmod(high, 1 << (_RANDOM_BITS - _LOW_BITS))
    return f"{time << 80 | _VERSION | middle << 64 | _VARIANT | low:032x}"
