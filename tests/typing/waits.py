"""What type checkers make of waits. Checked by mypy and basedpyright, never run."""

from datetime import UTC, datetime, timedelta
from typing import assert_type

from vespera import TaskContext, TaskOrchestrator, TaskOutcome


async def waits(task: TaskContext, orchestrator: TaskOrchestrator) -> None:
    assert_type(await task.sleep(timedelta(days=1)), None)
    assert_type(await task.sleep_until(datetime.now(UTC)), None)
    assert_type(await task.wait_for_signal("go"), object)
    assert_type(await task.wait_for_signal("go", returns=int), int)
    assert_type(await task.wait_for_signal("go", returns=TaskOutcome, timeout=5), TaskOutcome)
    assert_type(await task.wait_for_signal("go", returns=list[int]), list[int])
    await task.wait_for_signal("go", returns=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await task.sleep("soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    decision = await task.wait_for_approval("ok?", name="price")
    assert_type(decision.by, str)
    assert_type(bool(decision), bool)
    sent = await orchestrator.signal("t", "go", {"any": "value"}, signal_id="s")
    assert_type(sent.success, bool)
    assert_type((await orchestrator.approve("t", by="ann")).error, str | None)


async def children(task: TaskContext) -> None:
    number = await task.spawn(title="n", specialist_type="count", returns=int)
    names = await task.spawn(title="s", specialist_type="name", returns=list[str])
    assert_type(await number.result(), int)
    assert_type(await names.result(), list[str])
    assert_type(await task.gather(number, number), list[int])
    several: list[object] = await task.gather(number, names)  # of different types
    assert several
    anything = await task.spawn(title="x", specialist_type="count")
    assert_type(await anything.result(), object)
