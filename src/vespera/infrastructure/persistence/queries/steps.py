"""The steps of a task."""

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert

from vespera.infrastructure.persistence.queries.compiling import compiled
from vespera.infrastructure.persistence.tables import heartbeats, steps

STEP_COLUMNS = tuple(steps.c.keys())
_KEY = ("task_id", "name", "occurrence")
_NEW = sqlite.insert(steps)


def _recording(new: Insert) -> Insert:
    """In place of a wait that has not ended, or of a failure of an earlier epoch."""
    return new.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: new.excluded[name] for name in STEP_COLUMNS if name not in _KEY},
        where=steps.c.awaits.is_not(None)
        | (steps.c.error.is_not(None) & (steps.c.epoch < new.excluded.epoch)),
    )


RECORD_STEP = compiled(_recording(_NEW), *STEP_COLUMNS, expects=1)
_RESULT = [name for name in STEP_COLUMNS if name not in {"wake_at", "awaits", "error"}]
RECORD_RESULT = compiled(
    _recording(_NEW.values({n: sa.bindparam(f"row_{n}", type_=steps.c[n].type) for n in _RESULT})),
    *(f"row_{name}" for name in _RESULT),
    expects=1,
)
STEPS_OF_TASK = compiled(
    sa.select(steps).where(steps.c.task_id == sa.bindparam("task")).order_by(steps.c.seq), "task"
)
HEARTBEAT_COLUMNS = tuple(heartbeats.c.keys())
_BEAT = sqlite.insert(heartbeats)
RECORD_HEARTBEAT = compiled(
    _BEAT.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: _BEAT.excluded[name] for name in HEARTBEAT_COLUMNS if name not in _KEY},
    ),
    *HEARTBEAT_COLUMNS,
    expects=1,
)
HEARTBEATS_OF_TASK = compiled(
    sa.select(heartbeats)
    .where(heartbeats.c.task_id == sa.bindparam("task"))
    .order_by(heartbeats.c.name, heartbeats.c.occurrence),
    "task",
)
