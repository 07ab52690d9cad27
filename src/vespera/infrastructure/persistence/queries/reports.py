"""Verification reports."""

import sqlalchemy as sa

from vespera.infrastructure.persistence.file_tables import verification_reports
from vespera.infrastructure.persistence.queries.compiling import compiled, compiled_insert

INSERT_REPORT = compiled_insert(verification_reports)
REPORT_BY_ID = compiled(
    sa.select(verification_reports).where(verification_reports.c.id == sa.bindparam("report")),
    "report",
)
