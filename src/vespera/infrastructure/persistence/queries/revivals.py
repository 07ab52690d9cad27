"""What runs again after its end, and copies of its history."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import file_operations
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.queries.gates import GATE
from vespera.infrastructure.persistence.stored_values import StoredValue
from vespera.infrastructure.persistence.tables import (
    CANCEL,
    CANCELLED,
    COMPLETED,
    FAILED,
    NONE,
    ONE,
    PENDING,
    RUN,
    steps,
    task_dependencies,
    tasks,
)

_PARENT = tasks.alias("parent")
_ORPHANED = (
    sa.exists()
    .where(
        _PARENT.c.id == tasks.c.parent_id,
        _PARENT.c.status.in_([COMPLETED, FAILED, CANCELLED]),
        tasks.c.on_parent_end == CANCEL,
    )
    .correlate(tasks)
)
REVIVE_TASK = compiled(
    sa.update(tasks)
    .where(
        tasks.c.id == sa.bindparam("task"),
        tasks.c.version == sa.bindparam("old_version"),
        tasks.c.owner.is_(None),
        ~_ORPHANED,
    )
    .values(
        status=PENDING,
        version=tasks.c.version + ONE,
        failures=NONE,
        crashes=NONE,
        run_after=sa.null(),
        paused_at=sa.null(),
        updated_at=sa.bindparam("now"),
        report_id=sa.null(),
        undoable=sa.bindparam("undoable"),
        cancelling=sa.null(),
        gate=GATE,
        retries=tasks.c.retries + ONE,
        error=sa.null(),
        outcome=sa.null(),
    ),
    "now",
    "undoable",
    "task",
    "old_version",
    expects=1,
)
AGE_STEPS = compiled(
    sa.update(steps)
    .where(steps.c.task_id == sa.bindparam("task"))
    .values(epoch=steps.c.epoch - sa.bindparam("epochs")),
    "epochs",
    "task",
)
_THIS_STEP = sa.and_(
    steps.c.task_id == sa.bindparam("task"),
    steps.c.name == sa.bindparam("step"),
    steps.c.occurrence == sa.bindparam("which"),
)
UNDO_STEP = compiled(
    sa.update(steps)
    .where(_THIS_STEP)
    .values(value=sa.null(), error=sa.bindparam("undone", type_=StoredValue)),
    "undone",
    "task",
    "step",
    "which",
    expects=1,
)
FORGET_STEP = compiled(sa.delete(steps).where(_THIS_STEP), "task", "step", "which", expects=1)
WITHDRAW_OPERATION = compiled(
    sa.delete(file_operations).where(
        file_operations.c.id == sa.bindparam("operation"),
        file_operations.c.task_id == sa.bindparam("task"),
    ),
    "operation",
    "task",
    expects=1,
)
_RUNS_ALL_THE_SAME = sa.select(tasks.c.id).where(tasks.c.on_failed_dependency == RUN)
FREE_FOR_GOOD = compiled(
    sa.update(task_dependencies)
    .where(
        task_dependencies.c.depends_on == sa.bindparam("task"),
        task_dependencies.c.task_id.in_(_RUNS_ALL_THE_SAME),
    )
    .values(freed=ONE),
    "task",
)
CHILDREN_OF_TASKS = compiled(
    sa.select(tasks).where(one_of_many(tasks.c.parent_id)).order_by(tasks.c.id)
)
_WAITING = sa.select(task_dependencies.c.task_id).where(one_of_many(task_dependencies.c.depends_on))
DEPENDENTS_OF_TASKS = compiled(
    sa.select(tasks).where(tasks.c.id.in_(_WAITING)).order_by(tasks.c.id)
)
COPY_STEP = compiled_insert(steps)
