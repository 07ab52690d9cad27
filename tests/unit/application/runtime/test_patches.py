"""A changed handler, and tasks that are in the middle of it."""

import asyncio
from collections.abc import Callable

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.testing import StepEnvironment


def double(value: int) -> int:
    return value * 2


class Handler:
    """Asks for "a", then perhaps for a change, then for "b", and dies where it is told to."""

    def __init__(self, *, patched: bool, dies: str = "") -> None:
        self.patched, self.dies = patched, dies
        self.ways: list[bool] = []

    async def execute(self, task: TaskContext) -> list[bool]:
        await task.step("a", double, 1)
        self._perhaps_die("a")
        new = self.patched and await task.patched("change")
        if self.patched:
            self.ways.append(new)
        if new:
            await task.step("new", double, 2)
        self._perhaps_die("new")
        await task.step("b", double, 3)
        self._perhaps_die("b")
        return self.ways

    def _perhaps_die(self, place: str) -> None:
        if self.dies == place:
            raise KeyError(place)


async def run_all(*handlers: Handler) -> StepEnvironment:
    """One attempt after the other; all but the last die."""
    environment = StepEnvironment()
    for handler in handlers[:-1]:
        with pytest.raises(KeyError):
            await environment.run(handler)
    await environment.run(handlers[-1])
    return environment


async def test_a_task_that_begins_after_the_change_goes_the_new_way_in_every_attempt() -> None:
    first, second = Handler(patched=True, dies="b"), Handler(patched=True)
    environment = await run_all(first, second)

    assert (first.ways, second.ways) == ([True], [True])
    assert [step.name for step in environment.steps] == ["a", "patch:change", "new", "b"]


async def test_a_task_that_had_not_come_there_goes_the_new_way() -> None:
    old, new, again = (
        Handler(patched=False, dies="a"),
        Handler(patched=True, dies="b"),
        Handler(patched=True),
    )
    await run_all(old, new, again)

    assert (new.ways, again.ways) == ([True], [True])


async def test_a_task_that_had_passed_it_goes_the_old_way_in_every_attempt() -> None:
    old, new, again = (
        Handler(patched=False, dies="b"),
        Handler(patched=True, dies="b"),
        Handler(patched=True),
    )
    environment = await run_all(old, new, again)

    assert (new.ways, again.ways) == ([False], [False])
    assert [step.name for step in environment.steps] == ["a", "b"]


async def test_the_call_may_go_when_the_old_way_goes() -> None:
    class WithoutTheCall(Handler):
        async def execute(self, task: TaskContext) -> list[bool]:
            await task.step("a", double, 1)
            await task.step("new", double, 2)
            await task.step("b", double, 3)
            return []

    environment = await run_all(Handler(patched=True, dies="b"), WithoutTheCall(patched=False))

    assert environment.attempt == 2


async def test_what_was_said_first_holds_for_the_whole_task() -> None:
    async def old(task: TaskContext) -> None:
        await task.step("a", double, 1)
        raise KeyError

    async def looping(task: TaskContext) -> list[bool]:
        ways = []
        for _ in range(3):
            ways.append(await task.patched("change"))
            await task.step("a", double, 1)
        return ways

    environment = StepEnvironment()
    with pytest.raises(KeyError):
        await environment.run(old)
    assert (await environment.run(looping)).result == [False] * 3
    assert (await environment.run(looping)).result == [False] * 3
    assert (await StepEnvironment().run(looping)).result == [True] * 3


async def test_what_is_begun_to_be_undone_asks_for_no_change_any_more(
    container: Container, specialists: Specialists
) -> None:
    done: list[str] = []
    booked = asyncio.Event()

    async def book(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: done.append("back"))
        booked.set()
        if task.attempt == 1:
            await asyncio.Event().wait()
        await task.patched("change")
        done.append("goes on")

    orchestrator = container.get(TaskOrchestrator)
    specialists.register("w", book)
    running = asyncio.create_task(orchestrator.run(title="t", specialist_type="w", task_id="t"))
    await booked.wait()
    running.cancel()
    await asyncio.wait({running})

    await orchestrator.cancel_task("t")

    assert done == ["book", "back"]


async def test_branches_side_by_side_hear_the_same() -> None:
    async def branching(task: TaskContext) -> list[bool]:
        return list(await asyncio.gather(*(task.patched("change") for _ in range(5))))

    environment = StepEnvironment()
    assert (await environment.run(branching)).result == [True] * 5
    assert [step.name for step in environment.steps] == ["patch:change"]


async def test_a_change_behind_a_wait_comes_to_tasks_that_wait(
    container: Container, specialists: Specialists
) -> None:
    async def old(task: TaskContext) -> str:
        await task.wait_for_signal("go")
        return "old"

    async def changed(task: TaskContext) -> str:
        early = await task.patched("before the wait")
        await task.wait_for_signal("go")
        return f"{early} {await task.patched('behind the wait')}"

    orchestrator = container.get(TaskOrchestrator)
    specialists.register("w", old)
    await orchestrator.create_task(title="t", specialist_type="w", task_id="t", completion="auto")
    running = asyncio.create_task(orchestrator.execute_task("t"))
    while (await orchestrator.get_task_status("t")).status != "waiting":
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    specialists.register("w", changed)
    await orchestrator.signal("t", "go")

    assert (await orchestrator.execute_task("t")).result == "False True"


async def test_while_steps_are_undone_nothing_new_is_begun(
    container: Container, specialists: Specialists
) -> None:
    done: list[str] = []

    def changed(step: Callable[[], object]) -> Callable[[TaskContext], object]:
        async def changed(task: TaskContext) -> None:
            await task.step("book", done.append, "book", undo=lambda _: step())
            done.append("asks")
            if await task.patched("change"):
                done.append("goes on")

        return changed

    stuck = asyncio.Event()

    async def undo() -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def dying(task: TaskContext) -> None:
        await task.step("book", done.append, "book", undo=lambda _: undo())
        raise ValueError("too late")

    orchestrator = container.get(TaskOrchestrator)
    specialists.register("w", dying)
    running = asyncio.create_task(
        orchestrator.run(title="t", specialist_type="w", task_id="t", completion="auto")
    )
    await stuck.wait()
    running.cancel()
    await asyncio.wait({running})
    specialists.register("w", changed(lambda: done.append("back")))

    assert (await orchestrator.execute_task("t")).status == "failed"
    assert done == ["book", "asks", "back"]


@pytest.mark.parametrize("name", ["", 7])
async def test_a_name_must_be_text(name: object) -> None:
    async def handler(task: TaskContext) -> None:
        await task.patched(name)  # type: ignore[arg-type]

    with pytest.raises(InvalidRequest, match="must be text"):
        await StepEnvironment().run(handler)


async def test_it_is_not_asked_inside_a_step() -> None:
    async def handler(task: TaskContext) -> None:
        await task.step("outer", task.patched, "change")

    with pytest.raises(Exception, match="inside step 'outer'"):
        await StepEnvironment().run(handler)
