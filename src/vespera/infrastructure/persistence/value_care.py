"""Looking after the files of large values: which are gone, and copies of them."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from vespera.application.ports.care import Flaw
from vespera.domain.errors import DatabaseCorrupt
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.spilling import HOLDERS, WAY_OUT
from vespera.infrastructure.persistence.value_files import ValueFiles, ValueReference

CalledOff = Callable[[], bool]
_HAS_VALUES = "SELECT 1 FROM sqlite_master WHERE name = 'tasks_spilled'"


def lost_values(
    connection: sqlite3.Connection, path: Path, called_off: CalledOff
) -> Iterator[Flaw]:
    """A flaw for each reference to a file that is missing or damaged. What is purged while this
    goes on is none.

    Raises:
        sqlite3.Error: it cannot be looked, or was called off.
    """
    files = ValueFiles(path)
    problems: dict[str, str | None] = {}
    for row in _references(connection):
        _go_on_unless(called_off)
        if row[0] not in problems:
            problems[row[0]] = files.problem_of(row[0])
    if not any(problems.values()):
        return
    for text, *whose in _references(connection):
        problem = problems.get(text) and files.problem_of(text)
        if problem:
            yield Flaw("value", f"{_named(*whose)} is {problem}")


class ValueCopies:
    """The files that a copy of a database refers to, beside the copy."""

    def __init__(self, source: Path, copy: Path, called_off: CalledOff) -> None:
        self._source, self._copy = ValueFiles(source), ValueFiles(copy, like=source)
        self._called_off = called_off
        self._digests: set[str] = set()
        self._older = set(self._copy.names())
        self.size = 0

    def hold(self, connection: sqlite3.Connection) -> None:
        """Make all files young that the database refers to as the connection sees it, so that none
        is removed while they are copied.
        """
        for text, *_ in _references(connection):
            _go_on_unless(self._called_off)
            with suppress(PermissionError):  # who may only read can copy all the same
                if reference := ValueReference.of(text):
                    self._source.renew(reference)

    def make(self, draft: sqlite3.Connection) -> None:
        """Copy what the finished draft of the copy refers to; each is verified.

        Raises:
            DatabaseCorrupt: one is missing or damaged.
            OSError: it cannot be written.
        """
        for text, *whose in _references(draft):
            _go_on_unless(self._called_off)
            reference = ValueReference.of(text)
            if reference is None or reference.digest not in self._digests:
                self._copy_one(reference, text, whose)

    def drop_older(self) -> None:
        """Remove what only an older copy in the same place referred to."""
        self._copy.remove(self._older - self._digests)

    def undo(self) -> None:
        """Remove what was copied."""
        self._copy.remove(self._digests - self._older)

    def _copy_one(self, reference: ValueReference | None, text: str, whose: Sequence[str]) -> None:
        problem = self._source.problem_of(text)
        if reference is None or problem is not None:
            raise DatabaseCorrupt(
                f"{_named(*whose)} is {problem}; the copy would lack it, and nothing was left"
                f" there. To copy the rest, purge the task, or {WAY_OUT}."
            )
        self._digests.add(reference.digest)
        self._copy.keep(self._source.read(reference))
        self.size += reference.size


def _references(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    """None where there are no tables of this version."""
    if connection.execute(_HAS_VALUES).fetchone() is None:
        return []
    return connection.execute(sql.REFERENCES.sql).fetchall()


def _named(table: str, column: str, key: str) -> str:
    holder = HOLDERS[table]
    return holder.named(json.loads(key), holder.columns[column])


def _go_on_unless(called_off: CalledOff) -> None:
    if called_off():
        raise sqlite3.OperationalError("interrupted")
