"""Large values lie in files beside the database; no acknowledged one is lost, whoever dies."""

import asyncio
import os
import signal
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from vespera.domain.errors import DatabaseCorrupt, StorageError, UnreadableValue
from vespera.domain.ids import OwnerId
from vespera.domain.schedule import TaskSchedule
from vespera.domain.signal import Signal
from vespera.domain.step import Fence, Heartbeat, StepRecord
from vespera.domain.task import FINISHED, TaskStatus
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.schedule_repository import SqlScheduleRepository
from vespera.infrastructure.persistence.signal_repository import SqlSignalRepository
from vespera.infrastructure.persistence.spilling import Spill
from vespera.infrastructure.persistence.statements import Statement, Write
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.sweeping import swept
from vespera.infrastructure.persistence.task_archive import SqlTaskArchive
from vespera.infrastructure.persistence.task_histories import SqlTaskHistories
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository

LARGE = b'"' + b"x" * 200 + b'"'
OTHER = b'"' + b"y" * 200 + b'"'
HOUR = timedelta(hours=1)
LATER = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["full", "normal"])
async def database(request, path):
    database = AsyncDatabaseManager(path, durability=request.param, spill_above=100)
    yield database
    await database.stop()


@pytest.fixture
def directory(path):
    return path.with_name("work.db-values")


@pytest.fixture
def care(path):
    return SqliteDatabaseCare(path, patience=0.1)


def names_in(directory):
    return sorted(file.name for file in directory.iterdir()) if directory.exists() else []


def execute(path, text, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(text, values).fetchall()


def make_old(directory, hours=2):
    moment = datetime.now(UTC).timestamp() - hours * 3600
    for file in directory.iterdir():
        os.utime(file, (moment, moment))


def an_hour_ago():
    return datetime.now(UTC) - HOUR


def running(make_task, task_id="a", **fields):
    held = {"status": TaskStatus.RUNNING, "owner": "w", "attempt": 1, "lease_until": LATER}
    return make_task(task_id, **held, **fields)


def a_step(now, occurrence=1):
    return StepRecord(
        task_id="a",
        name="s",
        occurrence=occurrence,
        seq=1,
        epoch=0,
        recorded_at=now,
        value=b"v" * 200,
        error=None,
    )


FENCE = Fence(task_id="a", attempt=1, owner=OwnerId("w"))


class TestKeeping:
    async def test_a_large_value_is_in_a_file_and_comes_back(
        self, tasks, make_task, path, directory
    ):
        await tasks.add(make_task("a", payload=LARGE))

        (name,) = names_in(directory)
        assert (directory / name).read_bytes() == LARGE
        assert execute(path, "SELECT payload FROM tasks") == [(f"sha256:{name}:{len(LARGE)}",)]
        assert (await tasks.get("a")).payload == LARGE

    async def test_a_value_of_just_the_size_stays_in_its_row(self, tasks, make_task, directory):
        await tasks.add(make_task("a", payload=b"x" * 100))
        await tasks.add(make_task("b", payload=b"x" * 101))

        assert len(names_in(directory)) == 1
        assert [len(task.payload) for task in await tasks.page()] == [100, 101]

    async def test_the_same_value_is_stored_once(self, tasks, make_task, directory):
        await tasks.add(make_task("a", payload=LARGE))
        before = (directory / names_in(directory)[0]).stat().st_ino
        await asyncio.gather(*(tasks.add(make_task(f"b{n}", payload=LARGE)) for n in range(5)))

        assert [(directory / name).stat().st_ino for name in names_in(directory)] == [before]

    async def test_every_kind_of_value_goes_and_comes_back(
        self, database, tasks, make_task, now, directory
    ):
        steps, signals = SqlStepRepository(database), SqlSignalRepository(database)
        schedules = SqlScheduleRepository(database)
        step = a_step(now)
        failed = replace(step, name="f", seq=2, value=None, error=b"e" * 200)
        beat = Heartbeat(task_id="a", name="h", occurrence=1, beaten_at=now, detail=b"h" * 200)
        sent = Signal(task_id="a", id="1", name="n", sent_at=now, payload=b"p" * 200)
        schedule = TaskSchedule(
            name="daily",
            title="t",
            specialist_type="s",
            request=b"r" * 200,
            every=60.0,
            next_due=None,
            created_at=now,
            updated_at=now,
        )
        await tasks.add(running(make_task, payload=LARGE))
        await steps.record(step, FENCE)
        await steps.record(failed, FENCE)
        await steps.beat(beat, FENCE, lease_until=now)
        await signals.send(sent)
        await schedules.add(schedule)
        await tasks.save((await tasks.get("a")).execute(b"o" * 200, now))

        assert len(names_in(directory)) == 7
        history = await SqlTaskHistories(database).get("a")
        assert (history.task.payload, history.task.outcome) == (LARGE, b"o" * 200)
        assert [(one.value, one.error) for one in history.steps] == [
            (step.value, None),
            (None, failed.error),
        ]
        assert history.heartbeats == (beat,)
        assert await steps.of_task("a") == list(history.steps)
        assert await steps.beats_of("a") == [beat]
        assert (await signals.oldest("a", "n")).payload == sent.payload
        assert await schedules.all() == [schedule]

    async def test_a_task_that_is_claimed_comes_whole(self, database, tasks, make_task, now):
        queue = SqlTaskQueue(database)
        await tasks.add(make_task("a", payload=LARGE))
        await tasks.add(make_task("b", payload=b"{}"))

        found = await queue.claim_ready(owner="w", now=now, lease_until=now + HOUR, limit=5)

        assert [task.payload for task in found] == [LARGE, b"{}"]

    async def test_a_unit_of_work_is_one_transaction_all_the_same(
        self, database, tasks, unit_of_work, make_task
    ):
        async with unit_of_work():
            await tasks.add(make_task("a", payload=LARGE))
            await tasks.add(make_task("b", payload=b"{}"))
            assert await tasks.find(["a", "b"]) == {}
        with pytest.raises(StorageError):
            async with unit_of_work():
                await tasks.add(make_task("c", payload=OTHER))
                await tasks.add(make_task("a", payload=OTHER))

        assert [task.id for task in await tasks.page()] == ["a", "b"]

    async def test_without_the_setting_what_is_in_files_is_still_read(
        self, database, tasks, make_task, path, directory
    ):
        await tasks.add(make_task("a", payload=LARGE))
        await database.stop()
        other = AsyncDatabaseManager(path, spill_above=None)
        try:
            await SqlTaskRepository(other).add(make_task("b", payload=OTHER))
            found = await SqlTaskRepository(other).find(["a", "b"])
        finally:
            await other.stop()

        assert (found["a"].payload, found["b"].payload) == (LARGE, OTHER)
        assert len(names_in(directory)) == 1

    async def test_in_memory_everything_stays_in_memory(self, make_task):
        database = AsyncDatabaseManager("sqlite+aiosqlite:///:memory:", spill_above=0)
        try:
            await SqlTaskRepository(database).add(make_task("a", payload=LARGE))
            assert (await database.read("SELECT typeof(payload) FROM tasks")) == [("blob",)]
            assert await SqlTaskArchive(database).sweep(datetime.now(UTC)) == 0
        finally:
            await database.stop()

    async def test_as_few_may_read_the_files_as_may_read_the_database(
        self, tasks, make_task, path, directory
    ):
        await tasks.page()
        path.chmod(0o600)
        await tasks.add(make_task("a", payload=LARGE))

        modes = [stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.iterdir())]
        assert modes == [0o700, 0o600]

    async def test_a_disk_that_refuses_the_file_is_a_typed_error_and_nothing_is_stored(
        self, tasks, make_task, directory, path
    ):
        await tasks.add(make_task("a", payload=LARGE))
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
        directory.symlink_to("/dev/full")

        with pytest.raises(StorageError, match=r"work.db-values"):
            await tasks.add(make_task("b", payload=OTHER))

        directory.unlink()
        assert execute(path, "SELECT id FROM tasks") == [("a",)]
        await tasks.add(make_task("b", payload=OTHER))
        assert (await tasks.get("b")).payload == OTHER

    @pytest.mark.parametrize("turns", [0, 1, 2, 5, 20, 100, 500])
    async def test_whoever_stores_one_may_be_cancelled_at_any_moment(
        self, tasks, make_task, care, turns
    ):
        await tasks.page()
        adding = asyncio.ensure_future(tasks.add(make_task("a", payload=LARGE)))
        for _ in range(turns):
            await asyncio.sleep(0)
        adding.cancel()
        (given,) = await asyncio.gather(adding, return_exceptions=True)

        there = [task.payload for task in await tasks.page()]
        assert there in ([], [LARGE])
        assert given is not None or there
        assert getattr(given, "outcome", "rolled back") != "committed" or there
        assert (await care.check()).sound


class TestWhatIsGone:
    @pytest.fixture
    async def lost(self, tasks, make_task, directory):
        """The name of the file of task "a", whose neighbour "b" is well."""
        await tasks.add(running(make_task, payload=LARGE))
        await tasks.add(make_task("b", payload=OTHER))
        (name,) = [n for n in names_in(directory) if (directory / n).read_bytes() == LARGE]
        return directory / name

    async def test_a_missing_file_troubles_only_who_needs_the_value(self, tasks, lost):
        lost.unlink()

        a, b = await tasks.page()

        assert b.payload == OTHER
        with pytest.raises(UnreadableValue, match=f"payload of task 'a' .*{lost}, which is miss"):
            MsgspecCodec().decode(a.payload)

    @pytest.mark.parametrize("content", [b"", LARGE[:-1], LARGE + b"x", OTHER])
    async def test_a_damaged_file_is_found_out(self, tasks, lost, content):
        lost.write_bytes(content)

        found = await tasks.get("a")

        with pytest.raises(UnreadableValue, match=f"task 'a' is in the file {lost}, .* damaged"):
            MsgspecCodec().decode(found.payload)

    async def test_a_step_is_named(self, database, tasks, lost, now, directory):
        steps = SqlStepRepository(database)
        step = a_step(now, occurrence=2)
        await steps.record(step, FENCE)
        for file in directory.iterdir():
            file.unlink()

        (found,) = await steps.of_task("a")

        with pytest.raises(UnreadableValue, match=r"result of step 's' \(occurrence 2\) of task"):
            MsgspecCodec().decode(found.value)

    async def test_what_is_stored_again_keeps_its_reference(self, tasks, lost, path, make_task):
        lost.unlink()
        found = await tasks.get("a")
        await tasks.add(replace(found, id="copy", status=TaskStatus.PENDING, owner=None))

        assert execute(path, "SELECT count(DISTINCT payload) FROM tasks WHERE id != 'b'") == [(1,)]
        lost.write_bytes(LARGE)
        assert (await tasks.get("copy")).payload == LARGE

    async def test_the_same_value_heals_a_damaged_file(self, tasks, lost, make_task):
        lost.write_bytes(b"x" * len(LARGE))
        await tasks.add(make_task("c", payload=LARGE))

        assert (await tasks.get("a")).payload == LARGE

    async def test_a_check_tells_missing_and_damaged_files(self, database, care, lost):
        assert (await care.check()).sound
        other = next(file for file in lost.parent.iterdir() if file != lost)
        other.write_bytes(b"?")
        lost.unlink()

        flaws = (await care.check()).flaws

        assert [flaw.rule for flaw in flaws] == ["value", "value"]
        assert sorted(flaw.text.split(" in the file ")[0] for flaw in flaws) == [
            "the payload of task 'a' is",
            "the payload of task 'b' is",
        ]

    async def test_a_reference_that_is_none_is_told_by_the_check(self, care, tasks, lost, path):
        execute(path, "UPDATE tasks SET payload = 'sha256:../../etc:3' WHERE id = 'a'")

        assert "refers to no file" in (await care.check()).flaws[0].text
        with pytest.raises(UnreadableValue, match="refers to no file"):
            MsgspecCodec().decode((await tasks.get("a")).payload)


class TestSweeping:
    async def test_files_that_no_row_refers_to_go_when_they_are_old(
        self, database, tasks, make_task, directory, now
    ):
        archive = SqlTaskArchive(database)
        await tasks.add(make_task("a", payload=LARGE))
        await tasks.add(make_task("b", payload=OTHER, status=TaskStatus.COMPLETED))
        make_old(directory)
        assert await archive.sweep(an_hour_ago()) == 0
        await archive.purge(FINISHED, now + HOUR, limit=10)
        assert len(names_in(directory)) == 2

        assert await archive.sweep(an_hour_ago()) == 1

        assert [(directory / name).read_bytes() for name in names_in(directory)] == [LARGE]

    async def test_young_ones_stay(self, database, tasks, make_task, directory, now):
        archive = SqlTaskArchive(database)
        await tasks.add(make_task("b", payload=OTHER, status=TaskStatus.COMPLETED))
        await archive.purge(FINISHED, now + HOUR, limit=10)

        assert await archive.sweep(an_hour_ago()) == 0
        assert len(names_in(directory)) == 1

    async def test_unfinished_files_go_and_those_of_others_stay(
        self, database, tasks, make_task, directory
    ):
        await tasks.add(make_task("a", payload=LARGE))
        (directory / f".{'0' * 64}.{'1' * 16}").write_bytes(b"half")
        (directory / "notes.txt").write_text("mine")
        make_old(directory)
        await SqlTaskArchive(database).sweep(an_hour_ago())

        assert [name for name in names_in(directory) if len(name) != 64] == ["notes.txt"]

    async def test_a_value_that_is_needed_again_is_young_again(
        self, database, tasks, make_task, directory, now
    ):
        archive = SqlTaskArchive(database)
        await tasks.add(make_task("a", payload=LARGE, status=TaskStatus.COMPLETED))
        make_old(directory)
        await archive.purge(FINISHED, now + HOUR, limit=10)
        await tasks.add(make_task("b", payload=LARGE))
        make_old(directory, hours=0.5)

        assert await archive.sweep(an_hour_ago()) == 0
        assert (await tasks.get("b")).payload == LARGE

    async def test_a_file_that_is_removed_before_the_commit_is_written_once_more(
        self, path, make_task, directory
    ):
        database = AsyncDatabaseManager(path, spill_above=100)
        tasks = SqlTaskRepository(database)
        await tasks.page()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the commit has to wait
            adding = asyncio.ensure_future(tasks.add(make_task("a", payload=LARGE)))
            while not [name for name in names_in(directory) if len(name) == 64]:
                await asyncio.sleep(0)
            (directory / names_in(directory)[0]).unlink()
            other.execute("COMMIT")
        await adding
        try:
            assert (await tasks.get("a")).payload == LARGE
            assert (await SqliteDatabaseCare(path).check()).sound
        finally:
            await database.stop()

    async def test_two_who_sweep_and_one_who_stores_never_lose_a_value(
        self, path, make_task, directory, now
    ):
        one, other = (AsyncDatabaseManager(path, spill_above=100) for _ in range(2))
        tasks = SqlTaskRepository(one)
        archives = [SqlTaskArchive(one), SqlTaskArchive(other)]
        try:
            for number in range(15):
                await tasks.add(make_task(f"{number}", payload=LARGE, status=TaskStatus.COMPLETED))
                make_old(directory)
                await asyncio.gather(
                    archives[1].purge(FINISHED, now + HOUR, limit=10),
                    *(archive.sweep(an_hour_ago()) for archive in archives),
                    tasks.add(make_task(f"kept {number}", payload=LARGE)),
                )
                assert (await tasks.get(f"kept {number}")).payload == LARGE
                await one.commit([])
        finally:
            await one.stop()
            await other.stop()

    async def test_a_row_that_was_not_seen_before_the_transaction_is_seen_within_it(
        self, database, tasks, make_task, directory
    ):
        await tasks.add(make_task("a", payload=LARGE))
        make_old(directory)
        blind = SimpleNamespace(path=None, commit=database.commit, read_together=nothing)

        assert await swept(blind, Spill(database.path, 100), an_hour_ago()) == 0
        assert (await tasks.get("a")).payload == LARGE

    async def test_what_a_committed_row_refers_to_stays_although_its_end_is_being_committed(
        self, database, tasks, make_task, directory
    ):
        await tasks.add(make_task("a", payload=LARGE, status=TaskStatus.COMPLETED))
        make_old(directory)
        await tasks.page()

        async def commit_with_a_purge_that_fails(writes):
            gone = Write(Statement("DELETE FROM tasks"), ())
            broken = Write(Statement("SELECT broken"), ())
            await database.commit([gone, *writes, broken])

        hasty = SimpleNamespace(
            path=None,
            commit=commit_with_a_purge_that_fails,
            read_together=database.read_together,
        )
        assert await swept(hasty, Spill(database.path, 100), an_hour_ago()) == 0
        assert (await tasks.get("a")).payload == LARGE


async def nothing(_queries):
    return [[]]


class TestCopies:
    async def test_a_backup_takes_the_files_along(
        self, database, tasks, make_task, care, path, directory, tmp_path
    ):
        await tasks.add(make_task("a", payload=LARGE))
        make_old(directory)
        copy = tmp_path / "copy.db"

        made = await care.back_up(copy)

        assert names_in(tmp_path / "copy.db-values") == names_in(directory)
        assert made.size == copy.stat().st_size + len(LARGE)
        await SqlTaskArchive(database).sweep(an_hour_ago())
        other = AsyncDatabaseManager(copy)
        try:
            assert (await SqlTaskRepository(other).get("a")).payload == LARGE
        finally:
            await other.stop()

    async def test_an_older_copy_is_replaced_with_its_files(
        self, database, tasks, make_task, care, tmp_path, now
    ):
        copy = tmp_path / "copy.db"
        await tasks.add(make_task("a", payload=LARGE, status=TaskStatus.COMPLETED))
        await care.back_up(copy)
        await SqlTaskArchive(database).purge(FINISHED, now + HOUR, limit=10)
        await tasks.add(make_task("b", payload=OTHER))
        await care.back_up(copy, overwrite=True)

        (name,) = names_in(tmp_path / "copy.db-values")
        assert (tmp_path / "copy.db-values" / name).read_bytes() == OTHER

    async def test_a_backup_that_would_lack_a_file_is_refused_and_leaves_nothing(
        self, tasks, make_task, care, directory, tmp_path
    ):
        await tasks.add(make_task("a", payload=LARGE))
        await tasks.add(make_task("b", payload=OTHER))
        (directory / names_in(directory)[0]).unlink()

        with pytest.raises(DatabaseCorrupt, match=r"payload of task .* which is missing"):
            await care.back_up(tmp_path / "copy.db")

        assert not [each.name for each in tmp_path.iterdir() if "copy" in each.name]


KILLED = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from vespera.domain.task import Task
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.value_files import ValueFiles

NOW = datetime(2030, 1, 1, tzinfo=UTC)
path, place = sys.argv[1:]
calls = 0

class Dying(ValueFiles):
    def keep(self, value):
        if place == "before" and calls:
            os.kill(os.getpid(), signal.SIGKILL)
        kept = super().keep(value)
        if place == "after" and calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return kept

    def renew(self, reference):
        done = super().renew(reference)
        if place == "within" and calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

def task(name, payload):
    return Task(id=name, title="t", description="", specialist_type="s", payload=payload,
                created_at=NOW, updated_at=NOW)

async def main():
    global calls
    database = AsyncDatabaseManager(path, spill_above=100)
    database._spill.files = Dying(database.path)
    tasks = SqlTaskRepository(database)
    await tasks.add(task("kept", b"x" * 200))
    print("kept", flush=True)
    calls = 1
    await tasks.add(task("never", b"y" * 200))
    print("never", flush=True)

asyncio.run(main())
"""


@pytest.mark.crash
@pytest.mark.parametrize("place", ["before", "after", "within"])
async def test_a_process_killed_between_file_and_commit_loses_nothing_and_refers_to_nothing_missing(
    path, program, directory, place
):
    killed = program(KILLED, path, place)
    said, _ = killed.communicate(timeout=60)

    assert (said.split(), killed.returncode) == (["kept"], -signal.SIGKILL)
    assert len(names_in(directory)) == (1 if place == "before" else 2)
    database = AsyncDatabaseManager(path)
    try:
        (task,) = await SqlTaskRepository(database).page()
        assert (task.id, task.payload) == ("kept", b"x" * 200)
        assert (await SqliteDatabaseCare(path).check()).sound
        make_old(directory)
        await SqlTaskArchive(database).sweep(an_hour_ago())
        assert len(names_in(directory)) == 1
    finally:
        await database.stop()
