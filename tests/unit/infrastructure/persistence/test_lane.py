import asyncio
import sqlite3
import threading

import pytest

from vespera.infrastructure.persistence.lane import Lane


def connect():
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def memory(name):
    return sqlite3.connect(
        f"file:/{name}?vfs=memdb",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )


@pytest.fixture(params=[True, False], ids=["inline", "thread"])
async def lane(request):
    lane = Lane(name="lane", inline=request.param, patience=1)
    await lane.open(connect)
    yield lane
    await lane.close()


@pytest.fixture
async def thread_lane():
    lane = Lane(name="lane", inline=False, patience=1)
    await lane.open(connect)
    yield lane
    await lane.close()


async def test_a_connection_is_closed_though_nobody_waited_for_it_to_be_made():
    go_on, made = threading.Event(), []

    def connect_slowly():
        go_on.wait(10)
        made.append(connect())
        return made[0]

    lane = Lane(name="lane", inline=False, patience=1)
    opening = asyncio.create_task(lane.open(connect_slowly))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})
    go_on.set()
    await lane.close()

    assert opening.cancelled()
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        made[0].execute("SELECT 1")


async def test_work_gives_its_result(lane):
    assert await lane.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


async def test_work_gives_its_error(lane):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await lane.run(lambda connection: connection.execute("SELECT * FROM x"))


async def test_work_follows_in_the_order_of_asking(lane):
    order = []
    await asyncio.gather(*(lane.run(lambda _, n=n: order.append(n)) for n in range(20)))

    assert order == list(range(20))


async def test_nothing_is_in_flight_once_all_is_done(lane):
    await lane.run(lambda _: None)

    assert lane.in_flight == 0


def busy():
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


async def test_inline_work_does_not_overtake_what_waits_for_a_lock_in_the_thread():
    lane = Lane(name="lane", inline=True, patience=10)
    await lane.open(connect)
    order, free = [], threading.Event()

    def locked_at_first(_):
        if threading.current_thread() is threading.main_thread():
            raise busy()
        free.wait(10)
        order.append("first")

    first = asyncio.create_task(lane.run(locked_at_first))
    await asyncio.sleep(0)
    second = asyncio.create_task(lane.run(lambda _: order.append("second")))
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(first, second)

    assert order == ["first", "second"]
    await lane.close()


async def test_the_answer_to_who_has_gone_away_is_dropped(thread_lane):
    told, go_on = [], threading.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    gone = asyncio.create_task(thread_lane.run(lambda _: go_on.wait(10)))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait({gone})
    go_on.set()

    await thread_lane.run(lambda _: None)
    assert told == []


async def test_inline_work_needs_no_thread():
    before = threading.active_count()
    lane = Lane(name="lane", inline=True, patience=1)
    await lane.open(connect)
    await lane.run(lambda connection: connection.execute("SELECT 1"))
    assert threading.active_count() == before
    await lane.close()


async def test_work_in_a_thread_is_in_flight_and_leaves_the_loop_free(thread_lane):
    go_on = threading.Event()
    task = asyncio.create_task(thread_lane.run(lambda _: go_on.wait(10)))
    await asyncio.sleep(0)
    assert thread_lane.in_flight == 1
    go_on.set()

    assert await task is True


async def test_cancelled_work_goes_on_and_harms_nobody(thread_lane):
    go_on = threading.Event()
    task = asyncio.create_task(thread_lane.run(lambda _: go_on.wait(10)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()

    assert await thread_lane.run(lambda _: "next") == "next"


async def test_a_closed_lane_ends_its_thread():
    lane = Lane(name="a lane to be closed", inline=False, patience=1)
    await lane.open(connect)
    await lane.close()

    assert "a lane to be closed" not in [thread.name for thread in threading.enumerate()]


async def test_a_closed_lane_says_that_it_is_closed():
    lane = Lane(name="lane", inline=True, patience=1)
    await lane.open(connect)
    await lane.close()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        await lane.run(lambda connection: connection)


async def test_closing_finishes_the_work_that_waits():
    lane = Lane(name="lane", inline=False, patience=1)
    await lane.open(connect)
    work = asyncio.create_task(lane.run(lambda _: "done"))
    await asyncio.sleep(0)
    await lane.close()

    assert await work == "done"


@pytest.mark.parametrize("inline", [True, False])
async def test_an_abandoned_lane_closes_its_connection(inline):
    lane = Lane(name="an abandoned lane", inline=inline, patience=1)
    connections = []
    await lane.open(lambda: connections.append(connect()) or connections[0])
    lane.abandon()
    for thread in threading.enumerate():
        if thread.name == "an abandoned lane":
            thread.join(10)

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connections[0].execute("SELECT 1")


@pytest.fixture
async def two():
    """A lane of memory, and somebody else's connection to the same database."""
    other = memory("two-connections")
    other.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    lane = Lane(name="lane", inline=True, patience=60)
    await lane.open(lambda: memory("two-connections"))
    yield lane, other
    await lane.close()
    other.close()


async def soon(condition):
    """It holds long before the lane loses its patience."""
    for _ in range(200_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it is still waited for")


def insert(number):
    return lambda connection: connection.execute("INSERT INTO notes VALUES (?)", (number,))


async def test_inline_work_that_meets_a_lock_waits_for_it_in_a_thread(two):
    lane, other = two
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO notes VALUES (1)")
    task = asyncio.create_task(lane.run(insert(2)))
    await asyncio.sleep(0)
    assert lane.in_flight == 1
    other.execute("COMMIT")
    await task

    assert other.execute("SELECT count(*) FROM notes").fetchone() == (2,)


async def test_work_that_comes_while_a_lock_is_waited_for_keeps_its_place(two):
    lane, other = two
    other.execute("BEGIN IMMEDIATE")
    first = asyncio.create_task(lane.run(insert(1)))
    count = "SELECT count(*) FROM notes"
    second = asyncio.create_task(lane.run(lambda c: c.execute(count).fetchone()))
    await asyncio.sleep(0)
    other.execute("ROLLBACK")
    await first

    assert await second == (1,)


async def test_after_a_wait_for_a_lock_work_is_done_inline_again(two):
    lane, other = two
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(lane.run(insert(1)))
    await asyncio.sleep(0)
    other.execute("ROLLBACK")
    await task

    here = await lane.run(lambda _: threading.current_thread())

    assert here is threading.main_thread()


async def test_cancelled_work_waits_for_no_lock_any_more(two):
    lane, other = two
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(lane.run(insert(1)))
    await asyncio.sleep(0)
    assert lane.in_flight == 1
    task.cancel()
    await soon(lambda: not lane.in_flight)
    other.execute("COMMIT")

    assert other.execute("SELECT count(*) FROM notes").fetchone() == (0,)


async def test_work_that_is_given_up_ends_with_the_error_of_the_lock(two):
    lane, other = two
    other.execute("BEGIN IMMEDIATE")
    answers = []
    lane.submit(insert(1), lambda *answer: answers.append(answer), lambda: True)
    await soon(lambda: answers)
    other.execute("ROLLBACK")

    ((result, error),) = answers
    assert result is None
    assert error.sqlite_errorcode == sqlite3.SQLITE_BUSY


async def test_an_opening_that_is_cancelled_waits_for_no_lock_any_more():
    attempts = []
    lane = Lane(name="lane", inline=False, patience=1_000_000)

    def connect_to_what_is_locked():
        attempts.append(1)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    opening = asyncio.create_task(lane.open(connect_to_what_is_locked))
    while not attempts:
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await lane.close()


async def test_a_lock_held_for_too_long_is_an_error():
    other = memory("held")
    other.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    lane = Lane(name="lane", inline=True, patience=0.01)
    await lane.open(lambda: memory("held"))
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await lane.run(insert(1))
    finally:
        await lane.close()
        other.close()


@pytest.fixture
async def wary_lane():
    lane = Lane(name="wary lane", inline=True, wary=True, patience=1)
    await lane.open(connect)
    yield lane
    await lane.close()


def worker_thread(_connection):
    return threading.current_thread().name == "wary lane"


async def test_a_wary_lane_works_inline_while_its_work_is_quick(wary_lane):
    assert not await wary_lane.run(worker_thread)
    assert not await wary_lane.run(worker_thread)


async def test_one_slow_piece_of_work_sends_the_next_hundred_to_the_thread(wary_lane):
    loop = asyncio.get_running_loop()
    slow = loop.time() + 0.003

    def work(_connection):
        while loop.time() < slow:
            pass

    await wary_lane.run(work)
    in_thread = [await wary_lane.run(worker_thread) for _ in range(150)]

    assert in_thread.index(False) == 99
    assert sum(in_thread) == 99


async def test_work_that_is_known_to_be_slow_is_done_aside(wary_lane):
    done = asyncio.get_running_loop().create_future()
    wary_lane.submit(worker_thread, lambda result, _error: done.set_result(result), aside=True)

    assert await done
