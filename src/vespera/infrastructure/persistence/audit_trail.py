"""The audit trail, in SQL; the writer's ledger makes its chain."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from vespera.domain.audit import NO_ENTRY, AuditEntry, AuditHead, canonical, checked_kind
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import AuditNote, Write
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import to_micros


class SqlAuditTrail:
    """Entries in the table ``audit_entries``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    @property
    def is_on(self) -> bool:
        """See ``AuditTrail.is_on``."""
        return self._database.ledger.audits

    async def append(self, kind: str, at: datetime, payload: Mapping[str, object]) -> None:
        """See ``AuditTrail.append``."""
        note = AuditNote(to_micros(at), checked_kind(kind), canonical(payload))
        if self.is_on:
            await store(self._database, [Write(sql.NOTHING, (), audited=(note,))])

    async def page(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """See ``AuditTrail.page``."""
        rows = await self._database.read(sql.PAGE_OF_AUDIT.sql, (after, max(limit, 0)))
        return [
            AuditEntry(number=number, at=at, kind=kind, payload=payload, hash=told)
            for number, at, kind, payload, told in rows
        ]

    async def head(self) -> AuditHead:
        """See ``AuditTrail.head``."""
        rows = await self._database.read(sql.HEAD_OF_AUDIT.sql)
        return AuditHead(*rows[0]) if rows else NO_ENTRY
