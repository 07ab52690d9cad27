"""What else is read and written of a task as a whole."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import verification_reports
from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert
from vespera.infrastructure.persistence.tables import signals, task_dependencies, tasks

_RELATIVE = (tasks.c.id, tasks.c.title, tasks.c.status)
TASK_BY_ID = compiled(sa.select(tasks).where(tasks.c.id == sa.bindparam("task")), "task")
RELATIVES_AWAITED = compiled(
    sa.select(*_RELATIVE, task_dependencies.c.freed)
    .join(task_dependencies, task_dependencies.c.depends_on == tasks.c.id)
    .where(task_dependencies.c.task_id == sa.bindparam("task"))
    .order_by(task_dependencies.c.position),
    "task",
)
RELATIVES_SPAWNED = compiled(
    sa.select(*_RELATIVE).where(tasks.c.parent_id == sa.bindparam("task")).order_by(tasks.c.id),
    "task",
)
REPORT_OF_TASK = compiled(
    sa.select(verification_reports)
    .join(tasks, tasks.c.report_id == verification_reports.c.id)
    .where(tasks.c.id == sa.bindparam("task")),
    "task",
)
INSERT_OLD_SIGNAL = compiled_insert(signals)
