"""What runs together and what must not: each test fails without the lock that it tests."""

import asyncio
from contextlib import contextmanager

import pytest


class Counter:
    """How many are inside at once, and how many have been at most."""

    def __init__(self):
        self.inside = self.most = self.entries = 0

    @contextmanager
    def entered(self):
        self.inside += 1
        self.entries += 1
        self.most = max(self.most, self.inside)
        try:
            yield
        finally:
            self.inside -= 1


async def together(work, number):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(each)) for each in range(number)]
    return [task.result() for task in tasks]


async def test_a_lock_lets_one_in_at_a_time():
    """That all five came through says nothing: they do without a lock, too."""
    lock, room, order = asyncio.Lock(), Counter(), []

    async def worker(number):
        async with lock:
            with room.entered():
                await asyncio.sleep(0)
                order.append(number)

    await together(worker, 5)

    assert room.most == 1
    assert order == [0, 1, 2, 3, 4]


async def test_without_the_lock_there_are_five():
    """The test above can fail."""
    room = Counter()

    async def worker(number):
        with room.entered():
            await asyncio.sleep(0)

    await together(worker, 5)

    assert room.most == 5


async def test_a_lock_is_let_go_by_who_fails_and_by_who_is_cancelled():
    lock = asyncio.Lock()

    async def hold(error):
        async with lock:
            raise error

    for error in (ValueError(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await hold(error)
        assert not lock.locked()


async def test_a_balance_read_before_an_await_and_written_after_it_needs_a_lock():
    class Account:
        def __init__(self):
            self.balance, self._lock = 0, asyncio.Lock()

        async def add(self, amount):
            async with self._lock:
                before = self.balance
                await asyncio.sleep(0)
                self.balance = before + amount

    account = Account()

    await together(account.add, 5)

    assert account.balance == 0 + 1 + 2 + 3 + 4


async def test_a_semaphore_lets_as_many_in_as_it_says():
    semaphore, room = asyncio.Semaphore(2), Counter()

    async def limited(number):
        async with semaphore:
            with room.entered():
                await asyncio.sleep(0)
        return "completed"

    assert await together(limited, 5) == ["completed"] * 5
    assert room.most == 2
    assert room.entries == 5


async def test_a_bounded_semaphore_finds_out_who_lets_go_twice():
    semaphore = asyncio.BoundedSemaphore(1)
    await semaphore.acquire()
    semaphore.release()

    with pytest.raises(ValueError, match="released too many times"):
        semaphore.release()


async def test_a_queue_gives_in_the_order_it_took():
    queue = asyncio.Queue()

    await queue.put("item1")
    await queue.put("item2")

    assert [await queue.get(), await queue.get()] == ["item1", "item2"]


async def test_a_full_queue_makes_the_producer_wait():
    queue = asyncio.Queue(maxsize=1)
    await queue.put("item1")

    producing = asyncio.create_task(queue.put("item2"))
    await asyncio.sleep(0)
    assert not producing.done()

    assert await queue.get() == "item1"
    await producing
    assert await queue.get() == "item2"


async def test_all_that_was_put_is_worked_off_and_the_workers_end():
    """``join`` without ``task_done`` waits for ever; workers that nobody cancels stay."""
    queue, done = asyncio.Queue(), []

    async def worker():
        while True:
            item = await queue.get()
            try:
                done.append(item)
            finally:
                queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for item in range(10):
        queue.put_nowait(item)
    await queue.join()
    for each in workers:
        each.cancel()
    ended = await asyncio.gather(*workers, return_exceptions=True)

    assert sorted(done) == list(range(10))
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)


async def test_an_item_is_not_lost_when_who_waits_for_it_is_cancelled():
    queue = asyncio.Queue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)

    waiting.cancel()
    queue.put_nowait("item")
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert queue.get_nowait() == "item"


async def test_an_event_lets_all_go_on_who_wait_for_it():
    opened, passed = asyncio.Event(), []

    async def wait(number):
        await opened.wait()
        passed.append(number)

    waiting = asyncio.create_task(together(wait, 3))
    await asyncio.sleep(0)
    assert passed == []
    opened.set()
    await waiting

    assert passed == [0, 1, 2]
