"""What of the store of contents the database refers to."""

from collections.abc import Collection
from datetime import datetime

from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.values import from_path, to_micros

_EVER = -(2**63)


class SqlContentReferences:
    """The digests in the table ``file_operations``: of states before, after, and expected."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def digests(self, since: datetime | None) -> Collection[str]:
        """See ``ContentReferences.digests``."""
        moment = _EVER if since is None else to_micros(since)
        rows = await self._database.read(sql.CONTENTS_OF_OPERATIONS.sql, {"since": moment})
        return {digest for _, digest in rows}

    async def digests_by_path(self) -> Collection[tuple[str, str]]:
        """See ``ContentReferences.digests_by_path``."""
        rows = await self._database.read(sql.CONTENTS_OF_OPERATIONS.sql, {"since": _EVER})
        return [(from_path(path), digest) for path, digest in rows]
