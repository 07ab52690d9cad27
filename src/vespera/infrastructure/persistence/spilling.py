"""Large values on their way to rows, which hold references to them, and back."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vespera.application.ports.codec import LOST
from vespera.domain.errors import StorageError
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.errors import trouble_with_file
from vespera.infrastructure.persistence.statements import Row, Rows, Values, Write
from vespera.infrastructure.persistence.value_files import ValueFiles, ValueReference
from vespera.infrastructure.threads import Threads

T = TypeVar("T")
SPILL_ABOVE = 512 * 1024
"""From about this size on, a file is written as fast as a row, and others need not wait for it."""

_AT_ONCE = 4
"""Files that are written or read at the same time."""

_NEVER = 2**63
_MOST_TRIES = 5
_NAMING = 3
"""So many of a row's first cells may name it."""


class Holder(NamedTuple):
    """Rows that hold stored values: at which places, in which columns, and how people are told."""

    places: Mapping[int, str]
    columns: Mapping[str, str]
    text: str

    def named(self, row: Sequence[object], what: str) -> str:
        """A value of the row, with the name of whose it is."""
        return f"the {what} of {self.text.format(*map(repr, row[:_NAMING]))}"


Commit = Callable[[Sequence[Write]], Awaitable[Sequence[Rows]]]
Query = tuple[str, Values] | tuple[str, Values, Holder | None]


def _holder(columns: Sequence[str], text: str, **values: str) -> Holder:
    places = {columns.index(column): what for column, what in values.items()}
    return Holder(places, values, text)


HOLDERS: Mapping[str, Holder] = {
    "tasks": _holder(sql.TASK_COLUMNS, "task {0}", payload="payload", outcome="outcome"),
    "steps": _holder(
        sql.STEP_COLUMNS, "step {1} (occurrence {2}) of task {0}", value="result", error="error"
    ),
    "signals": _holder(sql.SIGNAL_COLUMNS, "signal {1} of task {0}", payload="payload"),
    "heartbeats": _holder(
        sql.HEARTBEAT_COLUMNS, "step {1} (occurrence {2}) of task {0}", detail="heartbeat"
    ),
    "snapshots": _holder(sql.SNAPSHOT_COLUMNS, "snapshot {0}", content="manifest"),
    "schedules": _holder(sql.SCHEDULE_COLUMNS, "schedule {0}", request="request"),
}
TASKS = HOLDERS["tasks"]
STEPS = HOLDERS["steps"]
SIGNALS = HOLDERS["signals"]
HEARTBEATS = HOLDERS["heartbeats"]
SCHEDULES = HOLDERS["schedules"]
SNAPSHOTS = HOLDERS["snapshots"]


class LostBytes(bytes):
    """Stands for a value that is gone, and raises that when it is decoded. Stored again, it is the
    reference that it was: the file may come back.
    """

    reference: str

    @classmethod
    def of(cls, reference: str, why: str) -> "LostBytes":
        """``why``: which value it is, and what is wrong."""
        lost = cls(LOST + why.encode(errors="replace"))
        lost.reference = reference
        return lost

    def __conform__(self, protocol: object) -> str | None:
        """What SQLite stores of it."""
        return self.reference if protocol is sqlite3.PrepareProtocol else None


class Spill:
    """Keeps values of more than ``above`` bytes in files; ``above`` None: keeps no more of them,
    and goes on reading those that are there. ``path`` None: there is no place for files.
    """

    def __init__(self, path: Path | None, above: int | None) -> None:
        self.files = None if path is None else ValueFiles(path)
        self._above = _NEVER if above is None or path is None else above
        self._threads = Threads(_AT_ONCE, name="vespera-values")

    @property
    def in_flight(self) -> int:
        """How many calls are under way in its threads."""
        return self._threads.in_flight

    def install(self, connection: sqlite3.Connection) -> None:
        """Make known to the connection that writes what is asked within its transactions."""
        if self.files is not None:
            connection.create_function("vespera_renewed", 1, self._renewed)
            connection.create_function("vespera_set_aside", 2, self.files.set_aside)

    def is_for(self, writes: Sequence[Write]) -> bool:
        """Whether one of the values that they store is large."""
        above = self._above
        for write in writes:
            for place in write.statement.stores:
                value: Any = write.values[place]  # type: ignore[index]
                if value is not None and len(value) > above:
                    return True
        return False

    async def commit(self, commit: Commit, writes: Sequence[Write]) -> Sequence[Rows]:
        """Have the large values in files, on disk; then commit the writes, which refer to them.

        Raises:
            StorageError: a file cannot be written; nothing refers to those that were.
            VesperaError: as ``commit``.
        """
        for _ in range(_MOST_TRIES):
            changed, references = await self._in_thread(lambda: self._spilled(writes))
            guards = [Write(sql.IS_KEPT, (one,), RemovedMeanwhile) for one in references]
            with suppress(RemovedMeanwhile):
                returned = await commit([*changed, *guards])
                return returned[: len(returned) - len(guards)]
        raise RemovedMeanwhile

    def fetched(
        self,
        connection: sqlite3.Connection,
        text: str,
        values: Values,
        holder: Holder | None = None,
    ) -> Rows:
        """What a query gives, with the values that its rows refer to, if they hold any; blocks."""

        def fetch() -> Rows:
            return connection.execute(text, values).fetchall()

        return fetch() if holder is None else self.whole(fetch, holder)

    def whole(self, fetch: Callable[[], Rows], holder: Holder) -> Rows:
        """The rows with the values that they refer to; blocks. A value that is gone is replaced by
        ``LostBytes``, so that only who needs it is troubled.
        """
        rows = fetch()
        if not _is_partial(rows, holder):
            return rows
        found = [self._whole_row(row, holder) for row in rows]
        if not any(type(row[place]) is LostBytes for row in found for place in holder.places):
            return found
        # Its task may have been purged, and the file removed, since the rows were read.
        return [self._whole_row(row, holder) for row in fetch()]

    async def made_whole(self, returned: Sequence[Rows], holder: Holder) -> Sequence[Rows]:
        """As ``whole``, without blocking, for what a commit has given.

        Raises:
            asyncio.CancelledError: with ``outcome`` "committed".
        """
        if not any(_is_partial(rows, holder) for rows in returned):
            return returned
        try:
            return await self._in_thread(
                lambda: [[self._whole_row(row, holder) for row in rows] for rows in returned]
            )
        except asyncio.CancelledError as cancelled:
            cancelled.outcome = "committed"  # type: ignore[attr-defined]
            raise

    async def in_files(self, work: Callable[[ValueFiles], T], otherwise: T) -> T:
        """What ``work`` gives in a thread; ``otherwise`` where there can be no files.

        Raises:
            StorageError: the files cannot be reached.
        """
        files = self.files
        return otherwise if files is None else await self._in_thread(partial(work, files))

    async def stop(self) -> None:
        """End the threads, once they have done their work."""
        await self._threads.stop()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await self._threads.run(work)
        except OSError as error:
            raise trouble_with_file(error, self._directory()) from error

    def _spilled(self, writes: Sequence[Write]) -> tuple[list[Write], list[str]]:
        references: list[str] = []
        return [self._without_large(write, references) for write in writes], references

    def _without_large(self, write: Write, references: list[str]) -> Write:
        large = [place for place in write.statement.stores if self._is_large(write, place)]
        if not large:
            return write
        kept = {place: self._kept(_value(write.values, place)) for place in large}
        references += kept.values()
        return write._replace(values=_replaced(write.values, kept))

    def _is_large(self, write: Write, place: int | str) -> bool:
        value = _value(write.values, place)
        return value is not None and len(value) > self._above and type(value) is not LostBytes

    def _kept(self, value: bytes) -> str:
        if self.files is None:
            raise StorageError("A database in memory has no place for files.")
        return str(self.files.keep(value))

    def _renewed(self, text: str) -> bool:
        reference = ValueReference.of(text)
        return bool(self.files and reference and self.files.renew(reference))

    def _whole_row(self, row: Row, holder: Holder) -> Row:
        places = [place for place in holder.places if type(row[place]) is str]
        if not places:
            return row
        cells = list(row)
        for place in places:
            cells[place] = self._read(row[place], partial(holder.named, row, holder.places[place]))
        return tuple(cells)

    def _read(self, text: str, named: Callable[[], str]) -> bytes:
        reference = ValueReference.of(text)
        if self.files is None or reference is None:
            return LostBytes.of(text, f"{named()} is not there: {text!r} refers to no file.")
        try:
            return self.files.read(reference)
        except (OSError, ValueError) as error:
            problem = self.files.told(reference, error)
        return LostBytes.of(text, f"{named()} is {problem}; {WAY_OUT}.")

    def _directory(self) -> str:
        return str(self.files.directory) if self.files else ""


class RemovedMeanwhile(StorageError):
    """A file of a large value was removed as a stray before the commit that would refer to it."""


WAY_OUT = "restore the file from a copy; `vespera db check` tells whether there are more"


def _is_partial(rows: Rows, holder: Holder) -> bool:
    """Whether one of the rows holds a reference."""
    return any(type(row[place]) is str for row in rows for place in holder.places)


def _value(values: Values, place: int | str) -> Any:
    return values[place]  # type: ignore[index]


def _replaced(values: Values, kept: Mapping[int | str, str]) -> Values:
    if isinstance(values, Mapping):
        return {name: kept.get(name, value) for name, value in values.items()}
    return tuple(kept.get(place, value) for place, value in enumerate(values))


def checked_spill_above(given: int | None) -> int | None:
    """The setting, if it makes sense.

    Raises:
        InvalidRequest: it is no number of bytes.
    """
    if given is not None:
        whole_number_of(given, "spill_above", least=0, most=LARGEST_WHOLE)
    return given
