"""What type checkers make of retries and forks. Checked by mypy and basedpyright, never run."""

from typing import assert_type

from vespera import TaskContext, TaskOrchestrator, TaskResult, versioned


async def again(task: TaskContext, orchestrator: TaskOrchestrator) -> None:
    retried = await orchestrator.retry_task("t", reason="mended", dependents=True)
    assert_type(retried, TaskResult)
    assert_type(retried.retried[0].upper(), str)
    forked = await orchestrator.fork_task("t", from_step=("a", 2), payload={"any": 1})
    assert_type(forked, TaskResult)
    await orchestrator.fork_task("t", from_step=2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await orchestrator.fork_task("t", payload=[1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await orchestrator.retry_task("t", "mended")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(await task.patched("change"), bool)


versioned(print, 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(versioned(print, "2", on_other_version="continue").version, str)
