"""What looks like chance comes out the same in each attempt."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from vespera import Container, RetryPolicy, TaskContext, TaskExecutionWorkflow
from vespera.application.runtime.derived import Derived
from vespera.application.runtime.specialists import Specialists
from vespera.domain.ids import TaskId
from vespera.domain.task import Task
from vespera.testing import VirtualClock

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def a_task(task_id: str = "t", created_at: datetime = NOON) -> Task:
    return Task(
        id=TaskId(task_id),
        title="A",
        description="",
        specialist_type="coder",
        payload=b"",
        created_at=created_at,
        updated_at=created_at,
    )


def asked_of(task: Task) -> list[object]:
    derived = Derived(task)
    return [
        derived.uuid(""),
        derived.uuid(""),
        derived.uuid("b"),
        derived.random("").random(),
        derived.random("").random(),
    ]


def test_the_same_task_gets_the_same_and_nobody_else_does() -> None:
    one = asked_of(a_task())
    others = [asked_of(a_task("u")), asked_of(a_task(created_at=NOON.replace(second=1)))]

    assert one == asked_of(a_task())
    assert len({*one, *others[0], *others[1]}) == 15
    assert UUID(one[0]).version == 4
    assert str(UUID(one[0])) == one[0]


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
