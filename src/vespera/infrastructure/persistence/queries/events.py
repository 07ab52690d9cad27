"""What happened, how far tasks have come, and how many are finished."""

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.tables import NONE, ONE, events, progress, task_counts

_LAST = events.alias("last")
_MARK_BEFORE = sa.select(_LAST.c.mark).order_by(_LAST.c.id.desc()).limit(ONE).offset(NONE)
TELL_EVENTS = compiled(
    sa.insert(events).from_select(
        ["mark", "entries"],
        sa.select(
            sa.func.max(
                sa.bindparam("at", type_=sa.BigInteger),
                sa.func.coalesce(_MARK_BEFORE.scalar_subquery(), NONE),
            ),
            sa.bindparam("entries", type_=sa.Text),
        ),
        include_defaults=False,
    ),
    "at",
    "entries",
    expects=1,
)
_ROWS = (
    sa.select(events.c.id, events.c.entries)
    .where(events.c.id >= sa.bindparam("first"))
    .order_by(events.c.id)
)
PAGE_OF_EVENTS = compiled(_ROWS.limit(sa.bindparam("rows")).offset(NONE), "first", "rows")
PAGE_OF_EVENTS_ABOUT = compiled(
    _ROWS.where(sa.func.instr(events.c.entries, sa.bindparam("text", type_=sa.Text)) > NONE)
    .limit(sa.bindparam("rows"))
    .offset(NONE),
    "first",
    "text",
    "rows",
)
RANGE_OF_EVENTS = compiled(sa.select(sa.func.min(events.c.id), sa.func.max(events.c.id)))
MARK_FROM = compiled(
    sa.select(events.c.id, events.c.mark)
    .where(events.c.id >= sa.bindparam("first"))
    .order_by(events.c.id)
    .limit(ONE)
    .offset(NONE),
    "first",
)
NEWEST_EVENTS = compiled(
    sa.select(events.c.id, sa.func.json_array_length(events.c.entries))
    .order_by(events.c.id.desc())
    .limit(ONE)
    .offset(NONE)
)
_OLDEST = sa.select(events.c.id).order_by(events.c.id).limit(sa.bindparam("how_many")).offset(NONE)
FORGET_EVENTS = compiled(
    sa.delete(events)
    .where(
        events.c.id.in_(_OLDEST),
        events.c.mark < sa.bindparam("before"),
        events.c.id < sa.select(sa.func.max(_LAST.c.id)).scalar_subquery(),
    )
    .returning(events.c.id),
    "how_many",
    "before",
    returns=True,
)

PROGRESS_COLUMNS = tuple(progress.c.keys())
_NEW = sqlite.insert(progress)
RECORD_PROGRESS = compiled(
    _NEW.on_conflict_do_update(
        index_elements=["task_id"],
        set_={name: _NEW.excluded[name] for name in PROGRESS_COLUMNS if name != "task_id"},
    ),
    *PROGRESS_COLUMNS,
    expects=1,
)
PROGRESS_OF_TASK = compiled(
    sa.select(progress).where(progress.c.task_id == sa.bindparam("task")), "task"
)

_COUNT = sqlite.insert(task_counts)
COUNT_TASKS = compiled(
    _COUNT.on_conflict_do_update(
        index_elements=["specialist_type", "status"],
        set_={"total": task_counts.c.total + _COUNT.excluded.total},
    ),
    *task_counts.c.keys(),
    expects=1,
)
