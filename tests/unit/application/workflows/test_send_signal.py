"""What is sent to tasks is kept once, or refused with the reason."""

from collections.abc import Callable

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.persistence import SignalRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import SignalId, TaskId
from vespera.domain.signal import Approval

T = TaskId("t")


@pytest.fixture
async def orchestrator(container: Container) -> TaskOrchestrator:
    orchestrator = container.get(TaskOrchestrator)
    await orchestrator.create_task(title="A", specialist_type="nobody does this", task_id="t")
    return orchestrator


async def sent(container: Container) -> list[tuple[str, str]]:
    signals = await container.get(SignalRepository).of_task(T)
    return [(signal.id, signal.name) for signal in signals]


async def test_a_signal_is_kept_under_an_id(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    result = await orchestrator.signal("t", "go", {"n": 1})

    assert (result.success, result.error, result.task_id) == (True, None, "t")
    assert await sent(container) == [(result.signal_id, "go")]


async def test_two_signals_without_ids_are_two(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    for _ in range(2):
        await orchestrator.signal("t", "go")

    assert len(await sent(container)) == 2


async def test_the_same_id_is_the_same_signal(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    first = await orchestrator.signal("t", "go", {"a": 1, "b": 2}, signal_id="s")
    again = await orchestrator.signal("t", "go", {"b": 2, "a": 1}, signal_id="s")

    assert first == again
    assert await sent(container) == [("s", "go")]


@pytest.mark.parametrize(("name", "payload"), [("go", 2), ("other", 1)])
async def test_the_same_id_with_something_else_is_refused(
    container: Container, orchestrator: TaskOrchestrator, name: str, payload: object
) -> None:
    await orchestrator.signal("t", "go", 1, signal_id="s")
    result = await orchestrator.signal("t", name, payload, signal_id="s")

    assert not result.success
    assert result.error == "signal_id: 's' was sent before, with another name or payload"
    assert await sent(container) == [("s", "go")]


async def test_two_tasks_may_have_signals_of_one_id(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.create_task(title="B", specialist_type="x", task_id="u")
    results = [await orchestrator.signal(name, "go", name, signal_id="s") for name in "tu"]

    assert [result.success for result in results] == [True, True]


async def test_an_assigned_task_keeps_signals_too(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    assigned = await orchestrator.execute_task("t")
    assert assigned.status == "assigned"

    assert (await orchestrator.signal("t", "go")).success
    assert len(await sent(container)) == 1


async def test_there_must_be_such_a_task(orchestrator: TaskOrchestrator) -> None:
    result = await orchestrator.signal("nobody", "go")

    assert result.error == "task_id: there is no task 'nobody'"


async def test_a_finished_task_takes_no_signals_but_knows_those_it_has(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    await orchestrator.signal("t", "go", 1, signal_id="s")
    await orchestrator.cancel_task("t")

    late = await orchestrator.signal("t", "go", 2)
    assert (late.success, late.error) == (False, "Task 't' (A) is cancelled.")
    assert (await orchestrator.signal("t", "go", 1, signal_id="s")).success
    assert await sent(container) == [("s", "go")]


@pytest.mark.parametrize(
    ("send", "told"),
    [
        (lambda o: o.signal("", "go"), "task_id: must not be empty"),
        (lambda o: o.signal(7, "go"), "task_id: must be text"),
        (lambda o: o.signal("\ud800", "go"), "task_id: has a NUL or a lone surrogate"),
        (lambda o: o.signal("t", ""), "name: must not be empty"),
        (lambda o: o.signal("t", None), "name: must be text"),
        (lambda o: o.signal("t", "\ud800"), "name: "),
        (lambda o: o.signal("t", "go", signal_id=""), "signal_id: must not be empty"),
        (lambda o: o.signal("t", "go", signal_id=3), "signal_id: must be text"),
        (lambda o: o.signal("t", "go", {"a": object()}), "payload"),
        (lambda o: o.signal("t", "go", "x" * 2_000_000), "payload"),
        (lambda o: o.approve("t", name=3), "name: "),
        (lambda o: o.approve("t", by=3), "by: "),
        (lambda o: o.reject("t", comment=None), "comment: "),
    ],
)
async def test_a_bad_signal_is_refused(
    container: Container, orchestrator: TaskOrchestrator, send: Callable[..., object], told: str
) -> None:
    result = await send(orchestrator)  # type: ignore[misc]

    assert not result.success
    assert result.error.startswith(told), result.error
    assert await sent(container) == []


@pytest.mark.parametrize(("name", "kept"), [("", "approval"), ("price", "approval:price")])
async def test_a_decision_is_a_signal(
    container: Container, orchestrator: TaskOrchestrator, name: str, kept: str
) -> None:
    await orchestrator.approve("t", name=name, by="ann")
    (signal,) = await container.get(SignalRepository).of_task(T)

    assert signal.name == kept
    assert signal.received_at is None


async def test_a_decision_can_also_be_sent_as_a_signal(
    container: Container, orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def ask(task: TaskContext) -> object:
        return await task.wait_for_approval("ok?")

    specialists.register("ask", ask)
    await orchestrator.create_task(title="A", specialist_type="ask", task_id="u")
    await orchestrator.signal("u", "approval", Approval(approved=False, by="bob"))
    result = await orchestrator.execute_task("u")

    assert result.result == Approval(approved=False, by="bob")
    (signal,) = await container.get(SignalRepository).of_task(TaskId("u"))
    assert signal.received_at is not None
    assert signal.id != SignalId("")
