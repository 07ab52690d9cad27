import asyncio
import sqlite3
from functools import partial

import pytest

from vespera.domain.errors import (
    DatabaseFull,
    DatabaseLocked,
    DuplicateRow,
    StaleTask,
    StorageError,
)
from vespera.infrastructure.persistence.file_lock import FileLock
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.pinned_file import PinnedFile
from vespera.infrastructure.persistence.statements import Statement, Write
from vespera.infrastructure.persistence.write_ahead_log import WriteAheadLog
from vespera.infrastructure.persistence.writer import Writer, commit_batch

INSERT = Statement("INSERT INTO notes VALUES (?, ?)", expects=1)
UPDATE = Statement("UPDATE notes SET text = ? WHERE id = ?", expects=1)
FETCH = Statement("SELECT text FROM notes WHERE id = ?", returns=True)


def note(number, text="a note"):
    return Write(INSERT, (number, text))


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    yield connection
    connection.close()


@pytest.fixture
async def writer(connection):
    lane = Lane(name="writer", inline=True, patience=0)
    await lane.open(lambda: connection)
    return Writer(lane, FileLock(None), PinnedFile(None), WriteAheadLog(None), "notes.db")


def stored(connection):
    return [row[0] for row in connection.execute("SELECT id FROM notes ORDER BY id")]


def test_all_units_of_a_batch_are_committed(connection):
    assert commit_batch(connection, [[note(1)], [note(2), note(3)]]) == [[], []]
    assert stored(connection) == [1, 2, 3]


def test_units_are_applied_in_the_order_of_asking(connection):
    commit_batch(connection, [[note(1, "first")], [Write(UPDATE, ("second", 1))]])

    assert connection.execute("SELECT text FROM notes").fetchall() == [("second",)]


def test_a_unit_gets_the_rows_that_its_writes_return(connection):
    results = commit_batch(connection, [[note(1), Write(FETCH, (1,)), Write(FETCH, (9,))]])

    assert results == [[[("a note",)], []]]


@pytest.mark.parametrize("guilty", [0, 1, 2])
def test_a_guilty_unit_fails_alone_and_whole(connection, guilty):
    units = [[note(1)], [note(2)], [note(3)]]
    units[guilty] = [note(10), note(11), note(10)]

    results = commit_batch(connection, units)

    assert isinstance(results[guilty], sqlite3.IntegrityError)
    assert [result for at, result in enumerate(results) if at != guilty] == [[], []]
    assert stored(connection) == [number for number in (1, 2, 3) if number != guilty + 1]


def test_a_write_that_meets_another_number_of_rows_raises_its_refusal(connection):
    stale = Write(UPDATE, ("new", 7), lambda: StaleTask("note 7"))

    (result,) = commit_batch(connection, [[note(1), stale]])

    assert isinstance(result, StaleTask)
    assert stored(connection) == []


def test_a_write_without_refusal_says_what_it_met(connection):
    (result,) = commit_batch(connection, [[Write(UPDATE, ("new", 7))]])

    assert isinstance(result, StorageError)
    assert "0 rows" in str(result)


def test_a_later_unit_may_build_on_an_earlier_one_that_failed_or_not(connection):
    stale = [Write(UPDATE, ("new", 7), lambda: StaleTask("note 7"))]

    results = commit_batch(connection, [[note(7), note(7)], stale, [note(8)]])

    assert [type(result) for result in results] == [sqlite3.IntegrityError, StaleTask, list]
    assert stored(connection) == [8]


def test_a_unit_that_fills_the_disk_takes_no_neighbour_with_it(connection):
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 1}")

    results = commit_batch(connection, [[note(1)], [note(2, "x" * 100_000)], [note(3)]])

    assert results[0] == results[2] == []
    assert results[1].sqlite_errorcode == sqlite3.SQLITE_FULL
    assert stored(connection) == [1, 3]


def test_a_neighbour_is_not_lost_when_sqlite_gives_up_the_whole_transaction(connection):
    give_up = Write(Statement("INSERT OR ROLLBACK INTO notes VALUES (?, ?)"), (1, "again"))

    results = commit_batch(connection, [[note(1)], [give_up], [note(3)]])

    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert stored(connection) == [1, 3]


class BusyConnection(sqlite3.Connection):
    """Somebody else reads at the moment of the commit, which in memory holds the commit up."""

    def execute(self, sql, *values):
        if sql == "COMMIT":
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *values)


@pytest.mark.parametrize(
    "units",
    [[[note(1)]], [[note(1)], [note(2)]], [[note(1)], [note(2), note(2)]]],
    ids=["one unit", "a batch", "a replay"],
)
def test_a_commit_that_is_held_up_wrote_nothing_and_can_be_repeated_as_a_whole(units):
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=BusyConnection)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        commit_batch(connection, units)

    assert not connection.in_transaction
    assert stored(connection) == []
    connection.close()


def test_a_unit_that_cannot_be_committed_alone_either_has_its_error(connection):
    full = "x" * 100_000
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 1}")

    results = commit_batch(connection, [[note(1, full)], [note(2, full)], [note(3)]])

    assert [type(result) for result in results] == [sqlite3.OperationalError] * 2 + [list]


def test_an_interruption_leaves_no_transaction_open(connection):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commit_batch(connection, [[note(1), Write(UPDATE, ("new", 7), interrupt)]])

    assert not connection.in_transaction
    assert stored(connection) == []


async def test_units_that_wait_in_one_turn_share_a_commit(connection, writer):
    seen = []
    connection.set_trace_callback(seen.append)

    await asyncio.gather(*(writer.commit([note(number)]) for number in range(50)))

    assert seen.count("COMMIT") == 1
    assert stored(connection) == list(range(50))


async def test_a_lone_unit_waits_for_nobody(connection, writer):
    turns = 0
    task = asyncio.create_task(writer.commit([note(1)]))
    while not task.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns <= 3


async def test_each_caller_gets_the_fate_of_its_own_unit(writer):
    results = await asyncio.gather(
        *(writer.commit([note(number)]) for number in (1, 2, 1, 3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [list, list, DuplicateRow, list]
    assert "notes.db" in str(results[2])


async def test_a_unit_cancelled_before_it_was_sent_is_withdrawn(connection, writer):
    task = asyncio.create_task(writer.commit([note(1)]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    await writer.commit([note(2)])

    assert cancelled.value.outcome == "rolled back"
    assert stored(connection) == [2]


async def test_a_batch_whose_units_were_all_withdrawn_is_nothing(connection, writer):
    task = asyncio.create_task(writer.commit([note(1)]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.drain()

    assert stored(connection) == []


class StubbornLane(Lane):
    """Does the work when it is told to, as a thread would at any time."""

    def __init__(self, connection):
        super().__init__(name="writer", inline=True, patience=0)
        self._connection = connection
        self.jobs = []

    def submit(self, work, done, given_up, *, aside=False):
        self.jobs.append((work, done))
        self.given_up = given_up

    def work(self):
        self.begin()()

    def begin(self):
        """The work is done, and its answer is still to come."""
        jobs, self.jobs = self.jobs, []
        answers = [partial(done, work(self._connection), None) for work, done in jobs]

        def answer():
            for call in answers:
                call()

        return answer

    def fail(self, error):
        jobs, self.jobs = self.jobs, []
        for _, done in jobs:
            done(None, error)


@pytest.fixture
def lane(connection):
    return StubbornLane(connection)


@pytest.fixture
def slow_writer(lane):
    return Writer(lane, FileLock(None), PinnedFile(None), WriteAheadLog(None), "notes.db")


async def sent(lane, awaitable):
    task = asyncio.create_task(awaitable)
    while not lane.jobs:
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(("first_number", "outcome"), [(1, "committed"), (9, "rolled back")])
async def test_a_caller_cancelled_after_the_beginning_learns_the_outcome(
    connection, lane, slow_writer, first_number, outcome
):
    connection.execute("INSERT INTO notes VALUES (9, 'there already')")
    task = await sent(lane, slow_writer.commit([note(first_number)]))
    answer = lane.begin()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    answer()

    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task

    assert cancelled.value.outcome == outcome


async def test_a_caller_cancelled_twice_is_told_that_nobody_knows(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    answer = lane.begin()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    answer()

    assert cancelled.value.outcome == "unknown"


async def test_a_unit_that_waits_for_a_lock_is_withdrawn_at_once(connection, lane, slow_writer):
    waiting = await sent(lane, slow_writer.commit([note(1)]))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await waiting
    lane.work()
    await slow_writer.drain()

    assert cancelled.value.outcome == "rolled back"
    assert stored(connection) == []


async def test_a_batch_is_given_up_when_none_of_its_callers_waits_any_more(lane, slow_writer):
    one = asyncio.create_task(slow_writer.commit([note(1)]))
    other = await sent(lane, slow_writer.commit([note(2)]))
    one.cancel()
    assert not lane.given_up()
    other.cancel()
    assert lane.given_up()
    await asyncio.gather(one, other, return_exceptions=True)
    lane.work()


async def test_a_unit_withdrawn_from_a_batch_takes_no_neighbour_with_it(
    connection, lane, slow_writer
):
    one = asyncio.create_task(slow_writer.commit([note(1)]))
    other = await sent(lane, slow_writer.commit([note(2)]))
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    lane.work()
    await other

    assert stored(connection) == [2]


async def test_a_unit_whose_commit_was_held_up_is_still_true_to_its_outcome(
    connection, lane, slow_writer
):
    task = await sent(lane, slow_writer.commit([note(1)]))
    ((work, done),) = lane.jobs
    assert work(connection)
    connection.execute("DELETE FROM notes")
    task.cancel()
    await asyncio.sleep(0)
    done(work(connection), None)  # once more, as after a lock at its commit
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task

    assert cancelled.value.outcome == "committed"
    assert stored(connection) == [1]


async def test_a_unit_whose_commit_was_held_up_is_written_all_the_same(
    connection, lane, slow_writer
):
    task = await sent(lane, slow_writer.commit([note(1)]))
    ((work, done),) = lane.jobs
    assert work(connection)
    connection.execute("DELETE FROM notes")
    done(work(connection), None)  # once more, as after a lock at its commit
    await task

    assert stored(connection) == [1]


async def test_a_cancellation_that_meets_the_answer_knows_the_outcome(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    lane.work()
    task.cancel()

    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task

    assert cancelled.value.outcome == "committed"


async def test_an_answer_that_meets_the_cancellation_is_not_lost(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    answer = lane.begin()
    task.cancel()
    answer()

    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task

    assert cancelled.value.outcome == "committed"


async def test_units_that_come_during_a_commit_share_the_next_one(connection, lane, slow_writer):
    first = await sent(lane, slow_writer.commit([note(1)]))
    rest = [asyncio.create_task(slow_writer.commit([note(number)])) for number in (2, 3)]
    await asyncio.sleep(0)
    assert len(lane.jobs) == 1
    lane.work()
    await first
    while not lane.jobs:
        await asyncio.sleep(0)
    assert len(lane.jobs) == 1
    lane.work()
    await asyncio.gather(*rest)

    assert stored(connection) == [1, 2, 3]


async def test_a_batch_that_failed_as_a_whole_fails_for_each_of_its_callers(lane, slow_writer):
    one = asyncio.create_task(slow_writer.commit([note(1)]))
    other = await sent(lane, slow_writer.commit([note(2)]))
    lane.fail(DatabaseLocked("held"))
    first, second = await asyncio.gather(one, other, return_exceptions=True)

    assert type(first) is type(second) is DatabaseLocked
    assert first is not second


async def test_the_death_of_the_thread_is_an_error_of_the_storage(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    lane.fail(SystemExit(1))

    with pytest.raises(StorageError, match="SystemExit"):
        await task


async def test_a_full_disk_is_said_to_be_full_by_each_caller(lane, slow_writer):
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    task = await sent(lane, slow_writer.commit([note(1)]))
    lane.fail(error)

    with pytest.raises(DatabaseFull):
        await task


async def test_draining_waits_for_all_that_was_handed_over(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    drained = asyncio.create_task(slow_writer.drain())
    await asyncio.sleep(0)
    assert not drained.done()
    lane.work()
    await drained
    await task


async def test_who_drains_no_more_takes_nobody_else_with_him(lane, slow_writer):
    task = await sent(lane, slow_writer.commit([note(1)]))
    one, other = (asyncio.create_task(slow_writer.drain()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait({one})
    lane.work()
    await other
    await task

    assert one.cancelled()


async def test_draining_an_idle_writer_returns_at_once(slow_writer):
    await slow_writer.drain()


class TroubledLog(WriteAheadLog):
    """Always long, and on a disk that cannot shorten it."""

    def __init__(self):
        super().__init__(None)

    def look(self):
        self.is_long = True

    def move(self, connection):
        raise sqlite3.OperationalError("disk I/O error")


async def test_a_log_that_cannot_be_moved_is_told_of_and_the_commits_go_on(connection, caplog):
    lane = Lane(name="writer", inline=True, patience=0)
    await lane.open(lambda: connection)
    writer = Writer(lane, FileLock(None), PinnedFile(None), TroubledLog(), "notes.db")

    for number in range(3):
        await writer.commit([note(number)])
    rows = await lane.run(stored)
    await lane.close()

    assert rows == [0, 1, 2]
    assert "not moved into the database" in caplog.text
    assert "disk I/O error" in caplog.text
