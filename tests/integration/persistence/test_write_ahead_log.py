"""With ``durability="normal"`` the log is moved into the file beside the commits, not in one."""

import sqlite3

import pytest

from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Statement, Write

MEGABYTES = 1024 * 1024
KEEP = Statement("INSERT INTO verification_reports VALUES (?, NULL, 0, ?, '', 0, NULL)", expects=1)


@pytest.fixture
async def database(tmp_path):
    database = AsyncDatabaseManager(tmp_path / "tasks.db", durability="normal")
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tasks.db-wal"


async def fill(database, numbers):
    for number in numbers:
        await database.commit([Write(KEEP, (f"{number:08}", "x" * MEGABYTES))])


async def test_a_log_that_has_grown_is_moved_into_the_file_and_begins_anew(database, log, tmp_path):
    await fill(database, range(12))
    await database.commit([Write(KEEP, ("last", ""))])

    assert log.stat().st_size < 8 * MEGABYTES
    assert (tmp_path / "tasks.db").stat().st_size > 6 * MEGABYTES


async def test_a_log_that_somebody_reads_grows_on_and_nothing_is_lost(database, log, tmp_path):
    reader = sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM verification_reports").fetchall()

    await fill(database, range(12))
    assert log.stat().st_size > 8 * MEGABYTES
    reader.close()
    await fill(database, range(12, 20))

    assert await database.read("SELECT count(*) FROM verification_reports") == [(20,)]
    assert log.stat().st_size < 8 * MEGABYTES
