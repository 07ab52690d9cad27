"""Tasks that one version of a handler has begun, and others that are there now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, providers, versioned
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.handler_versions import version_of
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.testing import VirtualClock


def says(word: str) -> Callable[[TaskContext], Awaitable[str]]:
    async def handler(task: TaskContext) -> str:
        await task.wait_for_signal("go")
        return word

    return handler


ONE, TWO = versioned(says("one"), "1"), versioned(says("two"), "2")


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


@pytest.fixture
def begun(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> Callable[[object], Awaitable[None]]:
    """The task "t" is begun by this specialist, and may go on."""

    async def begin(specialist: object) -> None:
        specialists.register("w", specialist)
        request = {"title": "T", "specialist_type": "w", "task_id": "t", "completion": "auto"}
        await orchestrator.create_task(request)
        running = asyncio.create_task(orchestrator.execute_task("t"))
        while (await orchestrator.get_task_status("t")).status != "waiting":
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})
        await orchestrator.signal("t", "go")

    return begin


async def test_a_task_has_the_version_that_has_begun_it(
    container: Container, begun: Callable[[object], Awaitable[None]]
) -> None:
    await begun(ONE)

    assert (await container.get(TaskRepository).get("t")).handler_version == "1"


async def test_a_task_that_is_run_at_once_has_it_too(
    orchestrator: TaskOrchestrator, container: Container, specialists: Specialists
) -> None:
    async def quick(_task: TaskContext) -> str:
        return "done"

    specialists.register("quick", versioned(quick, "7"))
    await orchestrator.run(title="T", specialist_type="quick", task_id="t")

    assert (await container.get(TaskRepository).get("t")).handler_version == "7"


async def test_the_old_code_finishes_its_tasks_beside_the_new(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
) -> None:
    await begun(ONE)
    specialists.register("w", [TWO, ONE])
    new = {"title": "N", "specialist_type": "w", "task_id": "n", "completion": "auto"}
    await orchestrator.create_task(new)
    await orchestrator.signal("n", "go")
    await orchestrator.run_until_idle()

    results = [(await orchestrator.get_task_status(each)).result for each in "tn"]
    assert results == ["one", "two"]


async def test_without_the_old_code_the_task_is_left_to_others(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await begun(ONE)
    specialists.register("w", TWO)
    with caplog.at_level(logging.WARNING, "vespera"):
        await orchestrator.run_until_idle()
        refused = await orchestrator.execute_task("t")
    stands = await orchestrator.get_task_status("t")

    told = "Version '1' of 'w' is not here, only '2'"
    assert (stands.status, stands.attempt, stands.failures) == ("pending", 1, 0)
    assert told in stands.waits_for
    assert not refused.success
    assert told in str(refused.error)
    assert [record.message for record in caplog.records] == [f"{told}. Others may take them."]

    specialists.register("w", ONE)
    assert (await orchestrator.execute_task("t")).result == "one"


async def test_a_version_that_is_registered_under_a_worker_goes_on_with_its_tasks_at_once(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
    clock: VirtualClock,
) -> None:
    await begun(ONE)
    specialists.register("w", TWO)
    await orchestrator.start()
    await clock.sleep(60)
    assert (await orchestrator.get_task_status("t")).status == "pending"

    specialists.register("w", [TWO, ONE])
    done = await orchestrator.wait_for_completion("t", timeout=0.1)

    assert done.result == "one"


async def test_a_gate_leaves_it_to_others_too(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
) -> None:
    await begun(ONE)
    specialists.register("w", TWO, max_concurrent=1)
    await orchestrator.run_until_idle()
    assert (await orchestrator.get_task_status("t")).status == "pending"
    assert not (await orchestrator.execute_task("t")).success

    specialists.register("w", [TWO, ONE], max_concurrent=1)
    await orchestrator.run_until_idle()
    assert (await orchestrator.get_task_status("t")).result == "one"


@pytest.mark.parametrize(
    "now", [versioned(says("new"), "2", on_other_version="continue"), says("new")]
)
async def test_the_new_code_goes_on_where_it_says_so_or_has_no_version(
    orchestrator: TaskOrchestrator,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
    now: object,
) -> None:
    await begun(ONE)
    specialists.register("w", now)
    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("t")).result == "new"


async def test_what_the_new_code_goes_on_with_is_its_own_from_then_on(
    container: Container,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
    orchestrator: TaskOrchestrator,
) -> None:
    async def failing(_task: TaskContext) -> None:
        raise ValueError

    await begun(ONE)
    specialists.register("w", versioned(failing, "2", on_other_version="continue"))
    assert (await orchestrator.execute_task("t")).status == "failed"
    await orchestrator.retry_task("t")

    specialists.register("w", ONE)
    assert (await container.get(TaskRepository).get("t")).handler_version == "2"
    assert "Version '2' of 'w' is not here" in str((await orchestrator.execute_task("t")).error)


async def test_what_code_without_a_version_has_begun_any_version_goes_on_with(
    orchestrator: TaskOrchestrator,
    container: Container,
    specialists: Specialists,
    begun: Callable[[object], Awaitable[None]],
) -> None:
    await begun(says("old"))
    specialists.register("w", TWO)
    await orchestrator.run_until_idle()

    assert (await orchestrator.get_task_status("t")).result == "two"
    assert (await container.get(TaskRepository).get("t")).handler_version is None


class Old:
    version = "1"

    async def execute(self, _task: TaskContext) -> str:
        return "old"


class New:
    version = "2"
    on_other_version = "continue"

    async def execute(self, _task: TaskContext) -> str:
        return "new"


class Works(Container):
    specialists = providers.Aggregate(
        one=providers.Factory(Old),
        both=providers.List(providers.Factory(New), providers.Factory(Old)),
        plain=providers.Object(says("plain")),
    )


async def test_classes_that_a_container_provides_say_their_versions() -> None:
    async with Works() as container:
        known = container.get(Specialists)

        assert [known.current_version(each) for each in ("one", "both", "plain", "nobody")] == [
            *("1", "2", None, None)
        ]
        given = {"one": "0", "both": "1", "plain": "7", "nobody": "8"}
        after = {kind: known.current_version(kind, had) for kind, had in given.items()}
        assert after == {"one": "1", "both": "1", "plain": "7", "nobody": "8"}
        assert not known.takes_version("one", "2")
        assert known.takes_version("nobody", "2")
        assert known.takes_version("both", "0")
        done = await container.get(TaskOrchestrator).run(title="T", specialist_type="both")
        assert done.result == "new"
        assert await known.handler("both", "1")(None) == "old"  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("version", "policy", "field"),
    [("", "refuse", "version"), (2, "refuse", "version"), ("2", "wait", "on_other_version")],
)
def test_a_version_must_make_sense(version: object, policy: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        versioned(says("x"), version, on_other_version=policy)  # type: ignore[arg-type]

    assert refused.value.field == field


@pytest.mark.parametrize("several", [[ONE, ONE], [ONE, says("x")]])
def test_versions_side_by_side_must_be_told_apart(
    specialists: Specialists, several: list[object]
) -> None:
    with pytest.raises(InvalidRequest, match="each of several must say a version of its own"):
        specialists.register("w", several)


@pytest.mark.parametrize("said", [None, "", 7])
def test_only_text_is_a_version(said: object) -> None:
    class Says:
        version = said

    assert version_of(Says()) is None
