"""How rows refer to large values, and which statements may store one; without a file."""

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vespera.application.ports.codec import LOST
from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.queries.rendering import TOPICS, defined_in
from vespera.infrastructure.persistence.spilling import (
    HOLDERS,
    TASKS,
    LostBytes,
    Spill,
    checked_spill_above,
)
from vespera.infrastructure.persistence.statements import Statement, Write
from vespera.infrastructure.persistence.stored_values import value_columns
from vespera.infrastructure.persistence.tables import metadata, tables_with_values
from vespera.infrastructure.persistence.value_files import ValueReference

STATEMENTS = [
    value
    for topic in TOPICS
    for value in defined_in(topic).values()
    if isinstance(value, Statement)
]
WRITE = Write(sql.RECORD_STEP, (*"abcdefgh", b"x" * 101, None))


def test_a_reference_is_read_as_it_was_written():
    reference = ValueReference.to(b"value")

    assert str(reference) == f"sha256:{hashlib.sha256(b'value').hexdigest()}:5"
    assert ValueReference.of(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    ["", "x", "sha256::1", f"sha256:{'0' * 63}:1", f"sha256:{'0' * 64}:", f"sha256:{'/' * 64}:1"],
)
def test_what_is_no_reference_leads_to_no_file(text):
    assert ValueReference.of(text) is None


def test_a_lost_value_says_so_and_is_stored_as_the_reference_that_it_was():
    lost = LostBytes.of("sha256:0:1", "it is gone")

    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("SELECT ?", (lost,)).fetchone() == ("sha256:0:1",)
    assert lost == LOST + b"it is gone"


@pytest.mark.parametrize(("above", "is_large"), [(100, True), (101, False), (None, False)])
def test_the_size_decides(above, is_large):
    assert Spill(Path("work.db"), above).is_for([WRITE]) is is_large


def test_in_memory_nothing_is_large():
    assert not Spill(None, 0).is_for([WRITE])


def test_every_parameter_for_a_stored_value_is_known():
    inserted = {"INSERT_TASK", "INSERT_RUNNING_TASK", "RECORD_STEP", "COPY_STEP", "INSERT_SIGNAL"}
    inserted |= {"INSERT_OLD_SIGNAL", "RECORD_HEARTBEAT", "INSERT_SCHEDULE"}
    inserted |= {"INSERT_SNAPSHOT", "RECORD_RESULT", "INSERT_BARE_TASK", "INSERT_BARE_RUNNING_TASK"}
    changed = {"UPDATE_TASK", "COMPLETE_TASK", "UPDATE_SCHEDULE", "DEBOUNCE", "UNDO_STEP"}
    changed |= {"COMPLETE_BARE_TASK"}
    storing = {
        name
        for topic in TOPICS
        for name, value in defined_in(topic).items()
        if isinstance(value, Statement) and value.stores
    }

    assert storing == inserted | changed
    assert sql.RECORD_STEP.stores == tuple(map(sql.STEP_COLUMNS.index, ("value", "error")))
    assert sql.DEBOUNCE.stores == ("new_payload",)


def test_every_table_with_stored_values_has_a_holder_for_all_of_them():
    assert {table.name for table in tables_with_values} == set(HOLDERS)
    for table in tables_with_values:
        holder = HOLDERS[table.name]
        columns = [column.name for column in value_columns(table)]
        assert list(holder.columns) == columns
        assert [list(table.c.keys())[place] for place in holder.places] == columns
    binary = [c.name for t in metadata.tables.values() for c in t.c if str(c.type) == "BLOB"]
    assert len(binary) == sum(len(one.places) for one in HOLDERS.values()) + 4  # paths of files


async def test_references_are_found_without_a_look_at_the_rows(database):
    plan = await database.read(f"EXPLAIN QUERY PLAN {sql.REFERENCES.sql}")

    looks = [row[3] for row in plan if row[3].startswith(("SCAN", "SEARCH"))]
    assert len(looks) == 8
    assert all("USING COVERING INDEX" in look and "_spilled" in look for look in looks)


async def test_a_claim_that_is_cancelled_while_its_values_are_read_was_committed():
    spill = Spill(Path("/nonexistent/work.db"), 100)
    row: list[object] = [None] * len(sql.TASK_COLUMNS)
    row[max(TASKS.places)] = f"sha256:{'0' * 64}:1"
    reading = asyncio.ensure_future(spill.made_whole([[tuple(row)]], TASKS))
    await asyncio.sleep(0)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError) as cancelled:
        await reading

    assert cancelled.value.outcome == "committed"
    await spill.stop()


@pytest.mark.parametrize("value", [-1, 1.5, "1 MB", True])
def test_a_senseless_setting_is_refused(value):
    with pytest.raises(InvalidRequest, match=r"^spill_above: "):
        checked_spill_above(value)
