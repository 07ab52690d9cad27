"""What the writer keeps beside the rows themselves, in the same transaction: events, counts, and
entries of the audit trail.

All that one commit tells is one row of the table ``events``, so that it costs next to nothing when
many units share a commit. An event's id is made of the row's and of its place in it.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

from vespera.domain.audit import NO_ENTRY, AuditHead, canonical, entry_after, head_at
from vespera.domain.errors import InvalidRequest
from vespera.domain.event import LEVELS, EventType
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.statements import AuditNote, Entry, Rows, Tally, Write

PLACES: Final = 10_000
"""Events of one row at most."""

Done = Iterable[tuple[Sequence[Write], "list[Rows] | Exception"]]


class Ledger:
    """Which events are kept, and who waits to hear of them."""

    def __init__(self, level: str = "off", *, audits: bool = False) -> None:
        """``level``: "all", "ends" (how attempts and tasks ended, and progress), or "off".
        ``audits``: keep an audit trail.

        Raises:
            InvalidRequest: it is something else.
        """
        if level not in LEVELS:
            known = ", ".join(map(repr, LEVELS))
            raise InvalidRequest(f"must be one of {known}, not {level!r}", field="events")
        self.kept: frozenset[EventType] = LEVELS[level]
        self.audits = audits
        self._listening: list[asyncio.Event] = []

    def told(
        self,
        kind: EventType,
        task_id: str,
        at: int,
        attempt: int,
        data: str = "",
    ) -> Sequence[Entry]:
        """The entry for an event; none if its kind is not kept. ``data`` is JSON, or nothing."""
        if kind not in self.kept:
            return ()
        more = f",{data}" if data else ""
        return (Entry(at, f'["{kind.value}",{quoted(task_id)},{at},{attempt}{more}]'),)

    def noted(
        self, kind: str, at: int, payload: Callable[[], Mapping[str, object]]
    ) -> Sequence[AuditNote]:
        """The note for the audit trail, if there is one: then the payload is asked for."""
        return (AuditNote(at, kind, canonical(payload())),) if self.audits else ()

    def enter(self, connection: sqlite3.Connection, done: Done) -> None:
        """Store what the units tell, within the open transaction; those that failed tell nothing.

        Raises:
            sqlite3.Error: it cannot be stored.
        """
        entries: list[Entry] = []
        tallies: list[Tally] = []
        notes: list[AuditNote] = []
        for writes, result in done:
            if not isinstance(result, Exception):
                _collect(writes, result, entries, tallies, notes)
        for start in range(0, len(entries), PLACES):
            part = entries[start : start + PLACES]
            text = f"[{','.join(entry.text for entry in part)}]"
            connection.execute(sql.TELL_EVENTS.sql, (max(entry.at for entry in part), text))
        if tallies:
            _count(connection, tallies)
        if notes:
            _audit(connection, notes)

    @contextmanager
    def heard(self, news: asyncio.Event) -> Iterator[None]:
        """In the block, ``news`` is set by each commit."""
        self._listening.append(news)
        try:
            yield
        finally:
            self._listening.remove(news)

    def spread(self) -> None:
        """Tell those who listen that there was a commit."""
        for news in self._listening:
            news.set()


def _collect(
    writes: Sequence[Write],
    returned: list[Rows],
    entries: list[Entry],
    tallies: list[Tally],
    notes: list[AuditNote],
) -> None:
    rows = iter(returned)
    for write in writes:
        found = next(rows) if write.statement.returns else []
        if write.told:
            entries.extend(write.told(found) if callable(write.told) else write.told)
        if write.tally is not None:
            tallies.extend(write.tally(found) if callable(write.tally) else [write.tally])
        if write.audited:
            notes.extend(write.audited)


def _count(connection: sqlite3.Connection, tallies: Sequence[Tally]) -> None:
    changes: Counter[tuple[str, str]] = Counter()
    for specialist_type, status, change in tallies:
        changes[specialist_type, status] += change
    for (specialist_type, status), change in changes.items():
        connection.execute(sql.COUNT_TASKS.sql, (specialist_type, status, change))


def _audit(connection: sqlite3.Connection, notes: Sequence[AuditNote]) -> None:
    """Make the chain longer. Nobody else does at the same time: the transaction writes."""
    found = connection.execute(sql.HEAD_OF_AUDIT.sql).fetchall()
    head = AuditHead(*found[0]) if found else NO_ENTRY
    for note in notes:
        entry = entry_after(head, at=note.at, kind=note.kind, payload=note.payload)
        row = (entry.number, entry.at, entry.kind, entry.payload, entry.hash)
        connection.execute(sql.ENTER_AUDIT.sql, row)
        head = head_at(entry)
