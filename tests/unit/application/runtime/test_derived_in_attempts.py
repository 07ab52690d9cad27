"""What a handler is given by chance, it is given again."""

from collections.abc import Awaitable, Callable

from vespera import Container, RetryPolicy, TaskContext, TaskExecutionWorkflow
from vespera.application.runtime.specialists import Specialists
from vespera.testing import VirtualClock


async def test_a_second_attempt_gets_what_the_first_one_got(
    container: Container, specialists: Specialists, clock: VirtualClock
) -> None:
    seen: list[object] = []

    async def handler(task: TaskContext) -> None:
        seen.append((await task.now(), task.uuid(), task.uuid("b"), task.random().random()))
        await clock.sleep(5)
        assert await task.now() > seen[0][0]
        if task.attempt == 1:
            raise OSError("down")

    specialists.register("coder", handler)
    run: Callable[..., Awaitable[object]] = container.get(TaskExecutionWorkflow).run

    result = await run(title="A", specialist_type="coder", retry=RetryPolicy(max_attempts=2))

    assert result.success, result.error
    assert seen[0] == seen[1]
