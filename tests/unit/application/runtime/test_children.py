"""Tasks that tasks create, and wait for; time is virtual."""

import asyncio
import logging

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import (
    ChildFailed,
    DatabaseFull,
    InvalidRequest,
    UnexpectedResult,
)
from vespera.domain.ids import TaskId
from vespera.domain.task import TaskRequest
from vespera.testing import VirtualClock


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    async def double(task: TaskContext) -> object:
        return 2 * task.payload["number"]  # type: ignore[operator]

    async def refuse(task: TaskContext) -> None:
        raise ValueError(f"not {task.title}")

    async def for_ever(task: TaskContext) -> None:
        await task.wait_for_signal("never")

    specialists.register("double", double)
    specialists.register("refuse", refuse)
    specialists.register("for ever", for_ever)
    return container.get(TaskOrchestrator)


async def test_a_parent_gets_what_its_children_hand_back(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> object:
        children = [
            await task.spawn(title="A", specialist_type="double", payload={"number": n})
            for n in range(3)
        ]
        return await task.gather(*children)

    specialists.register("parent", parent)

    assert (await orchestrator.run(title="P", specialist_type="parent")).result == [0, 2, 4]


async def test_what_a_child_handed_back_may_be_asked_for_again(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> object:
        child = await task.spawn(
            TaskRequest(title="A", specialist_type="double", payload={"number": 4}), returns=int
        )
        return [child.name, await child.result(), (await child.outcome()).result]

    specialists.register("parent", parent)

    assert (await orchestrator.run(title="P", specialist_type="parent")).result == ["A", 8, 8]


async def test_a_child_that_fails_is_an_error_that_names_it(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> str:
        child = await task.spawn({"title": "sums", "specialist_type": "refuse"}, task_id="c")
        with pytest.raises(ChildFailed) as caught:
            await child.result()
        return str(caught.value)

    specialists.register("parent", parent)

    result = await orchestrator.run(title="P", specialist_type="parent")

    assert result.result == "Child 'sums' (c) is failed: ValueError: not sums"


async def test_a_child_that_hands_back_another_type_is_told(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> None:
        child = await task.spawn(
            title="A", specialist_type="double", payload={"number": 1}, task_id="c", returns=str
        )
        with pytest.raises(UnexpectedResult, match=r"'A' \(c\) was to hand back str, not int: 2"):
            await child.result()

    specialists.register("parent", parent)

    assert (await orchestrator.run(title="P", specialist_type="parent")).success


async def test_what_a_child_hands_back_may_be_a_list_of_something(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def words(task: TaskContext) -> list[str]:
        return task.title.split()

    async def parent(task: TaskContext) -> object:
        with pytest.raises(InvalidRequest, match="returns: must be a class, as str, or list"):
            await task.spawn(title="a b", specialist_type="words", returns="list")  # type: ignore[call-overload]
        child = await task.spawn(title="a b", specialist_type="words", returns=list[str])
        other = await task.spawn(title="c", specialist_type="words", returns=list[int])
        with pytest.raises(UnexpectedResult, match=r"hand back list\[int\], not list: \['c'\]"):
            await other.result()
        return await child.result()

    specialists.register("words", words)
    specialists.register("parent", parent)

    assert (await orchestrator.run(title="P", specialist_type="parent")).result == ["a", "b"]


async def test_the_result_of_a_child_that_was_purged_is_a_failure_of_the_child(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    async def parent(task: TaskContext) -> object:
        child = await task.spawn(title="A", specialist_type="double", payload={"number": 4})
        if task.attempt == 1:
            await clock.sleep(60)
            raise ValueError("not yet")
        with pytest.raises(ChildFailed, match=rf"Child 'A' \({child.id}\) is not here"):
            await child.result()
        return "without it"

    specialists.register("parent", parent)
    await orchestrator.start()
    await orchestrator.run(title="P", specialist_type="parent", task_id="p")
    assert (await orchestrator.purge(0, "completed")).tasks == 1
    await orchestrator.retry_task("p")

    assert (await orchestrator.execute_task("p")).result == "without it"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"idempotency_key": "k"}, "idempotency_key"),
        ({"parent_id": "somebody else"}, "parent_id"),
        ({"on_parent_end": "mourn"}, "on_parent_end"),
        ({"titel": "A"}, "titel"),
        ({"task_id": "p"}, "task_id"),
        ({"depends_on": ["nobody"]}, "depends_on"),
        ({"depends_on": ["p"]}, "depends_on"),
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
    ],
)
async def test_a_child_that_makes_no_sense_is_refused(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    fields: dict[str, str],
    field: str,
) -> None:
    async def parent(task: TaskContext) -> None:
        with pytest.raises(InvalidRequest) as caught:
            await task.spawn({"title": "A", "specialist_type": "double"}, **fields)
        assert caught.value.field == field

    specialists.register("parent", parent)

    result = await orchestrator.run(title="P", specialist_type="parent", task_id="p")

    assert result.success, result.error


async def test_a_child_that_goes_on_without_its_parent_may_wait_for_it(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> None:
        await task.spawn(
            title="A",
            specialist_type="double",
            payload={"number": 4},
            task_id="c",
            depends_on=[task.id],
            on_parent_end="leave",
        )

    specialists.register("parent", parent)
    await orchestrator.run(title="P", specialist_type="parent")

    assert (await orchestrator.wait_for_completion("c")).result == 8


async def test_what_is_gathered_are_children_one_by_one(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> object:
        children = [await task.spawn(title="A", specialist_type="double", payload={"number": 4})]
        with pytest.raises(InvalidRequest, match=r"children\[0\]: .* got list; .*\*children"):
            await task.gather(children)  # type: ignore[arg-type]
        return await task.gather(*children)

    specialists.register("parent", parent)

    assert (await orchestrator.run(title="P", specialist_type="parent")).result == [8]


async def test_what_is_no_request_is_refused_whatever_it_is(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def parent(task: TaskContext) -> None:
        with pytest.raises(InvalidRequest, match="expected a mapping or keywords, got int"):
            await task.spawn(7)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="title: is missing"):
            await task.spawn(specialist_type="double")

    specialists.register("parent", parent)

    result = await orchestrator.run(title="P", specialist_type="parent")

    assert result.success, result.error


@pytest.mark.parametrize("end", ["cancel", "leave"])
async def test_the_end_of_the_parent_is_that_of_its_children_unless_they_are_left(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    container: Container,
    clock: VirtualClock,
    end: str,
) -> None:
    async def parent(task: TaskContext) -> None:
        await task.spawn(title="A", specialist_type="for ever", task_id="c", on_parent_end=end)
        await task.sleep(5)

    specialists.register("parent", parent)
    await orchestrator.start()

    await orchestrator.run(title="P", specialist_type="parent", task_id="p")
    await clock.sleep(60)

    child = await container.get(TaskRepository).get(TaskId("c"))
    assert child.status == ("cancelled" if end == "cancel" else "waiting")
    if child.error is not None:
        assert "its parent 'p' is completed" in str(child.error)


async def test_children_that_nobody_has_begun_are_called_off_too(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def hasty(task: TaskContext) -> None:
        await task.spawn(title="A", specialist_type="for ever", task_id="c")
        raise ValueError("at once")

    specialists.register("parent", hasty)

    await orchestrator.run(title="P", specialist_type="parent", task_id="p")

    assert (await orchestrator.get_task_status("c")).status == "cancelled"


async def test_a_child_that_is_called_off_before_its_handler_began_ends_without_it(
    container: Container, orchestrator: TaskOrchestrator, clock: VirtualClock
) -> None:
    await orchestrator.create_task(title="A", specialist_type="double", task_id="t")
    tasks = container.get(TaskRepository)
    await tasks.call_off(TaskId("t"), "nobody wants it")

    result = await orchestrator.execute_task("t")

    assert result.status == "cancelled"
    assert "nobody wants it" in str(result.error)


async def test_children_that_cannot_be_called_off_now_are_called_off_later(
    container: Container,
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def parent(task: TaskContext) -> None:
        await task.spawn(title="A", specialist_type="for ever", task_id="c")
        await task.sleep(1)

    specialists.register("parent", parent)
    engine = container.get(Engine)
    arrears = engine.arrears
    real, arrears._tasks = arrears._tasks, FullNow(arrears._tasks)  # type: ignore[assignment]
    await orchestrator.start()

    with caplog.at_level(logging.ERROR, "vespera"):
        await orchestrator.run(title="P", specialist_type="parent")
        arrears._tasks = real
        await asyncio.sleep(0)
        assert (await orchestrator.get_task_status("c")).status != "cancelled"
        await clock.sleep(60)

    assert "Children of ended tasks are called off later." in caplog.text
    assert (await orchestrator.get_task_status("c")).status == "cancelled"


class FullNow:
    """A task repository that cannot say who is to be called off."""

    def __init__(self, real: TaskRepository) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def called_off(self, holder: object) -> None:
        raise DatabaseFull("the disk is full")
