"""Operations on files."""

from typing import Any

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import file_operations
from vespera.infrastructure.persistence.queries.compiling import (
    compiled,
    compiled_by_name,
    compiled_insert,
    one_of_many,
)

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
IS_ALLOWANCE = file_operations.c.kind == sa.literal_column("'scope'")
ALLOWANCES = compiled(sa.select(file_operations).where(IS_ALLOWANCE).order_by(file_operations.c.id))
IS_REFUSED = file_operations.c.phase == sa.literal_column("'refused'")
REFUSED_OPERATIONS = compiled(
    sa.select(file_operations).where(IS_REFUSED).order_by(file_operations.c.id)
)
OPERATION_PATHS = compiled(
    sa.union(
        sa.select(file_operations.c.path).where(~IS_ALLOWANCE, ~IS_REFUSED),
        sa.select(file_operations.c.destination).where(file_operations.c.destination.is_not(None)),
    )
)


def _contents_in(column: sa.Column[Any]) -> sa.Select[Any]:
    """The digest in a state, which is stored as ``["file", digest, size, mode]``."""
    is_file = column.startswith(sa.literal_column("""'["file",'"""))
    digest = sa.func.json_extract(column, sa.literal_column("'$[1]'"))
    since = sa.bindparam("since", type_=sa.BigInteger())
    return sa.select(file_operations.c.path, digest.label("digest")).where(
        is_file, file_operations.c.recorded_at >= since
    )


def _contents_arrived(place: int) -> sa.Select[Any]:
    """The digest in one of the states at a destination: of before (0), or of after (1)."""
    kind, digest = (
        sa.func.json_extract(file_operations.c.arrival, sa.literal_column(f"'$[{place}][{field}]'"))
        for field in (0, 1)
    )
    since = sa.bindparam("since", type_=sa.BigInteger())
    return sa.select(file_operations.c.destination, digest).where(
        file_operations.c.destination.is_not(None),
        kind == sa.literal_column("'file'"),
        file_operations.c.recorded_at >= since,
    )


CONTENTS_OF_OPERATIONS = compiled_by_name(
    sa.union(
        *map(
            _contents_in,
            (file_operations.c.before, file_operations.c.after, file_operations.c.expected),
        ),
        *map(_contents_arrived, (0, 1)),
    ),
    "since",
)
