"""New tasks that run on from the middle of others."""

import asyncio

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.specialists import Specialists


class Press:
    """Notes what is printed, and by which task."""

    def __init__(self) -> None:
        self.printed: list[str] = []

    def print(self, by: str, what: str) -> str:
        self.printed.append(f"{by}: {what}")
        return f"{what} by {by}"

    def take_back(self, what: str) -> None:
        self.printed.append(f"back: {what}")


@pytest.fixture
def press() -> Press:
    return Press()


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists, press: Press) -> TaskOrchestrator:
    async def book(task: TaskContext) -> list[object]:
        cover = await task.step("cover", press.print, task.id, "cover", in_thread=False)
        pages = [
            await task.step("page", press.print, task.id, str(n), in_thread=False)
            for n in range(int(str(task.payload.get("pages", 2))))
        ]
        return [cover, *pages]

    specialists.register("book", book)
    return container.get(TaskOrchestrator)


def request(kind: str = "book", task_id: str = "a", **more: object) -> dict[str, object]:
    return {
        "title": "A book",
        "specialist_type": kind,
        "task_id": task_id,
        "completion": "auto",
        **more,
    }


async def test_a_fork_has_what_came_before_the_step_and_does_the_rest(
    orchestrator: TaskOrchestrator, press: Press
) -> None:
    before = await orchestrator.run(request())
    fork = await orchestrator.fork_task("a", from_step=("page", 2), new_task_id="f")
    assert (fork.success, fork.task_id, fork.status) == (True, "f", "pending")
    done = await orchestrator.execute_task("f")

    assert done.result == ["cover by a", "0 by a", "1 by f"]
    assert press.printed == ["a: cover", "a: 0", "a: 1", "f: 1"]
    assert await orchestrator.get_task_status("a") == before


async def test_a_fork_is_told_as_it_was_created_also_if_a_worker_begins_it_at_once(
    orchestrator: TaskOrchestrator,
) -> None:
    await orchestrator.run(request())
    await orchestrator.start()

    forks = [await orchestrator.fork_task("a", new_task_id=f"f{n}") for n in range(5)]

    assert [fork.status for fork in forks] == ["pending"] * 5


async def test_a_fork_whose_dependency_has_failed_is_cancelled_at_once_if_it_asks_for_that(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def fail(task: TaskContext) -> None:
        raise OSError

    specialists.register("failing", fail)
    await orchestrator.create_task(request("failing", "before"))
    waiting = request(depends_on=["before"], on_failed_dependency="cancel")
    await orchestrator.create_task(waiting)
    await orchestrator.execute_task("before")

    fork = await orchestrator.fork_task("a", new_task_id="f")

    assert (fork.status, fork.success) == ("cancelled", True)


async def test_without_a_step_it_begins_at_the_beginning(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.run(request())
    await orchestrator.fork_task("a", new_task_id="f")

    assert (await orchestrator.execute_task("f")).result == ["cover by f", "0 by f", "1 by f"]


async def test_the_payload_may_be_another(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.run(request(payload={"pages": 1}))
    await orchestrator.fork_task("a", from_step="page", new_task_id="f", payload={"pages": 3})
    await orchestrator.fork_task("a", from_step="page", new_task_id="g")

    assert (await orchestrator.execute_task("f")).result == [
        *("cover by a", "0 by f", "1 by f", "2 by f")
    ]
    assert (await orchestrator.execute_task("g")).result == ["cover by a", "0 by g"]


async def test_the_new_task_gets_an_id_and_remembers_the_old_one(
    orchestrator: TaskOrchestrator, container: Container
) -> None:
    await orchestrator.run(request(idempotency_key="k", priority=7))
    fork = await orchestrator.fork_task("a", from_step="page")
    task = await container.get(TaskRepository).get(fork.task_id)  # type: ignore[arg-type]

    assert (task.forked_from, task.idempotency_key, task.priority) == ("a", None, 7)


async def test_a_failed_task_is_forked_from_the_step_that_failed(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def careful(task: TaskContext) -> str:
        await task.step("cover", press.print, task.id, "cover", in_thread=False)
        return await task.step("bind", lambda: {"a": 1 / 0} if task.id == "a" else "bound")

    specialists.register("careful", careful)
    assert (await orchestrator.run(request("careful"))).status == "failed"
    await orchestrator.fork_task("a", from_step="bind", new_task_id="f")

    assert (await orchestrator.execute_task("f")).result == "bound"
    assert press.printed == ["a: cover"]


async def test_the_fork_goes_the_way_that_the_other_went(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def either(task: TaskContext) -> str:
        try:
            return await task.step("best", lambda: 1 / (task.id != "a"))
        except Exception:
            await task.step("second best", press.print, task.id, "second", in_thread=False)
        return await task.step("end", press.print, task.id, "end", in_thread=False)

    specialists.register("either", either)
    await orchestrator.run(request("either"))
    await orchestrator.fork_task("a", from_step="end", new_task_id="f")

    assert (await orchestrator.execute_task("f")).result == "end by f"
    assert press.printed == ["a: second", "a: end", "f: end"]


async def test_a_fork_undoes_only_what_it_has_done(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def journey(task: TaskContext) -> None:
        for name in ("hotel", "train"):
            await task.step(name, press.print, task.id, name, undo=press.take_back, in_thread=False)
        if task.id == "f":
            raise ValueError("too late")

    specialists.register("journey", journey)
    await orchestrator.run(request("journey"))
    await orchestrator.fork_task("a", from_step="train", new_task_id="f")

    assert (await orchestrator.execute_task("f")).status == "failed"
    assert press.printed == ["a: hotel", "a: train", "f: train", "back: train by f"]


async def test_signals_that_were_received_are_copied_with_the_rest(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def letter(task: TaskContext) -> object:
        town = await task.wait_for_signal("town")
        return [town, await task.step("send", press.print, task.id, "sent", in_thread=False)]

    specialists.register("letter", letter)
    await orchestrator.create_task(request("letter"))
    await orchestrator.signal("a", "town", "Rome")
    await orchestrator.execute_task("a")
    await orchestrator.fork_task("a", from_step="send", new_task_id="f")

    assert (await orchestrator.execute_task("f")).result == ["Rome", "sent by f"]


async def test_children_are_shared_once_they_have_ended_and_spawned_anew_before(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def parent(task: TaskContext) -> object:
        child = await task.spawn(title="child", specialist_type="book", payload={"pages": 0})
        await task.step("meanwhile", press.print, task.id, "tea", in_thread=False)
        pages = await child.result()
        return [pages, await task.step("end", press.print, task.id, "end", in_thread=False)]

    specialists.register("parent", parent)
    await orchestrator.run(request("parent"))
    ((child),) = (await orchestrator.tasks(parent_id="a")).tasks
    await orchestrator.fork_task("a", from_step="end", new_task_id="late")
    await orchestrator.fork_task("a", from_step="meanwhile", new_task_id="early")
    late, early = [await orchestrator.execute_task(each) for each in ("late", "early")]

    assert late.result == [[f"cover by {child.id}"], "end by late"]
    ((other),) = (await orchestrator.tasks(parent_id="early")).tasks
    assert early.result == [[f"cover by {other.id}"], "end by early"]
    assert not (await orchestrator.tasks(parent_id="late")).tasks


async def test_a_task_that_runs_may_be_forked(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    going = asyncio.Event()

    async def slow(task: TaskContext) -> object:
        cover = await task.step("cover", press.print, task.id, "cover", in_thread=False)
        if task.id == "a":
            await going.wait()
        return cover

    specialists.register("slow", slow)
    await orchestrator.create_task(request("slow"))
    running = asyncio.create_task(orchestrator.execute_task("a"))
    while not press.printed:
        await asyncio.sleep(0)
    while not (fork := await orchestrator.fork_task("a", from_step="cover")).success:
        await asyncio.sleep(0)
    going.set()

    assert (await running).result == "cover by a"
    done = await orchestrator.execute_task(str(fork.task_id))
    assert done.result == f"cover by {fork.task_id}"


async def test_a_fork_waits_for_what_the_other_waits_for(
    orchestrator: TaskOrchestrator,
) -> None:
    await orchestrator.create_task(request(task_id="x"))
    await orchestrator.create_task(request(depends_on=["x"]))
    await orchestrator.fork_task("a", new_task_id="f")

    refused = await orchestrator.execute_task("f")
    assert "cannot run: it waits for tasks not completed yet" in str(refused.error)


async def test_a_fork_that_died_goes_on_from_its_own_records(
    orchestrator: TaskOrchestrator, specialists: Specialists, press: Press
) -> None:
    async def twice(task: TaskContext) -> object:
        first = await task.step("first", press.print, task.id, "1", in_thread=False)
        second = await task.step("second", press.print, task.id, "2", in_thread=False)
        if task.id == "f" and task.attempt == 1:
            raise ValueError("once more")
        return [first, second]

    specialists.register("twice", twice)
    await orchestrator.run(request("twice", retry={"max_attempts": 2, "delay": 0}))
    await orchestrator.fork_task("a", from_step="second", new_task_id="f")

    assert (await orchestrator.execute_task("f")).result == ["1 by a", "2 by f"]
    assert press.printed == ["a: 1", "a: 2", "f: 2"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"from_step": "index"}, "from_step: no step 'index' is recorded; recorded are 'cover'"),
        ({"from_step": 7}, "from_step: must be text, got int"),
        ({"new_task_id": "a"}, "new_task_id: 'a' is taken by another task"),
        ({"new_task_id": ""}, "new_task_id: must not be empty"),
        ({"payload": [1]}, "payload: must be a mapping, got list"),
        ({"payload": {"x": object()}}, "payload.x"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    orchestrator: TaskOrchestrator, given: dict[str, object], told: str
) -> None:
    await orchestrator.run(request())
    refused = await orchestrator.fork_task("a", **given)  # type: ignore[arg-type]

    assert not refused.success
    assert str(refused.error).startswith(told)
    assert len((await orchestrator.tasks()).tasks) == 1


async def test_an_unknown_task_is_refused(orchestrator: TaskOrchestrator) -> None:
    assert (await orchestrator.fork_task("x")).error == "No task has the id 'x'."
