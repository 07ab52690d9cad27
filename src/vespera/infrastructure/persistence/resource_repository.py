"""What is kept of resources, in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime

from vespera.domain.errors import ResourceNotFound
from vespera.domain.ids import ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, ResourceState
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.values import (
    from_micros,
    from_micros_if_any,
    storable_texts,
    to_mapping,
    to_micros,
    to_micros_if_any,
)

_BEHIND_ALL = "~"


class SqlResourceRepository:
    """Resources in the table ``resources``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, record: ResourceRecord) -> None:
        """See ``ResourceRepository.add``."""
        await self._database.commit([Write(sql.INSERT_RESOURCE, _row_of(record))])

    async def save(self, record: ResourceRecord) -> None:
        """See ``ResourceRepository.save``."""
        values = (
            record.state.value,
            to_micros_if_any(record.released_at),
            to_mapping(record.trace, what="trace"),
            record.error,
            record.id,
        )
        await self._database.commit([Write(sql.UPDATE_RESOURCE, values)])

    async def get(self, resource_id: ResourceId) -> ResourceRecord:
        """See ``ResourceRepository.get``."""
        if not storable_texts([resource_id]):
            raise ResourceNotFound(resource_id)
        rows = await self._database.read(sql.RESOURCE_BY_ID.sql, (resource_id,))
        if not rows:
            raise ResourceNotFound(resource_id)
        return _from_row(rows[0])

    async def unreleased(self, task_id: TaskId | None = None) -> Sequence[ResourceRecord]:
        """See ``ResourceRepository.unreleased``."""
        rows = await self._database.read(sql.UNRELEASED_RESOURCES.sql)
        records = [_from_row(row) for row in rows]
        return [one for one in records if task_id is None or one.task_id == task_id]

    async def page(
        self, *, before: ResourceId | None = None, limit: int
    ) -> Sequence[ResourceRecord]:
        """See ``ResourceRepository.page``."""
        values = (_BEHIND_ALL if before is None else before, limit)
        rows = await self._database.read(sql.PAGE_OF_RESOURCES.sql, values)
        return [_from_row(row) for row in rows]

    async def forget(self, before: datetime) -> int:
        """See ``ResourceRepository.forget``. It writes only if it has to."""
        moment = (to_micros(before),)
        ((count,),) = await self._database.read(sql.ANY_OLD_RESOURCE.sql, moment)
        if count:
            await self._database.commit([Write(sql.FORGET_RESOURCES, moment)])
        return int(count)


def _row_of(record: ResourceRecord) -> Row:
    return (
        record.id,
        record.resource_type,
        record.owner,
        record.state.value,
        record.task_id,
        to_micros(record.created_at),
        to_micros_if_any(record.released_at),
        to_mapping(record.trace, what="trace"),
        record.error,
    )


def _from_row(row: Row) -> ResourceRecord:
    resource_id, kind, owner, state, task_id, created_at, released_at, trace, error = row
    return ResourceRecord(
        id=resource_id,
        resource_type=kind,
        owner=owner,
        state=ResourceState(state),
        task_id=task_id,
        created_at=from_micros(created_at),
        released_at=from_micros_if_any(released_at),
        trace=json.loads(trace),
        error=error,
    )
