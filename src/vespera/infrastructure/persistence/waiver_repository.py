"""Waivers, in SQL."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from vespera.domain.errors import WaiverNotFound
from vespera.domain.file_operation import OperationKind
from vespera.domain.ids import TaskId, WaiverId
from vespera.domain.verdict import Verdict
from vespera.domain.waiver import Waiver
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Write, in_chunks
from vespera.infrastructure.persistence.values import (
    from_micros,
    from_path,
    from_state,
    plain_state,
    state_from_plain,
    storable_texts,
    to_json,
    to_micros,
    to_path,
    to_state,
)

_BEHIND_ALL = "~"


class SqlWaivers:
    """Waivers in the table ``waivers``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, waivers: Sequence[Waiver]) -> None:
        """See ``Waivers.add``."""
        await self._database.commit([Write(sql.INSERT_WAIVER, _row_of(one)) for one in waivers])

    async def revoke(self, waiver_id: WaiverId, *, by: str, at: datetime) -> Waiver:
        """See ``Waivers.revoke``."""
        if not storable_texts([waiver_id]):
            raise WaiverNotFound(waiver_id)
        await self._database.commit([Write(sql.REVOKE_WAIVER, (by, to_micros(at), waiver_id))])
        rows = await self._database.read(sql.WAIVER_BY_ID.sql, (waiver_id,))
        if not rows:
            raise WaiverNotFound(waiver_id)
        return _from_row(rows[0])

    async def of_tasks(self, task_ids: Collection[TaskId]) -> Sequence[Waiver]:
        """See ``Waivers.of_tasks``."""
        found = []
        for text, chunk in in_chunks(sql.WAIVERS_OF_TASKS, storable_texts(task_ids)):
            found += [_from_row(row) for row in await self._database.read(text, chunk)]
        return sorted(found, key=lambda waiver: waiver.id)

    async def page(self, *, before: WaiverId | None = None, limit: int) -> Sequence[Waiver]:
        """See ``Waivers.page``."""
        values = (_BEHIND_ALL if before is None else before, limit)
        rows = await self._database.read(sql.PAGE_OF_WAIVERS.sql, values)
        return [_from_row(row) for row in rows]


def _row_of(waiver: Waiver) -> Row:
    return (
        waiver.id,
        waiver.task_id,
        waiver.operation_id,
        waiver.kind.value,
        to_path(waiver.path),
        waiver.verdict.value,
        to_state(waiver.before),
        to_state(waiver.after),
        to_json([plain_state(state) for state in waiver.now], what="now"),
        waiver.by,
        waiver.reason,
        to_micros(waiver.waived_at),
        waiver.revoked_by,
        None if waiver.revoked_at is None else to_micros(waiver.revoked_at),
    )


def _from_row(row: Row) -> Waiver:
    *whose, kind, path, verdict, before, after, now, by, reason, waived_at, revoker, revoked = row
    waiver_id, task_id, operation_id = whose
    return Waiver(
        id=waiver_id,
        task_id=task_id,
        operation_id=operation_id,
        kind=OperationKind(kind),
        path=from_path(path),
        verdict=Verdict(verdict),
        before=from_state(before),
        after=from_state(after),
        now=tuple(state_from_plain(state) for state in json.loads(now)),
        by=by,
        reason=reason,
        waived_at=from_micros(waived_at),
        revoked_by=revoker,
        revoked_at=None if revoked is None else from_micros(revoked),
    )
