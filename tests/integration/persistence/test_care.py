"""The keeper migrates, copies and compacts a database file, and changes nothing else."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from threading import Event

import pytest

from vespera.domain.errors import (
    DatabaseCorrupt,
    DatabaseLocked,
    DatabaseTooNew,
    InvalidRequest,
    StorageError,
)
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.copying import BackupPlace, copy_to
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.schema import APPLICATION_ID, REVISIONS
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

NEWEST = REVISIONS[-1]


@pytest.fixture
def care(path):
    return SqliteDatabaseCare(path, patience=0.1)


@pytest.fixture
async def filled(file_database, make_task, path):
    """A database file with 50 tasks, closed."""
    tasks = SqlTaskRepository(file_database)
    for number in range(50):
        await tasks.add(make_task(f"t{number:02}", payload=b'"' + b"x" * 2000 + b'"'))
    await file_database.stop()
    return path


@pytest.fixture
def large(filled):
    """Twenty thousand pages, which is several times what is copied between two looks."""
    execute(filled, "UPDATE tasks SET payload = zeroblob(1600000)")
    return filled


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(sql).fetchall() for sql in statements][-1]


def ids_in(path):
    return [row[0] for row in execute(path, "SELECT id FROM tasks ORDER BY id")]


def at_no_revision(path):
    execute(
        path,
        f"PRAGMA application_id={APPLICATION_ID}",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    )


class TestMigrating:
    async def test_an_old_file_is_migrated_and_both_revisions_are_told(self, care, path):
        at_no_revision(path)

        migration = await care.migrate()

        assert (migration.path, migration.before, migration.after) == (str(path), "", NEWEST)
        assert execute(path, "SELECT version_num FROM alembic_version") == [(NEWEST,)]

    async def test_a_new_file_stays_as_it_is(self, care, filled):
        before = filled.read_bytes()

        migration = await care.migrate()

        assert (migration.before, migration.after) == (NEWEST, NEWEST)
        assert filled.read_bytes() == before

    async def test_a_newer_file_is_refused_and_untouched(self, care, filled):
        execute(filled, "UPDATE alembic_version SET version_num = '9999'")
        before = filled.read_bytes()

        with pytest.raises(DatabaseTooNew, match=r"9999.*Upgrade Vespera"):
            await care.migrate()

        assert filled.read_bytes() == before

    async def test_a_migration_waits_for_nobody_for_ever(self, care, path):
        at_no_revision(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(DatabaseLocked, match=str(path)):
                await care.migrate()


class TestBackups:
    async def test_a_copy_can_be_used_at_once(self, care, filled, tmp_path):
        copy = tmp_path / "copy.db"

        backup = await care.back_up(copy)

        assert (backup.path, backup.copy) == (str(filled), str(copy))
        assert backup.size == copy.stat().st_size
        database = AsyncDatabaseManager(copy)
        assert [task.id for task in await SqlTaskRepository(database).page()] == ids_in(filled)
        await database.stop()

    async def test_a_copy_is_made_while_others_write(self, care, filled, tmp_path, make_task):
        database = AsyncDatabaseManager(filled)
        tasks = SqlTaskRepository(database)
        await tasks.add(make_task("u00"))

        copies = asyncio.create_task(care.back_up(tmp_path / "copy.db"))
        for number in range(1, 30):
            await tasks.add(make_task(f"u{number:02}"))
        await copies
        await database.stop()

        copied = ids_in(tmp_path / "copy.db")
        assert copied == ids_in(filled)[: len(copied)]
        assert len(copied) >= 51

    def test_a_copy_is_of_one_moment_though_others_write_while_it_is_made(self, large, tmp_path):
        before, looks = ids_in(large), []
        with closing(sqlite3.connect(large)) as reader, closing(sqlite3.connect(large)) as writer:

            def write_meanwhile():
                looks.append(len(looks))
                writer.execute("UPDATE tasks SET id = 'new' || id WHERE id NOT LIKE 'new%'")
                writer.commit()
                return False

            place = BackupPlace.of(tmp_path / "copy.db", source=large, overwrite=False)
            copy_to(reader, place=place, called_off=write_meanwhile)

        assert len(looks) > 1
        assert ids_in(tmp_path / "copy.db") == before
        assert ids_in(large) != before

    def test_a_copy_that_is_called_off_halfway_leaves_nothing(self, large, tmp_path):
        answers = iter([False, True])
        place = BackupPlace.of(tmp_path / "copy.db", source=large, overwrite=False)

        with (
            closing(sqlite3.connect(large)) as reader,
            pytest.raises(sqlite3.OperationalError, match="interrupted"),
        ):
            copy_to(reader, place=place, called_off=lambda: next(answers))

        assert list(answers) == []
        assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []

    async def test_what_is_still_in_the_log_is_copied_as_well(
        self, care, file_database, make_task, path, tmp_path
    ):
        await SqlTaskRepository(file_database).add(make_task("a"))
        assert path.with_name("work.db-wal").stat().st_size > 0

        await care.back_up(tmp_path / "copy.db")

        assert ids_in(tmp_path / "copy.db") == ["a"]

    async def test_a_copy_is_one_file_that_as_few_may_read_as_the_database(
        self, care, filled, tmp_path
    ):
        filled.chmod(0o640)

        await care.back_up(tmp_path / "backups" / ".." / "copy.db")

        names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
        assert [name for name in names if "copy" in name] == ["copy.db"]
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o640
        without_log = b"\1\1"  # the two bytes of the header that say so
        assert (tmp_path / "copy.db").read_bytes()[18:20] == without_log

    async def test_a_file_that_is_there_is_overwritten_only_if_asked_to(
        self, care, filled, tmp_path
    ):
        copy = tmp_path / "copy.db"
        copy.write_text("precious")

        with pytest.raises(InvalidRequest, match="there already") as refused:
            await care.back_up(copy)
        assert refused.value.field == "copy"
        assert copy.read_text() == "precious"

        await care.back_up(copy, overwrite=True)
        assert ids_in(copy) == ids_in(filled)

    async def test_the_database_is_never_overwritten_by_its_copy(self, care, filled, tmp_path):
        link = tmp_path / "link.db"
        link.symlink_to(filled)
        hard = tmp_path / "hard.db"
        os.link(filled, hard)
        before = ids_in(filled)

        for place in (filled, link, hard):
            with pytest.raises(InvalidRequest, match="the database itself"):
                await care.back_up(place, overwrite=True)

        assert ids_in(filled) == before

    @pytest.mark.parametrize("companion", ["copy.db-wal", "copy.db-journal"])
    async def test_a_copy_is_not_put_beside_the_log_of_another(
        self, care, filled, tmp_path, companion
    ):
        (tmp_path / companion).write_bytes(b"pages of another database")

        with pytest.raises(InvalidRequest, match=companion):
            await care.back_up(tmp_path / "copy.db", overwrite=True)

        assert not (tmp_path / "copy.db").exists()

    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("", "names no file"),
            ("a\0b", "names no file"),
            (".", "it is a directory"),
            ("missing/copy.db", "there is no directory"),
            ("fifo", "no regular file"),
            ("circle", "links go in a circle"),
        ],
    )
    async def test_an_impossible_place_is_refused(
        self, care, filled, tmp_path, monkeypatch, place, why
    ):
        monkeypatch.chdir(tmp_path)
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "circle").symlink_to("circle")

        with pytest.raises(InvalidRequest, match=why):
            await care.back_up(place, overwrite=True)

    async def test_a_damaged_database_gives_no_copy(self, care, filled, tmp_path):
        damage(filled)

        with pytest.raises(DatabaseCorrupt, match="not be sound"):
            await care.back_up(tmp_path / "copy.db")

        assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []

    async def test_a_place_that_cannot_be_written_is_an_error_with_its_name(
        self, filled, open_directory, unprivileged
    ):
        source = open_directory / "work.db"
        source.write_bytes(filled.read_bytes())
        source.chmod(0o666)
        (open_directory / "closed").mkdir(mode=0o555)
        care = SqliteDatabaseCare(source)

        with unprivileged(), pytest.raises(StorageError, match=r"closed/copy\.db: .*Permission"):
            await care.back_up(open_directory / "closed" / "copy.db")

    async def test_a_backup_that_is_called_off_leaves_nothing(self, care, filled, tmp_path):
        work = asyncio.create_task(care.back_up(tmp_path / "copy.db"))
        for _ in range(3):
            await asyncio.sleep(0)
        work.cancel()

        with pytest.raises(asyncio.CancelledError):
            await work
        assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []

    async def test_a_database_of_another_program_is_not_copied(self, care, path, tmp_path):
        execute(path, "CREATE TABLE theirs (a)")

        with pytest.raises(DatabaseCorrupt, match="another program"):
            await care.back_up(tmp_path / "copy.db")


class TestCompacting:
    async def test_the_room_of_deleted_rows_is_given_back(self, care, filled):
        execute(filled, "DELETE FROM tasks WHERE id > 't05'")

        compaction = await care.compact()

        assert compaction.path == str(filled)
        assert compaction.after < compaction.before
        assert compaction.after == filled.stat().st_size
        assert ids_in(filled) == [f"t{number:02}" for number in range(6)]

    async def test_the_file_works_as_before(self, care, filled, make_task):
        await care.compact()

        database = AsyncDatabaseManager(filled)
        await SqlTaskRepository(database).add(make_task("later"))
        await database.stop()
        assert "later" in ids_in(filled)
        assert execute(filled, "PRAGMA journal_mode") == [("wal",)]

    async def test_it_is_refused_while_this_process_has_the_file_open(self, care, filled):
        database = AsyncDatabaseManager(filled)
        await database.start()

        with pytest.raises(DatabaseLocked, match="somebody has the database open"):
            await care.compact()

        await database.stop()
        assert (await care.compact()).after > 0

    async def test_it_is_refused_while_another_process_only_reads(self, care, filled, program):
        reader = program(READER, filled)
        assert reader.stdout.readline() == "open\n"

        with pytest.raises(DatabaseLocked, match="somebody has the database open"):
            await care.compact()

        reader.communicate("done\n", timeout=60)
        assert (await care.compact()).after > 0

    async def test_a_newer_file_is_refused(self, care, filled):
        execute(filled, "UPDATE alembic_version SET version_num = '9999'")

        with pytest.raises(DatabaseTooNew):
            await care.compact()


class TestFacts:
    def test_a_file_is_told_without_a_look_at_it(self, care, path):
        facts = care.facts()

        assert (facts.path, facts.newest) == (str(path), NEWEST)
        assert (facts.sqlite, facts.durability) == (sqlite3.sqlite_version, "full")
        assert facts.takes_turns == (sqlite3.sqlite_version_info < (3, 51, 3))
        assert not path.exists()

    async def test_memory_has_no_path_needs_no_turns_and_has_no_revision(self):
        care = SqliteDatabaseCare(":memory:")

        assert (care.facts().path, care.facts().takes_turns) == (None, False)
        assert await care.revision() is None

    async def test_the_revision_is_that_of_the_file(self, care, filled):
        assert await care.revision() == NEWEST

        execute(filled, "DELETE FROM alembic_version")
        assert await care.revision() == ""

    async def test_without_a_file_or_in_an_empty_one_there_is_no_revision(self, care, path):
        assert await care.revision() is None
        assert not path.exists()

        path.touch()
        assert await care.revision() is None


async def test_work_that_would_never_end_ends_when_it_is_called_off(care, filled):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    begun = Event()

    def work(connection):
        begun.set()
        connection.execute(endless).fetchone()

    async with care._connection() as do:
        task = asyncio.create_task(do(work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("verb", ["migrate", "check", "compact"])
class TestWhatIsNotThere:
    async def test_a_missing_file_is_told_and_not_made(self, care, path, verb):
        with pytest.raises(StorageError, match="there is no database"):
            await getattr(care, verb)()

        assert not path.exists()

    async def test_a_database_in_memory_has_nothing_to_look_after(self, verb):
        with pytest.raises(InvalidRequest, match="in memory") as refused:
            await getattr(SqliteDatabaseCare(":memory:"), verb)()

        assert refused.value.field == "database_url"

    async def test_what_is_no_database_is_told_so(self, care, path, verb):
        path.write_text("a shopping list " * 100)

        with pytest.raises(DatabaseCorrupt, match=str(path)):
            await getattr(care, verb)()

        assert path.read_text().startswith("a shopping list")


READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM tasks").fetchone()
print("open", flush=True)
sys.stdin.readline()
"""


def damage(path):
    """Write nonsense over a page in the middle of a table; the catalogue stays readable."""
    (page,) = execute(path, "SELECT rootpage FROM sqlite_master WHERE name = 'tasks_ready'")[0]
    (size,) = execute(path, "PRAGMA page_size")[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x0d" + b"\xff" * (size - 1))
