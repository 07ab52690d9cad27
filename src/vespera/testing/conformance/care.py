"""The promises of ``DatabaseCare``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from vespera.application.ports.care import DatabaseCare
from vespera.application.ports.persistence import TaskRepository
from vespera.domain.errors import DatabaseLocked, DatabaseTooNew, InvalidRequest, StorageError
from vespera.infrastructure.di.container import Container
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Statement, Write
from vespera.testing.conformance.samples import a_task
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

Verb = Callable[[DatabaseCare, Path], Awaitable[object]]
_VERBS: dict[str, Verb] = {
    "migrate": lambda care, _: care.migrate(),
    "check": lambda care, _: care.check(),
    "back_up": lambda care, copy: care.back_up(copy),
    "compact": lambda care, _: care.compact(),
}
_TASKS = 30
_each_verb = pytest.mark.parametrize("verb", _VERBS.values(), ids=_VERBS.keys())


class DatabaseCareConformance(AdapterSuite):
    """Give ``make_care``; and the three methods below it, if your databases are not SQLite files
    as Vespera makes them.
    """

    ports = (DatabaseCare,)

    def make_care(self, path: Path | None) -> Made[DatabaseCare]:
        """The keeper of the database in this file, which may not be there yet. None: of a database
        in memory.
        """
        raise self.missing("make_care", "the DatabaseCare of a file, or of a database in memory")

    def container_on(self, path: Path) -> Container:
        """A container that works with the database in the file, and makes it if there is none."""
        return Container(database_url=f"sqlite+aiosqlite:///{path}", workspace=str(path.parent))

    async def let_be_newer(self, path: Path) -> None:
        """Make the database look as if a newer version of Vespera had written it."""
        await _execute(path, "UPDATE alembic_version SET version_num = '9999'")

    async def break_a_rule(self, path: Path) -> None:
        """Write to the database what Vespera would not."""
        await _execute(path, "UPDATE tasks SET lease_until = 1")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where the database is, or would be."""
        return tmp_path / "work.db"

    @pytest_asyncio.fixture
    async def care(self, path: Path) -> AsyncIterator[DatabaseCare]:
        """The keeper of ``make_care``, of a file that is not there."""
        async with adapter_of(self.make_care, path) as care:
            yield care

    @pytest_asyncio.fixture
    async def filled(self, path: Path) -> Path:
        """The same file, with tasks in it, which nobody has open."""
        async with self.container_on(path) as container:
            for number in range(_TASKS):
                await container.get(TaskRepository).add(a_task(f"t{number:02}"))
        return path

    @pytest_asyncio.fixture
    async def care_of_memory(self) -> AsyncIterator[DatabaseCare]:
        """The keeper of a database in memory."""
        async with adapter_of(self.make_care, None) as care:
            yield care

    async def test_a_file_is_told_without_a_look_at_it(
        self, care: DatabaseCare, path: Path
    ) -> None:
        facts = care.facts()

        assert facts.path == str(path)
        assert facts.newest
        assert not path.exists()

    async def test_of_a_database_in_memory_there_is_neither_path_nor_revision(
        self, care_of_memory: DatabaseCare
    ) -> None:
        assert care_of_memory.facts().path is None
        assert await care_of_memory.revision() is None

    @_each_verb
    async def test_a_database_in_memory_has_nothing_to_look_after(
        self, care_of_memory: DatabaseCare, tmp_path: Path, verb: Verb
    ) -> None:
        with pytest.raises(InvalidRequest):
            await verb(care_of_memory, tmp_path / "copy.db")
        assert not (tmp_path / "copy.db").exists()

    @_each_verb
    async def test_a_missing_file_is_told_and_not_made(
        self, care: DatabaseCare, tmp_path: Path, verb: Verb
    ) -> None:
        with pytest.raises(StorageError):
            await verb(care, tmp_path / "copy.db")
        assert list(tmp_path.iterdir()) == []

    async def test_a_missing_file_has_no_revision_and_is_not_made(
        self, care: DatabaseCare, tmp_path: Path
    ) -> None:
        assert await care.revision() is None
        assert list(tmp_path.iterdir()) == []

    @_each_verb
    async def test_what_is_no_database_is_told_so_and_left_alone(
        self, care: DatabaseCare, path: Path, verb: Verb
    ) -> None:
        content = b"no database " * 10_000
        path.write_bytes(content)
        with pytest.raises(StorageError):
            await verb(care, path.with_name("copy.db"))
        with pytest.raises(StorageError):
            await care.revision()

        assert path.read_bytes() == content
        assert not path.with_name("copy.db").exists()

    async def test_what_is_up_to_date_has_the_newest_revision_and_stays_as_it_is(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        newest, before = care.facts().newest, filled.read_bytes()
        migration = await care.migrate()

        assert await care.revision() == newest
        assert (migration.path, migration.before, migration.after) == (str(filled), newest, newest)
        assert filled.read_bytes() == before

    async def test_a_newer_database_is_refused_and_untouched(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        await self.let_be_newer(filled)
        before = filled.read_bytes()
        with pytest.raises(DatabaseTooNew):
            await care.migrate()
        with pytest.raises(StorageError):
            await care.revision()

        assert filled.read_bytes() == before

    async def test_what_the_engine_wrote_is_sound_also_while_it_works(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        async with self.container_on(filled) as container:
            await container.get(TaskRepository).add(a_task("new"))
            inspection = await care.check()

            assert (inspection.path, list(inspection.flaws)) == (str(filled), [])
            assert inspection.sound
            assert inspection.revision == care.facts().newest
            await container.get(TaskRepository).add(a_task("newer"))

    async def test_what_breaks_a_rule_is_found(self, care: DatabaseCare, filled: Path) -> None:
        await self.break_a_rule(filled)
        inspection = await care.check()

        assert not inspection.sound
        assert all(flaw.rule and flaw.text for flaw in inspection.flaws)

    async def test_a_copy_can_be_used_at_once_though_the_database_is_in_use(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        copy = filled.with_name("copy.db")
        async with self.container_on(filled) as container:
            await container.get(TaskRepository).add(a_task("new"))
            backup = await care.back_up(copy)
            await container.get(TaskRepository).add(a_task("later"))

        assert (backup.path, backup.copy) == (str(filled), str(copy))
        assert backup.size == copy.stat().st_size
        assert "later" in await self._ids_in(filled)
        assert await self._ids_in(copy) == [i for i in await self._ids_in(filled) if i != "later"]

    async def test_a_file_that_is_there_is_overwritten_only_if_asked_to(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        copy = filled.with_name("copy.db")
        copy.write_bytes(b"mine")
        with pytest.raises(InvalidRequest):
            await care.back_up(str(copy))
        assert copy.read_bytes() == b"mine"

        await care.back_up(str(copy), overwrite=True)
        assert await self._ids_in(copy) == await self._ids_in(filled)

    @pytest.mark.parametrize("place", ["work.db", "no directory/copy.db", "."])
    async def test_an_impossible_place_is_refused(
        self, care: DatabaseCare, filled: Path, place: str
    ) -> None:
        with pytest.raises(InvalidRequest):
            await care.back_up(filled.parent / place, overwrite=True)

        assert len(await self._ids_in(filled)) == _TASKS

    @pytest.mark.parametrize("turns", range(0, 12, 3))
    async def test_a_backup_that_is_called_off_leaves_a_whole_copy_or_nothing(
        self, care: DatabaseCare, filled: Path, turns: int
    ) -> None:
        copy = filled.with_name("copy.db")
        copying = asyncio.create_task(care.back_up(copy))
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251 -- not time: a turn of the event loop
        copying.cancel()
        await asyncio.wait([copying])

        left = [path.name for path in filled.parent.iterdir() if path.name.startswith("copy")]
        assert left in ([], ["copy.db"])
        assert not left or await self._ids_in(copy) == await self._ids_in(filled)

    async def test_the_room_of_deleted_rows_is_given_back_and_nothing_else(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        ids, before = await self._ids_in(filled), filled.stat().st_size
        compaction = await care.compact()

        after = filled.stat().st_size
        assert (compaction.path, compaction.before, compaction.after) == (
            str(filled),
            before,
            after,
        )
        assert after <= before
        assert await self._ids_in(filled) == ids

    async def test_what_somebody_has_open_is_not_compacted_and_not_waited_for(
        self, care: DatabaseCare, filled: Path
    ) -> None:
        async with self.container_on(filled) as container:
            await container.get(TaskRepository).page()
            with pytest.raises(DatabaseLocked):
                await care.compact()
            await container.get(TaskRepository).add(a_task("new"))

    async def _ids_in(self, path: Path) -> Sequence[str]:
        async with self.container_on(path) as container:
            return [task.id for task in await container.get(TaskRepository).page()]


async def _execute(path: Path, statement: str) -> None:
    database = AsyncDatabaseManager(path)
    try:
        await database.commit([Write(Statement(statement), ())])
    finally:
        await database.stop()
