"""Looks at the whole of a database, as of one moment, for what must not be there."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from vespera.application.ports.care import Flaw, Inspection
from vespera.infrastructure.persistence.file_lock import never
from vespera.infrastructure.persistence.invariants import RULES, UNFINISHED_EDGES, Rule
from vespera.infrastructure.persistence.schema import REVISIONS, create_tables, revision_of
from vespera.infrastructure.persistence.value_care import lost_values

MOST_LISTED = 100
"""Flaws that are listed of one rule; more are counted."""


def inspect_database(
    connection: sqlite3.Connection, *, path: str, called_off: Callable[[], bool] = never
) -> Inspection:
    """What is wrong with the database; nothing is changed.

    Raises:
        DatabaseCorrupt: the file belongs to another program, or lacks its revision.
        DatabaseTooNew: a newer version of Vespera wrote it.
        sqlite3.Error: it cannot be read at all.
    """
    connection.execute("BEGIN")
    try:
        revision = revision_of(connection, path)
        flaws, unlisted = _listed(_flaws(connection, revision))
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if revision == REVISIONS[-1]:
        lost, more = _listed(_guarded("value", lost_values(connection, Path(path), called_off)))
        flaws, unlisted = [*flaws, *lost], unlisted + more
    return Inspection(path=path, revision=revision, flaws=flaws, unlisted=unlisted)


def _flaws(connection: sqlite3.Connection, revision: str) -> Iterator[Flaw]:
    yield from _guarded("integrity", _integrity(connection))
    if revision != REVISIONS[-1]:
        yield Flaw(
            "revision",
            f"the tables are of revision {revision or 'none'}, not {REVISIONS[-1]}, so our own"
            " rules were not checked; run `vespera db migrate`, then check again",
        )
        return
    yield from _guarded("schema", _schema(connection))
    for rule in RULES:
        yield from _guarded(rule.name, _broken(connection, rule))
    yield from _guarded("cycle", _cycles(connection))


def _guarded(rule: str, flaws: Iterator[Flaw]) -> Iterator[Flaw]:
    """The flaws that a rule finds; that it cannot be checked is one as well."""
    try:
        yield from flaws
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise
        yield Flaw(rule, f"cannot be checked: {error}")


def _integrity(connection: sqlite3.Connection) -> Iterator[Flaw]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({MOST_LISTED})"):
        for line in str(text).splitlines():
            if line != "ok":
                yield Flaw("integrity", line)


def _schema(connection: sqlite3.Connection) -> Iterator[Flaw]:
    found = _definitions(connection)
    for (kind, name), text in _expected().items():
        if (kind, name) not in found:
            yield Flaw("schema", f"the {kind} {name} is missing")
        elif found[kind, name] != text:
            yield Flaw("schema", f"the {kind} {name} is not as this version makes it")


def _definitions(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Tables and indexes, without white space, in which alone old and new files may differ."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL")
    return {(kind, name): "".join(sql.split()) for kind, name, sql in rows}


def _expected() -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection)
        return _definitions(connection)


def _broken(connection: sqlite3.Connection, rule: Rule) -> Iterator[Flaw]:
    for row in connection.execute(rule.statement.sql):
        yield Flaw(rule.name, rule.text.format(*map(_shown, row)))


def _cycles(connection: sqlite3.Connection) -> Iterator[Flaw]:
    waiting: TopologicalSorter[str] = TopologicalSorter()
    for task, dependency in connection.execute(UNFINISHED_EDGES.sql):
        waiting.add(task, dependency)
    try:
        waiting.prepare()
    except CycleError as error:
        cycle = " -> ".join(repr(task) for task in reversed(error.args[1]))
        yield Flaw("cycle", f"tasks wait for each other: {cycle}")


def _listed(flaws: Iterable[Flaw]) -> tuple[list[Flaw], int]:
    listed: list[Flaw] = []
    counts: dict[str, int] = {}
    for flaw in flaws:
        counts[flaw.rule] = counts.get(flaw.rule, 0) + 1
        if counts[flaw.rule] <= MOST_LISTED:
            listed.append(flaw)
    return listed, sum(counts.values()) - len(listed)


def _shown(value: object) -> object:
    return repr(value) if isinstance(value, str) else value
