"""What looks like chance comes out the same in each attempt."""

from datetime import UTC, datetime
from uuid import UUID

from vespera.domain.derived import Derived
from vespera.domain.ids import TaskId
from vespera.domain.task import Task

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
        derived.seed(""),
        derived.seed(""),
    ]


def test_the_same_task_gets_the_same_and_nobody_else_does() -> None:
    one = asked_of(a_task())
    others = [asked_of(a_task("u")), asked_of(a_task(created_at=NOON.replace(second=1)))]

    assert one == asked_of(a_task())
    assert len({*one, *others[0], *others[1]}) == 15
    assert UUID(one[0]).version == 4
    assert str(UUID(one[0])) == one[0]
