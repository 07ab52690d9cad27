"""Tasks that wait for moments, signals and people; hours pass in no time."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest

from vespera import (
    Container,
    RetryPolicy,
    TaskContext,
    TaskOrchestrator,
    TaskRepository,
    TaskResult,
)
from vespera.application.ports.persistence import SignalRepository, StepRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest, UnexpectedSignal, WaitTimedOut
from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.testing import VirtualClock

HOUR, DAY = 3600.0, 86400.0
T = TaskId("t")
FAR_EAST = timezone(timedelta(hours=9))
Handler = Callable[[TaskContext], Awaitable[object]]


@dataclass
class Desk:
    """Where tasks of one type are created, signalled and looked at."""

    container: Container
    clock: VirtualClock

    @property
    def orchestrator(self) -> TaskOrchestrator:
        return self.container.get(TaskOrchestrator)

    async def begin(self, handler: Handler, **fields: object) -> None:
        """The worker runs task ``t``; one second passes."""
        self.container.get(Specialists).register("wait", handler)
        created = await self.orchestrator.create_task(
            title="A", specialist_type="wait", completion="auto", **{"task_id": "t", **fields}
        )
        assert created.success, created.error
        await self.orchestrator.start()
        await self.clock.sleep(1)

    async def task(self) -> Task:
        return await self.container.get(TaskRepository).get(T)

    async def done(self, timeout: float | None = 10 * DAY) -> TaskResult:
        return await self.orchestrator.wait_for_completion("t", timeout)

    async def signal(self, name: str, payload: object = None) -> None:
        sent = await self.orchestrator.signal("t", name, payload)
        assert sent.success, sent.error


@pytest.fixture
def desk(container: Container, clock: VirtualClock) -> Desk:
    return Desk(container, clock)


async def test_it_is_told_what_a_task_waits_for(desk: Desk) -> None:
    async def wait(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.wait_for_signal("go", timeout=60))
            group.create_task(task.wait_for_approval("May it go?"))

    await desk.begin(wait)
    stands = await desk.orchestrator.get_task_status("t")

    told = f"the signal 'go' (until {desk.clock.now() + timedelta(seconds=59)}); May it go?"
    assert stands.waits_for == told
    with pytest.raises(TimeoutError, match=re.escape(f"is waiting after 5 s: {told}.")):
        await desk.orchestrator.wait_for_completion("t", 5)


@pytest.mark.parametrize("held", [10, 100])  # in memory, or let go of
async def test_a_signal_never_comes_to_a_wait_that_was_called_off_before(
    desk: Desk, held: float
) -> None:
    async def remind(task: TaskContext) -> object:
        answer = asyncio.create_task(task.wait_for_signal("answer"))
        enough = asyncio.create_task(task.sleep(5))
        await asyncio.wait({answer, enough}, return_when="FIRST_COMPLETED")
        answer.cancel()
        await task.step("remind", lambda: "please", in_thread=False)
        return await task.wait_for_signal("answer")

    await desk.begin(remind)
    await desk.clock.sleep(held)
    await desk.signal("answer", "yes")

    assert (await desk.done(60)).result == "yes"


@pytest.mark.parametrize("held", [10, 100])
async def test_a_moment_never_comes_to_a_wait_that_was_called_off_before(
    desk: Desk, held: float
) -> None:
    async def ask(task: TaskContext) -> object:
        answer = asyncio.create_task(task.wait_for_signal("answer"))
        enough = asyncio.create_task(task.sleep(20))
        done, _ = await asyncio.wait({answer, enough}, return_when="FIRST_COMPLETED")
        enough.cancel()
        if enough in done:
            return "no answer"
        await task.sleep(200)
        return answer.result()

    await desk.begin(ask)
    await desk.signal("answer", "yes")
    await desk.clock.sleep(held)

    assert (await desk.done(300)).result == "yes"


async def test_what_came_first_comes_first_when_the_handler_begins_anew(desk: Desk) -> None:
    async def race(task: TaskContext) -> object:
        answer = asyncio.create_task(task.wait_for_signal("answer"))
        enough = asyncio.create_task(task.sleep(20))
        done, _ = await asyncio.wait({answer, enough}, return_when="FIRST_COMPLETED")
        way = "in time" if enough not in done else "late"
        await task.step(way, lambda: 1, in_thread=False)
        await task.sleep(200, name="long")
        return way

    await desk.begin(race)
    await desk.signal("answer", "yes")

    assert (await desk.done(300)).result == "in time"


async def test_a_step_that_came_second_comes_second_when_the_handler_begins_anew(
    desk: Desk,
) -> None:
    async def work() -> None:
        await desk.clock.sleep(20)

    async def race(task: TaskContext) -> object:
        working = asyncio.create_task(task.step("work", work))
        stop = asyncio.create_task(task.wait_for_signal("stop"))
        done, _ = await asyncio.wait({working, stop}, return_when="FIRST_COMPLETED")
        way = "worked" if working in done else "stopped"
        await task.step(way, lambda: 1, in_thread=False)
        await task.sleep(200)
        return way

    await desk.begin(race)
    await desk.signal("stop")

    assert (await desk.done(300)).result == "stopped"


async def test_steps_side_by_side_end_in_the_same_order_when_the_handler_begins_anew(
    desk: Desk,
) -> None:
    async def work(seconds: float, name: str) -> str:
        await desk.clock.sleep(seconds)
        return name

    async def race(task: TaskContext) -> object:
        racing = [task.step("slow", work, 2, "slow"), task.step("fast", work, 1, "fast")]
        ended = []
        for one in asyncio.as_completed(racing):
            ended.append(await one)
            await task.step(f"cheer {ended[-1]}", work, 5, None)
        await task.sleep(200)
        return ended

    await desk.begin(race)

    result = await desk.done(500)
    assert (result.result, result.attempt) == (["fast", "slow"], 2)


async def test_the_same_step_wins_when_the_handler_begins_anew(desk: Desk) -> None:
    async def work(seconds: float) -> None:
        await desk.clock.sleep(seconds)

    async def race(task: TaskContext) -> object:
        slow = asyncio.create_task(task.step("slow", work, 2))
        fast = asyncio.create_task(task.step("fast", work, 1))
        ended, _ = await asyncio.wait({slow, fast}, return_when="FIRST_COMPLETED")
        winner = "slow" if slow in ended else "fast"
        await task.step(f"cheer {winner}", work, 5)
        await task.sleep(200)
        await slow
        return winner

    await desk.begin(race)

    result = await desk.done(500)
    assert (result.result, result.attempt) == ("fast", 2)


async def test_a_wait_beside_a_step_is_recorded_when_it_begins_and_the_task_is_running(
    desk: Desk, container: Container
) -> None:
    async def both(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.step("work", desk.clock.sleep, 30))
            waiting = group.create_task(task.wait_for_signal("go", timeout=60))
        return waiting.result()

    await desk.begin(both)

    [wait] = await container.get(StepRepository).of_task(T)
    assert wait.open
    assert wait.wake_at == desk.clock.now() + timedelta(seconds=59)
    assert (await desk.task()).status == "running"
    await desk.signal("go", "now")
    assert (await desk.done(60)).result == "now"


async def test_a_task_that_waits_a_second_time_is_let_go_of_as_well(desk: Desk) -> None:
    async def wait(task: TaskContext) -> object:
        return [await task.wait_for_signal("go") for _ in range(2)]

    await desk.begin(wait)
    await desk.signal("go", 1)
    await desk.clock.sleep(1)
    await desk.signal("for nobody")
    assert (await desk.task()).owner is not None

    await desk.clock.sleep(100)
    assert (await desk.task()).owner is None
    await desk.signal("go", 2)
    assert (await desk.done(60)).result == [1, 2]


async def test_waits_that_were_held_up_get_their_signals_in_their_order(desk: Desk) -> None:
    async def ask(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(task.wait_for_signal("go")) for _ in range(2)]
            group.create_task(task.step("beside", lambda: 1, in_thread=False))
        return [each.result() for each in waits]

    await desk.begin(ask)
    await desk.clock.sleep(100)
    await desk.signal("go", 1)
    await desk.signal("go", 2)

    assert (await desk.done(60)).result == [1, 2]


async def test_a_handler_that_leaves_out_what_is_recorded_is_held_up_for_a_moment_only(
    desk: Desk,
) -> None:
    async def ask(task: TaskContext) -> object:
        if task.attempt == 1:
            await task.step("left out", lambda: 1, in_thread=False)
        return await task.wait_for_signal("go")

    await desk.begin(ask)
    await desk.clock.sleep(100)
    await desk.signal("go")

    assert "'left out'" in str((await desk.done(60)).error)


async def held_in_memory(task: TaskContext) -> object:
    return await task.wait_for_signal("go")


# ------------------------------------------------------------------------------------- moments


async def test_a_sleep_of_days_takes_as_long_as_it_says(desk: Desk, clock: VirtualClock) -> None:
    async def nap(task: TaskContext) -> object:
        await task.sleep(timedelta(days=3))
        return clock.now()

    began = clock.now()
    await desk.begin(nap)
    assert (await desk.task()).status == "waiting"
    woken = (await desk.done()).result

    assert isinstance(woken, datetime)
    assert timedelta() <= woken - began - timedelta(days=3) < timedelta(seconds=2)


async def test_a_moment_that_has_passed_is_no_wait(desk: Desk, clock: VirtualClock) -> None:
    async def nap(task: TaskContext) -> object:
        before = clock.now()
        await task.sleep_until(before - timedelta(days=1))
        await task.sleep(0)
        return clock.now() - before == timedelta()

    await desk.begin(nap)

    assert (await desk.done()).result is True


async def test_a_moment_may_be_given_in_any_time_zone(desk: Desk, clock: VirtualClock) -> None:
    async def nap(task: TaskContext) -> object:
        await task.sleep_until((clock.now() + timedelta(hours=5)).astimezone(FAR_EAST))
        return clock.now()

    began = clock.now()
    await desk.begin(nap)
    woken = (await desk.done()).result

    assert isinstance(woken, datetime)
    assert timedelta(hours=5) <= woken - began < timedelta(hours=5, seconds=2)


@pytest.mark.parametrize(
    ("waiting", "field"),
    [
        (lambda task: task.sleep(-1), "seconds"),
        (lambda task: task.sleep("soon"), "seconds"),
        (lambda task: task.sleep(float("nan")), "seconds"),
        (lambda task: task.sleep(timedelta(days=-1)), "seconds"),
        (lambda task: task.sleep(None), "seconds"),
        (lambda task: task.sleep(1, name=""), "name"),
        (lambda task: task.sleep_until(datetime(2030, 1, 1)), "moment"),  # noqa: DTZ001 - a naive one is the case
        (lambda task: task.sleep_until(None), "moment"),
        (lambda task: task.wait_for_signal(""), "name"),
        (lambda task: task.wait_for_signal(7), "name"),
        (lambda task: task.wait_for_signal("go", timeout=-1), "timeout"),
        (lambda task: task.wait_for_approval(""), "question"),
        (lambda task: task.wait_for_approval("ok?", name=3), "name"),
    ],
)
async def test_what_cannot_be_waited_for_is_refused(
    desk: Desk, waiting: Callable[[TaskContext], Awaitable[object]], field: str
) -> None:
    async def wait(task: TaskContext) -> object:
        with pytest.raises(InvalidRequest) as refused:
            await waiting(task)
        return refused.value.field

    await desk.begin(wait)

    assert (await desk.done()).result == field
    assert await desk.container.get(StepRepository).of_task(T) == []


@pytest.mark.parametrize(
    "waiting",
    [
        lambda task: task.sleep(1),
        lambda task: task.wait_for_signal("go"),
        lambda task: task.wait_for_approval("ok?"),
    ],
)
async def test_a_wait_inside_a_step_is_refused(
    desk: Desk, waiting: Callable[[TaskContext], Awaitable[object]]
) -> None:
    async def wait(task: TaskContext) -> None:
        await task.step("outer", waiting, task)

    await desk.begin(wait)
    result = await desk.done()

    assert "inside step 'outer'" in str(result.error)


# ------------------------------------------------------------------------------------- signals


async def test_a_signal_brings_its_payload(desk: Desk) -> None:
    await desk.begin(held_in_memory)
    await desk.signal("other", "not this")
    await desk.signal("go", {"with": [1, 2]})

    assert (await desk.done()).result == {"with": [1, 2]}


async def test_a_signal_that_comes_first_is_kept(desk: Desk) -> None:
    async def late(task: TaskContext) -> object:
        await task.sleep(HOUR)
        return await task.wait_for_signal("go")

    await desk.begin(late)
    await desk.signal("go", "early")

    assert (await desk.done()).result == "early"


async def test_a_task_that_nobody_has_begun_keeps_its_signals(desk: Desk) -> None:
    desk.container.get(Specialists).register("wait", held_in_memory)
    await desk.orchestrator.create_task(title="A", specialist_type="wait", task_id="t")
    await desk.signal("go", "very early")

    assert (await desk.orchestrator.execute_task("t")).result == "very early"


async def test_signals_are_received_in_the_order_of_sending_each_once(desk: Desk) -> None:
    async def collect(task: TaskContext) -> object:
        return [await task.wait_for_signal("go") for _ in range(20)]

    await desk.begin(collect)
    for number in range(20):
        # At one moment of the clock, under ids that sort the other way round.
        sent = await desk.orchestrator.signal("t", "go", number, signal_id=f"{99 - number}")
        assert sent.success

    assert (await desk.done()).result == list(range(20))
    received = await desk.container.get(SignalRepository).of_task(T)
    assert [signal.id for signal in received] == [f"{99 - number}" for number in range(20)]
    assert all(signal.received_at for signal in received)


async def test_two_who_wait_for_one_name_get_a_signal_each(desk: Desk) -> None:
    async def both(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(task.wait_for_signal("go")) for _ in range(2)]
        return sorted(str(wait.result()) for wait in waits)

    await desk.begin(both)
    await desk.signal("go", "a")
    await desk.clock.sleep(1)
    assert (await desk.task()).status == "waiting"
    await desk.signal("go", "b")

    assert (await desk.done()).result == ["a", "b"]


async def test_a_signal_of_another_type_is_told(desk: Desk) -> None:
    async def count(task: TaskContext) -> object:
        with pytest.raises(UnexpectedSignal, match="'go' was to bring int, but brought str: 'x'"):
            await task.wait_for_signal("go", returns=int)
        return await task.wait_for_signal("go", returns=int)

    await desk.begin(count)
    await desk.signal("go", "x")
    await desk.signal("go", 7)

    assert (await desk.done()).result == 7


async def test_what_a_signal_holds_is_to_be_of_the_type_too(desk: Desk) -> None:
    async def count(task: TaskContext) -> object:
        with pytest.raises(UnexpectedSignal, match=r"was to bring list\[int\], but brought list"):
            await task.wait_for_signal("go", returns=list[int])
        with pytest.raises(InvalidRequest, match="returns: must be a class"):
            await task.wait_for_signal("go", returns="int")  # type: ignore[call-overload]
        return await task.wait_for_signal("go", returns=list[int])

    await desk.begin(count)
    await desk.signal("go", [1, "x"])
    await desk.signal("go", [7])

    assert (await desk.done()).result == [7]


async def test_a_signal_that_does_not_come_in_time_is_told_and_told_again(desk: Desk) -> None:
    told: list[str] = []

    async def impatient(task: TaskContext) -> object:
        try:
            await task.wait_for_signal("go", timeout=HOUR)
        except WaitTimedOut as error:
            told.append(str(error))
        return await task.wait_for_signal("at last")

    await desk.begin(impatient)
    await desk.clock.sleep(2 * HOUR)  # and in the meantime it is let go of
    await desk.signal("go", "too late")
    await desk.signal("at last", "now")

    assert (await desk.done()).result == "now"
    assert set(told) == {"No signal 'go' came for task 't'."}
    assert len(told) > 1


async def test_a_task_that_is_tried_again_waits_anew_after_a_time_out(desk: Desk) -> None:
    async def impatient(task: TaskContext) -> object:
        return await task.wait_for_signal("go", timeout=60)

    await desk.begin(impatient, retry=RetryPolicy(max_attempts=2, delay=5.0))
    await desk.clock.sleep(70)
    task = await desk.task()
    assert (task.status, task.failures) == ("waiting", 1)
    await desk.signal("go", "second time")

    assert (await desk.done()).result == "second time"


async def test_a_time_out_is_the_end_of_a_task_that_does_not_catch_it(desk: Desk) -> None:
    async def impatient(task: TaskContext) -> object:
        return await task.wait_for_signal("go", timeout=60)

    await desk.begin(impatient)
    result = await desk.done()

    assert result.status == "failed"
    assert "No signal 'go' came" in str(result.error)


# ------------------------------------------------------------------------------------- approval


async def ask(task: TaskContext) -> object:
    decision = await task.wait_for_approval("Send the letter?")
    return {"yes": bool(decision), "by": decision.by, "comment": decision.comment}


@pytest.mark.parametrize(("verb", "yes"), [("approve", True), ("reject", False)])
async def test_a_person_decides(desk: Desk, verb: str, yes: bool) -> None:
    await desk.begin(ask)
    decide = getattr(desk.orchestrator, verb)
    assert (await decide("t", by="ann", comment="as agreed")).success

    assert (await desk.done()).result == {"yes": yes, "by": "ann", "comment": "as agreed"}


async def test_several_questions_have_names(desk: Desk) -> None:
    async def ask_two(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            price = group.create_task(task.wait_for_approval("This price?", name="price"))
            text = group.create_task(task.wait_for_approval("This text?", name="text"))
        return [bool(price.result()), bool(text.result())]

    await desk.begin(ask_two)
    await desk.orchestrator.reject("t", name="text")
    await desk.orchestrator.approve("t", name="price")

    assert (await desk.done()).result == [True, False]


async def test_a_question_that_nobody_answers_times_out(desk: Desk) -> None:
    async def ask_briefly(task: TaskContext) -> object:
        with pytest.raises(WaitTimedOut, match="approval"):
            await task.wait_for_approval("ok?", timeout=HOUR)
        return "nobody cared"

    await desk.begin(ask_briefly)

    assert (await desk.done()).result == "nobody cared"


# ------------------------------------------------------------------------------ several at once


async def test_the_first_of_a_signal_and_a_sleep_wins(desk: Desk) -> None:
    async def race(task: TaskContext) -> object:
        signal = asyncio.create_task(task.wait_for_signal("stop"))
        moment = asyncio.create_task(task.sleep(DAY))
        done, pending = await asyncio.wait({signal, moment}, return_when="FIRST_COMPLETED")
        for other in pending:
            other.cancel()
        await asyncio.wait(pending)
        return "stopped" if signal in done else "slept"

    await desk.begin(race)
    assert (await desk.done()).result == "slept"

    await desk.begin(race, task_id="u")
    await desk.clock.sleep(HOUR)
    await desk.orchestrator.signal("u", "stop")
    assert (await desk.orchestrator.wait_for_completion("u", 60)).result == "stopped"


async def test_what_a_handler_leaves_waiting_behind_its_back_ends_with_it(desk: Desk) -> None:
    left: list[asyncio.Task[object]] = []

    async def race(task: TaskContext) -> object:
        waits = [asyncio.create_task(task.wait_for_signal(name)) for name in ("stop", "go")]
        left.extend(waits)
        await asyncio.wait(waits, return_when="FIRST_COMPLETED")
        return "over"

    await desk.begin(race)
    await desk.clock.sleep(HOUR)  # let go of
    await desk.signal("go")
    result = await desk.done()
    await asyncio.sleep(0)

    assert result.result == "over"
    assert len(left) == 4
    assert all(wait.done() for wait in left)


async def test_a_wait_under_a_time_limit_of_asyncio_can_be_given_up(desk: Desk) -> None:
    async def give_up(task: TaskContext) -> object:
        waiting = asyncio.create_task(task.wait_for_signal("go"))
        await task.sleep(10)
        waiting.cancel()
        await asyncio.wait({waiting})
        return await task.step("go on", lambda: "went on")

    await desk.begin(give_up)

    assert (await desk.done()).result == "went on"


async def test_waits_of_a_group_end_one_by_one(desk: Desk) -> None:
    async def gather(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(task.wait_for_signal(name)) for name in "abc"]
            group.create_task(task.sleep(2 * DAY))
        return [wait.result() for wait in waits]

    await desk.begin(gather)
    for name in "cab":
        await desk.clock.sleep(HOUR)  # let go of each time
        assert (await desk.task()).owner is None
        await desk.signal(name, name.upper())
    await desk.clock.sleep(HOUR)

    task = await desk.task()
    assert (task.status, task.owner) == ("waiting", None)
    assert (await desk.done()).result == ["A", "B", "C"]


async def test_a_task_says_again_that_it_waits_when_one_of_two_waits_is_over(desk: Desk) -> None:
    async def both(task: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(task.wait_for_signal(name))

    await desk.begin(both)
    await desk.signal("a")
    await desk.clock.sleep(1)

    assert (await desk.task()).status == "waiting"


async def test_a_task_says_again_that_it_waits_after_a_step_beside_the_wait(desk: Desk) -> None:
    async def beside(task: TaskContext) -> object:
        waiting = asyncio.create_task(task.wait_for_signal("go"))
        await task.step("slow", desk.clock.sleep, 5)
        return await waiting

    await desk.begin(beside)
    await desk.clock.sleep(10)

    assert (await desk.task()).status == "waiting"
    await desk.signal("go", "done")
    assert (await desk.done()).result == "done"


async def test_a_wait_that_begins_later_also_wakes_the_task_that_was_let_go_of(desk: Desk) -> None:
    """The second wait is there already when the handler begins anew, but is asked for later."""

    async def staggered(task: TaskContext) -> object:
        signal = asyncio.create_task(task.wait_for_signal("never"))
        await task.step("between", desk.clock.sleep, 1)
        await task.sleep(DAY)
        signal.cancel()
        await asyncio.wait({signal})
        return "woken"

    await desk.begin(staggered)
    await desk.clock.sleep(HOUR)
    await desk.signal("another", "makes it begin anew")
    await desk.clock.sleep(HOUR)
    assert (await desk.task()).owner is None

    assert (await desk.done(2 * DAY)).result == "woken"


async def test_a_step_beside_a_wait_is_not_let_go_of(desk: Desk) -> None:
    async def beside(task: TaskContext) -> object:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.wait_for_signal("go"))
            group.create_task(task.step("slow", desk.clock.sleep, HOUR))
        return task.attempt

    await desk.begin(beside)
    await desk.clock.sleep(HOUR / 2)
    await desk.signal("go")

    assert (await desk.done()).result == 1


# ------------------------------------------------------------------------------- held, let go of


async def test_a_task_that_waits_for_long_is_let_go_of_and_begins_anew(desk: Desk) -> None:
    cleaned_up: list[int] = []

    async def tidy(task: TaskContext) -> object:
        try:
            return await task.wait_for_signal("go"), task.attempt
        finally:
            cleaned_up.append(task.attempt)

    await desk.begin(tidy)
    held = await desk.task()
    assert (held.status, held.owner is not None) == ("waiting", True)
    await desk.clock.sleep(HOUR)

    parked = await desk.task()
    assert (parked.status, parked.owner, parked.lease_until) == ("waiting", None, None)
    assert cleaned_up == [1]
    assert len(desk.container.get(Engine).running) == 0
    await desk.signal("go", "again")
    assert (await desk.done()).result == ("again", 2)
    assert (await desk.task()).crashes == 0


async def test_a_short_wait_keeps_the_handler(desk: Desk) -> None:
    async def nap(task: TaskContext) -> object:
        await task.sleep(59)
        return task.attempt

    await desk.begin(nap)

    assert (await desk.done()).result == 1


async def test_waiting_tasks_take_nobody_s_place(desk: Desk) -> None:
    """The worker runs four at a time."""
    desk.container.get(Specialists).register("work", _title)

    async def nap(task: TaskContext) -> None:
        await task.sleep(30)

    for number in range(50):
        await desk.begin(nap, task_id=f"sleeper {number:02}")
    working = await desk.orchestrator.create_task(
        title="works", specialist_type="work", completion="auto"
    )
    result = await desk.orchestrator.wait_for_completion(str(working.task_id), 1)

    assert result.result == "works"


async def _title(task: TaskContext) -> str:
    return task.title


async def test_the_time_limit_of_a_task_stands_still_while_it_waits(desk: Desk) -> None:
    async def nap(task: TaskContext) -> object:
        await task.step("work", desk.clock.sleep, 4)
        await task.sleep(40)
        await task.step("work", desk.clock.sleep, 4)
        return "in time"

    await desk.begin(nap, timeout=10)

    assert (await desk.done()).result == "in time"


async def test_the_time_limit_of_a_task_holds_before_and_after_its_waits(desk: Desk) -> None:
    async def nap(task: TaskContext) -> object:
        await task.step("work", desk.clock.sleep, 4)
        await task.sleep(40)
        await task.step("work", desk.clock.sleep, 7)
        return "late"

    await desk.begin(nap, timeout=10)
    result = await desk.done()

    assert result.status == "failed"
    assert "took longer than 10 s" in str(result.error)


# --------------------------------------------------------------------------- called off, restarted


@pytest.mark.parametrize("seconds", [1.0, HOUR])
async def test_a_waiting_task_can_be_called_off(desk: Desk, seconds: float) -> None:
    await desk.begin(held_in_memory)
    await desk.clock.sleep(seconds)
    result = await desk.orchestrator.cancel_task("t", "no more")

    assert (result.success, result.status) == (True, "cancelled")
    late = await desk.orchestrator.signal("t", "go")
    assert late.error == "Task 't' (A) is cancelled."


@pytest.mark.parametrize("turns", range(12))
async def test_a_task_that_is_just_let_go_of_can_be_called_off(desk: Desk, turns: int) -> None:
    async def slow_to_leave(task: TaskContext) -> None:
        try:
            await task.wait_for_signal("go", timeout=HOUR)
        finally:
            for _ in range(3):
                await asyncio.sleep(0)

    await desk.begin(slow_to_leave)
    await desk.clock.sleep(59)  # it is let go of after a minute
    for _ in range(turns):
        await asyncio.sleep(0)
    result = await desk.orchestrator.cancel_task("t", "no more")

    assert (result.success, result.status) == (True, "cancelled"), result.error


async def test_a_waiting_task_cannot_be_signed_off(desk: Desk) -> None:
    await desk.begin(held_in_memory)
    result = await desk.orchestrator.complete_task("t", summary="it is done")

    assert not result.success
    assert "waiting" in str(result.error)


async def test_execute_task_waits_with_it_also_if_it_was_let_go_of(desk: Desk) -> None:
    await desk.begin(held_in_memory)
    await desk.clock.sleep(HOUR)
    executing = asyncio.create_task(desk.orchestrator.execute_task("t"))
    await desk.clock.sleep(HOUR)
    assert (await desk.task()).owner is not None  # somebody waits for it: it stays in memory
    await desk.signal("go", "both of us")

    assert (await executing).result == "both of us"


async def test_run_waits_with_its_task_and_leaves_it_when_cancelled(desk: Desk) -> None:
    desk.container.get(Specialists).register("wait", held_in_memory)
    fields = {"title": "A", "specialist_type": "wait", "task_id": "t", "idempotency_key": "k"}
    running = asyncio.create_task(desk.orchestrator.run(fields))
    await desk.clock.sleep(HOUR)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await desk.task()).status == "pending"
    await desk.signal("go", "kept")

    assert (await desk.orchestrator.run(fields)).result == "kept"


async def test_run_all_waits_for_waiting_tasks(desk: Desk) -> None:
    async def nap(task: TaskContext) -> str:
        await task.sleep(DAY)
        return task.title

    desk.container.get(Specialists).register("wait", nap)
    requests = [{"title": f"{number}", "specialist_type": "wait"} for number in range(10)]
    results = await desk.orchestrator.run_all(requests, timeout=2 * DAY)

    assert [result.result for result in results] == [f"{number}" for number in range(10)]


async def test_waiting_for_completion_can_time_out_while_the_task_waits(desk: Desk) -> None:
    await desk.begin(held_in_memory)

    with pytest.raises(TimeoutError, match="is waiting after 60 s"):
        await desk.done(60)


async def test_until_idle_sleeps_with_sleepers_and_leaves_those_who_wait_for_signals(
    desk: Desk,
) -> None:
    async def nap(task: TaskContext) -> None:
        await task.sleep(DAY)

    desk.container.get(Specialists).register("nap", nap)
    await desk.begin(held_in_memory)
    sleeper = await desk.orchestrator.create_task(
        title="B", specialist_type="nap", completion="auto"
    )
    await desk.orchestrator.run_until_idle()

    assert (await desk.orchestrator.get_task_status(str(sleeper.task_id))).completed
    assert (await desk.task()).status == "waiting"


async def test_until_idle_waits_for_a_signal_that_times_out(desk: Desk) -> None:
    async def impatient(task: TaskContext) -> object:
        with pytest.raises(WaitTimedOut):
            await task.wait_for_signal("go", timeout=DAY)
        return "alone"

    await desk.begin(impatient)
    await desk.orchestrator.run_until_idle()

    assert (await desk.done()).result == "alone"


# ------------------------------------------------------------------------------- determinism


async def test_a_handler_that_does_not_wait_again_is_told(desk: Desk) -> None:
    async def fickle(task: TaskContext) -> object:
        if task.attempt == 1:
            await task.wait_for_signal("go")
        return await task.wait_for_signal("other")

    await desk.begin(fickle)
    await desk.clock.sleep(HOUR)
    await desk.signal("other", 1)
    result = await desk.done()

    assert result.status == "failed"
    assert "recorded the step 'signal:go'" in str(result.error)
    assert "it asked for 'signal:other' instead" in str(result.error)


async def test_a_step_may_be_called_as_a_wait_is(desk: Desk) -> None:
    async def both(task: TaskContext) -> object:
        first = await task.step("pause", lambda: 1)
        await task.sleep(DAY, name="pause")
        return first, await task.step("pause", lambda: 3)

    await desk.begin(both)

    assert (await desk.done()).result == (1, 3)


async def test_a_woken_task_waits_for_the_rest_only(desk: Desk, clock: VirtualClock) -> None:
    async def nap(task: TaskContext) -> object:
        await task.sleep(HOUR)
        await task.sleep(HOUR)
        return clock.now()

    began = clock.now()
    await desk.begin(nap)
    woken = (await desk.done()).result

    assert isinstance(woken, datetime)
    assert timedelta(hours=2) <= woken - began < timedelta(hours=2, seconds=2)
