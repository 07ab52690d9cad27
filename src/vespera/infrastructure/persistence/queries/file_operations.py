"""Operations on files."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_insert,
    one_of_many,
)
from vespera.infrastructure.persistence.tables import file_operations

OPERATION_COLUMNS = tuple(file_operations.c.keys())
INSERT_OPERATION = compiled_insert(file_operations)
UPDATE_OPERATION = compiled(
    sa.update(file_operations)
    .where(file_operations.c.id == sa.bindparam("old_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in OPERATION_COLUMNS[1:]}),
    *(f"new_{name}" for name in OPERATION_COLUMNS[1:]),
    "old_id",
    expects=1,
)
OPERATIONS_BY_ID = compiled(sa.select(file_operations).where(one_of_many(file_operations.c.id)))
OPERATIONS_BY_PATH = compiled(sa.select(file_operations).where(one_of_many(file_operations.c.path)))
OPERATIONS_BY_DESTINATION = compiled(
    sa.select(file_operations).where(
        one_of_many(file_operations.c.destination), file_operations.c.destination.is_not(None)
    )
)
OPERATIONS_OF_TASK = compiled(
    sa.select(file_operations)
    .where(file_operations.c.task_id == sa.bindparam("task"))
    .order_by(file_operations.c.id),
    "task",
)
OPERATION_PATHS = compiled(
    sa.union(
        sa.select(file_operations.c.path),
        sa.select(file_operations.c.destination).where(file_operations.c.destination.is_not(None)),
    )
)
