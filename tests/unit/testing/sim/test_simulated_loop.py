"""The loop on which nothing happens by chance."""

import asyncio

import pytest

from vespera.testing.errors import Deadlock
from vespera.testing.sim.errors import RestlessLife
from vespera.testing.sim.loop import Director, SimulatedLoop, name_of, settling
from vespera.testing.sim.operations import Operation


@pytest.fixture
def run():
    """Run a coroutine function on a loop of this director, which is given to it."""

    def run_on(function, director=None, *, most_events=10_000):
        loop = SimulatedLoop(director or Director())
        loop.most_events = most_events
        try:
            return loop.run_until_complete(function(loop))
        finally:
            loop.close()

    return run_on


def operation(loop, name, log, line=None, *, shared=True):
    """An operation that writes its name down, and the future of its outcome."""
    future = loop.create_future()

    def act():
        log.append(name)
        return settling(future, name, None)

    loop.submit(Operation("commit", name, line or object(), act, shared=shared))
    return future


class Last(Director):
    def choose(self, candidates):
        return len(candidates) - 1


def test_time_jumps_over_every_wait(run):
    async def wait(loop):
        await asyncio.sleep(0)
        before = loop.time()
        await asyncio.get_running_loop().create_task(_call_later(loop, 3600))
        return loop.time() - before

    assert run(wait) == 3600


async def _call_later(loop, seconds):
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    await done


def test_operations_are_carried_out_in_the_order_of_asking(run):
    log = []

    async def ask(loop):
        return await asyncio.gather(*(operation(loop, name, log) for name in "abc"))

    assert run(ask) == ["a", "b", "c"]
    assert log == ["a", "b", "c"]


def test_the_director_chooses_among_lines_and_never_within_one(run):
    log = []

    async def ask(loop):
        first = [operation(loop, name, log, "first") for name in ("a1", "a2")]
        second = [operation(loop, name, log, "second") for name in ("b1", "b2")]
        await asyncio.gather(*first, *second)

    run(ask, Last())

    assert log == ["b1", "b2", "a1", "a2"]


def test_what_is_not_shared_is_no_choice_and_comes_first(run):
    log = []

    async def ask(loop):
        waiting = [operation(loop, "write", log), operation(loop, "read", log, shared=False)]
        await asyncio.gather(*waiting)

    run(ask, Last())

    assert log == ["read", "write"]


class Late(Director):
    def lateness(self, operation):
        return 60.0 if operation.what == "slow" else 0.0

    def delay(self, operation):
        return 30.0 if operation.what == "delayed" else 0.0


def test_an_operation_may_be_done_now_and_answered_late(run):
    log = []

    async def ask(loop):
        slow = operation(loop, "slow", log)
        await operation(loop, "fast", log)
        done, at = list(log), loop.time()
        await slow
        return done, at, loop.time()

    assert run(ask, Late()) == (["slow", "fast"], 0.0, 60.0)


def test_an_operation_may_come_later_than_it_was_asked_for(run):
    log = []

    async def ask(loop):
        await asyncio.gather(operation(loop, "delayed", log), operation(loop, "fast", log))
        return loop.time()

    assert run(ask, Late()) == 30.0
    assert log == ["fast", "delayed"]


def test_an_operation_that_meets_a_lock_is_tried_again_in_virtual_time(run):
    tries = []

    async def ask(loop):
        future = loop.create_future()

        def act():
            tries.append(loop.time())
            return settling(future, "done", None) if len(tries) == 3 else None

        loop.submit(Operation("commit", "", "line", act))
        return await future

    assert run(ask) == "done"
    assert tries == pytest.approx([0.0, 0.01, 0.02])


class Killer(Director):
    def __init__(self, moment, what=""):
        self.moment, self.what = moment, what

    def dies_before(self, operation):
        return self.moment == "before" and operation.what == self.what

    def dies_after(self, operation):
        return self.moment == "after" and operation.what == self.what

    def dies_now(self, event):
        return self.moment == event


@pytest.mark.parametrize(("moment", "done"), [("before", []), ("after", ["a"]), (1, [])])
def test_nothing_of_a_process_that_died_runs_again(moment, done):
    log, told = [], []
    loop = SimulatedLoop(Killer(moment, "a"))

    async def process():
        try:
            await operation(loop, "a", log)
            told.append("answered")
        except BaseException:
            told.append("except")
            raise
        finally:
            told.append("finally")

    task = loop.create_task(process())
    task._log_destroy_pending = False
    with pytest.raises(RuntimeError, match="stopped before"):
        loop.run_until_complete(task)

    assert loop.dead
    assert (log, told) == (done, [])
    task.get_coro().close()
    loop.close()


def test_a_call_in_a_thread_is_an_operation_on_the_loop(run):
    async def ask(loop):
        return await asyncio.to_thread(lambda: asyncio._get_running_loop() is loop)

    assert run(ask)


def test_an_error_in_a_thread_reaches_the_caller(run):
    async def ask(loop):
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        run(ask)


def test_a_call_that_is_cancelled_before_its_turn_never_comes(run):
    called = []

    async def ask(loop):
        call = loop.run_in_executor(None, called.append, "called")
        call.cancel()
        await asyncio.wait([call])

    run(ask)

    assert called == []


def test_those_who_wait_for_each_other_are_told_at_once(run):
    async def wait(loop):
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="waits for"):
        run(wait)


def test_who_asks_for_turn_after_turn_does_not_hold_up_the_outside(run):
    log = []

    async def poll(loop):
        answer = operation(loop, "a", log)
        while not answer.done():
            await asyncio.sleep(0)

    run(poll)

    assert log == ["a"]


def test_a_life_that_does_not_come_to_rest_is_ended(run):
    async def tick(loop):
        while True:
            await _call_later(loop, 1)

    with pytest.raises(RestlessLife, match=r"After 101 events, at 5[01] virtual seconds"):
        run(tick, most_events=100)


def test_a_call_is_told_by_its_name_and_its_first_text():
    assert name_of(asyncio.to_thread) == "to_thread"
    assert name_of("x".join, ["a", 3]) == "join 'a'"
