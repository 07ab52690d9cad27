"""Circuits of breakers, in SQL."""

from collections.abc import Mapping

from vespera.domain.circuit import CLOSED, Circuit
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Row, Write
from vespera.infrastructure.persistence.values import storable_texts

_FIELDS = sql.BREAKER_COLUMNS[1:]


class SqlBreakers:
    """Circuits in the table ``breakers``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def get(self, name: str) -> Circuit:
        """See ``Breakers.get``."""
        if not storable_texts([name]):
            return CLOSED
        rows = await self._database.read(sql.BREAKER_BY_NAME.sql, (name,))
        return _from_row(rows[0]) if rows else CLOSED

    async def all(self) -> Mapping[str, Circuit]:
        """See ``Breakers.all``."""
        rows = await self._database.read(sql.ALL_BREAKERS.sql)
        return {row[0]: _from_row(row) for row in rows}

    async def save(self, name: str, circuit: Circuit) -> bool:
        """See ``Breakers.save``."""
        values = [getattr(circuit, field) for field in _FIELDS]
        if circuit.version == 1:
            write = Write(sql.INSERT_BREAKER, (name, *values))
        else:
            write = Write(sql.UPDATE_BREAKER, (*values, name, circuit.version - 1))
        (rows,) = await self._database.commit([write])
        return bool(rows)


def _from_row(row: Row) -> Circuit:
    _, *values = row
    return Circuit(**dict(zip(_FIELDS, values, strict=True)))
