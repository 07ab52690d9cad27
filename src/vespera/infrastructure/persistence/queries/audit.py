"""The audit trail."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import audit_entries
from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert

ENTER_AUDIT = compiled_insert(audit_entries)
PAGE_OF_AUDIT = compiled(
    sa.select(audit_entries)
    .where(audit_entries.c.number > sa.bindparam("after"))
    .order_by(audit_entries.c.number)
    .limit(sa.bindparam("rows"))
    .offset(sa.literal_column("0")),
    "after",
    "rows",
)
HEAD_OF_AUDIT = compiled(
    sa.select(audit_entries.c.number, audit_entries.c.hash)
    .order_by(audit_entries.c.number.desc())
    .limit(sa.literal_column("1"))
    .offset(sa.literal_column("0"))
)
NOTHING = compiled(sa.select(sa.literal_column("1")), returns=True)
