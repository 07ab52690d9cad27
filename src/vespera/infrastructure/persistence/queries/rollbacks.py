"""The journal of rollbacks."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import (
    file_operations,
    rollback_steps,
    rollbacks,
)
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
)
from vespera.infrastructure.persistence.tables import ONE

ROLLBACK_COLUMNS = tuple(rollbacks.c.keys())
ROLLBACK_STEP_COLUMNS = tuple(rollback_steps.c.keys())
INSERT_ROLLBACK = compiled_insert(rollbacks)
_HELD = sa.and_(
    rollbacks.c.id == sa.bindparam("rollback"),
    rollbacks.c.owner == sa.bindparam("held_by"),
    rollbacks.c.under_way == ONE,
)
TAKE_ROLLBACK_OVER = compiled(
    sa.update(rollbacks)
    .where(_HELD)
    .values(owner=sa.bindparam("new_owner"), heard_at=sa.bindparam("now")),
    "new_owner",
    "now",
    "rollback",
    "held_by",
    expects=1,
)
HEAR_OF_ROLLBACK = compiled(
    sa.update(rollbacks)
    .where(_HELD, rollbacks.c.state == sa.bindparam("known"))
    .values(heard_at=sa.bindparam("now"), state=sa.bindparam("new_state")),
    "now",
    "new_state",
    "rollback",
    "held_by",
    "known",
    expects=1,
)
FINISH_ROLLBACK = compiled(
    sa.update(rollbacks)
    .where(_HELD)
    .values(heard_at=sa.bindparam("now"), state=sa.bindparam("new_state"), under_way=sa.null()),
    "now",
    "new_state",
    "rollback",
    "held_by",
    expects=1,
)
ROLLBACK_BY_ID = compiled(
    sa.select(rollbacks).where(rollbacks.c.id == sa.bindparam("rollback")), "rollback"
)
ROLLBACKS_OF_TASK = compiled(
    sa.select(rollbacks)
    .where(rollbacks.c.task_id == sa.bindparam("task"))
    .order_by(rollbacks.c.id),
    "task",
)
ROLLBACK_UNDER_WAY = compiled(sa.select(rollbacks).where(rollbacks.c.under_way == ONE))
INSERT_ROLLBACK_STEP = compiled_insert(rollback_steps)
UPDATE_ROLLBACK_STEP = compiled(
    sa.update(rollback_steps)
    .where(
        rollback_steps.c.rollback_id == sa.bindparam("rollback"),
        rollback_steps.c.number == sa.bindparam("place"),
    )
    .values(
        begun=sa.bindparam("new_begun"),
        over=sa.bindparam("new_over"),
        conflict=sa.bindparam("new_conflict"),
    ),
    "new_begun",
    "new_over",
    "new_conflict",
    "rollback",
    "place",
    expects=1,
)
STEPS_OF_ROLLBACK = compiled(
    sa.select(rollback_steps)
    .where(rollback_steps.c.rollback_id == sa.bindparam("rollback"))
    .order_by(rollback_steps.c.number),
    "rollback",
)
WITHDRAW_INTENT = compiled(
    sa.delete(file_operations).where(file_operations.c.id == sa.bindparam("operation")),
    "operation",
)
