"""What a commit keeps beside the rows themselves."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from vespera.domain.errors import StaleTask
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.ledger import PLACES, Ledger
from vespera.infrastructure.persistence.statements import Entry, Tally, Write

DONE = list[list[tuple[object, ...]]]()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in sql.SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("all")


def telling(*moments: int) -> list[Write]:
    entries = [Entry(at, json.dumps(["begun", f"t{at}", at, 1])) for at in moments]
    return [Write(sql.UPDATE_TASK, (), told=entries)]


def rows(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    found = connection.execute("SELECT mark, entries FROM events ORDER BY id").fetchall()
    return [(mark, len(json.loads(entries))) for mark, entries in found]


def test_all_that_a_commit_tells_is_one_row_as_of_the_latest_of_it(
    ledger: Ledger, connection: sqlite3.Connection
) -> None:
    ledger.enter(connection, [(telling(5, 9, 7), DONE), (telling(8), DONE)])

    assert rows(connection) == [(9, 4)]


def test_the_mark_does_not_go_back_when_the_clock_does(
    ledger: Ledger, connection: sqlite3.Connection
) -> None:
    for moment in (9, 5, 11):
        ledger.enter(connection, [(telling(moment), DONE)])

    assert rows(connection) == [(9, 1), (9, 1), (11, 1)]


def test_more_than_a_row_has_places_for_is_told_in_several(
    ledger: Ledger, connection: sqlite3.Connection
) -> None:
    ledger.enter(connection, [(telling(*range(PLACES + 1)), DONE)])

    assert rows(connection) == [(PLACES - 1, PLACES), (PLACES, 1)]


def test_a_unit_that_failed_tells_nothing_and_counts_for_nothing(
    ledger: Ledger, connection: sqlite3.Connection
) -> None:
    counted = [Write(sql.UPDATE_TASK, (), tally=Tally("coder", "completed"))]
    ledger.enter(connection, [(telling(1), StaleTask("t")), (counted, StaleTask("t"))])
    assert rows(connection) == []

    ledger.enter(connection, [(counted, DONE), (counted, DONE)])
    found = connection.execute("SELECT specialist_type, status, total FROM task_counts").fetchall()
    assert found == [("coder", "completed", 2)]
