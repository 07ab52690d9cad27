"""What is sent to tasks."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_by_name
from vespera.infrastructure.persistence.queries.tasks import doomed
from vespera.infrastructure.persistence.tables import (
    CANCEL,
    NONE,
    ONE,
    PENDING,
    UNFINISHED,
    WAITING,
    signals,
    tasks,
)

SIGNAL_COLUMNS = tuple(signals.c.keys())
_NEWS = sa.select(tasks.c.news).where(tasks.c.id == sa.bindparam("task")).scalar_subquery()
INSERT_SIGNAL = compiled(
    sa.insert(signals).values(
        {**{name: sa.bindparam(name) for name in SIGNAL_COLUMNS}, "seq": _NEWS}
    ),
    *("task" if name == "seq" else name for name in SIGNAL_COLUMNS),
    expects=1,
)
"""Behind ``TELL``, which counts: signals stand in the order of their transactions."""
_ASLEEP = sa.and_(tasks.c.status == WAITING, tasks.c.owner.is_(None))


def news_for(receiver: sa.ColumnElement[bool]) -> sa.Update:
    """Who holds the task hears of it by the number; if nobody does, it is ready to go on."""
    return (
        sa.update(tasks)
        .where(receiver, UNFINISHED)
        .values(
            news=tasks.c.news + ONE,
            status=sa.case((_ASLEEP, PENDING), else_=tasks.c.status),
            version=tasks.c.version + sa.case((_ASLEEP, ONE), else_=NONE),
            run_after=sa.case((_ASLEEP, sa.null()), else_=tasks.c.run_after),
        )
    )


NEWS_FOR_PARENT = compiled(news_for(tasks.c.id == sa.bindparam("task")), "task")
_CANCELLED_WITH = sa.select(tasks.c.parent_id).where(
    tasks.c.id.in_(sa.select(doomed().c.id)), tasks.c.id != sa.bindparam("failed", type_=sa.Text)
)
NEWS_OF_DOOMED = compiled_by_name(news_for(tasks.c.id.in_(_CANCELLED_WITH)), "failed")
CALL_CHILDREN_OFF = compiled(
    news_for(
        (tasks.c.parent_id == sa.bindparam("parent")) & (tasks.c.on_parent_end == CANCEL)
    ).values(cancelling=sa.bindparam("reason")),
    "reason",
    "parent",
)
CALL_OFF = compiled(
    news_for(tasks.c.id == sa.bindparam("task")).values(cancelling=sa.bindparam("reason")),
    "reason",
    "task",
    expects=1,
)
CALLED_OFF = compiled(
    sa.select(tasks)
    .where(
        tasks.c.cancelling.is_not(None),
        tasks.c.owner.is_(None) | (tasks.c.owner == sa.bindparam("holder")),
        UNFINISHED,
    )
    .order_by(tasks.c.id),
    "holder",
)
TELL = compiled(news_for(tasks.c.id == sa.bindparam("task")), "task", expects=1)
OLDEST_SIGNAL = compiled(
    sa.select(signals)
    .where(
        signals.c.task_id == sa.bindparam("task"),
        signals.c.name == sa.bindparam("name"),
        signals.c.received_at.is_(None),
    )
    .order_by(signals.c.seq)
    .limit(ONE)
    .offset(NONE),
    "task",
    "name",
)
SIGNALS_OF_TASK = compiled(
    sa.select(signals).where(signals.c.task_id == sa.bindparam("task")).order_by(signals.c.seq),
    "task",
)
RECEIVE_SIGNAL = compiled(
    sa.update(signals)
    .where(
        signals.c.task_id == sa.bindparam("task"),
        signals.c.id == sa.bindparam("signal"),
        signals.c.received_at.is_(None),
    )
    .values(received_at=sa.bindparam("now")),
    "now",
    "task",
    "signal",
    expects=1,
)
