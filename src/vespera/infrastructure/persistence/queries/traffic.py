"""What is told of gates: how full they are, and what waits for those that are paused."""

from typing import Any

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_by_name
from vespera.infrastructure.persistence.queries.gates import (
    IN_WINDOW,
    IS_RUNNING,
    PAUSED_TYPES,
    now,
    running_tasks,
)
from vespera.infrastructure.persistence.tables import (
    NO_GATE,
    NONE,
    PENDING,
    starts,
    task_dependencies,
    tasks,
)


def _counted(table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*conditions).scalar_subquery()


def _traffic() -> sa.ClauseElement:
    def text(name: str) -> sa.BindParameter[str]:
        return sa.bindparam(name, type_=sa.Text)

    def since(name: str) -> sa.ColumnElement[bool]:
        return starts.c.began_at > now() - sa.bindparam(name, type_=sa.BigInteger)

    running = sa.and_(IS_RUNNING, running_tasks.c.gate == text("type"))
    begun = sa.and_(starts.c.specialist_type == text("type"), IN_WINDOW)
    return sa.select(
        _counted(running_tasks, IS_RUNNING),
        _counted(running_tasks, running),
        _counted(running_tasks, running, running_tasks.c.concurrency_key == text("key")),
        _counted(starts, begun, since("per")),
        _counted(starts, begun, since("key_per"), starts.c.concurrency_key == text("key")),
    )


TRAFFIC = compiled_by_name(_traffic(), "type", "key", "now", "per", "key_per")


def _paused_before() -> sa.Select[Any]:
    awaited = sa.select(sa.bindparam("task", type_=sa.Text).label("id")).cte(
        "awaited", recursive=True
    )
    middle = tasks.alias("middle")
    further = (
        sa.select(task_dependencies.c.depends_on)
        .join(middle, middle.c.id == task_dependencies.c.task_id)
        .join(awaited, awaited.c.id == middle.c.id)
        .where(middle.c.status == PENDING, task_dependencies.c.freed == NONE)
    )
    return (
        sa.select(tasks)
        .where(
            tasks.c.id.in_(sa.select(awaited.union(further).c.id)),
            tasks.c.status == PENDING,
            tasks.c.paused_at.is_not(None)
            | sa.and_(tasks.c.gate != NO_GATE, tasks.c.specialist_type.in_(PAUSED_TYPES)),
        )
        .order_by(tasks.c.id)
    )


PAUSED_BEFORE_TASK = compiled(_paused_before(), "task")
