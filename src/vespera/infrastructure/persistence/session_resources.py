"""Sessions with Vespera's own database, as resources."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from vespera.application.ports.resources import Held
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, checked_mapping, checked_word, only_known
from vespera.infrastructure.persistence.database import AsyncDatabaseManager


class DatabaseSessions:
    """Opens a SQLAlchemy session on the container's database; see ``AsyncDatabaseManager.session``.

    What was not committed is rolled back when it is released. Once it has written, everybody else's
    writes wait for its commit: those of other resources, too.

    Configuration: none. Value: the ``AsyncSession``. Operations: ``execute(statement, values)`` for
    its rows as mappings, ``commit()`` and ``rollback()``.
    """

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        only_known(configuration, ())
        return {}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``."""
        async with self._database.session() as session:

            async def execute(statement: str, values: object = None) -> Sequence[Mapping[str, Any]]:
                from sqlalchemy import text  # noqa: PLC0415  # it takes its time

                query = text(checked_word(statement, "statement"))
                result: Any = await session.execute(query, checked_mapping(values, "values"))
                return [dict(row) for row in result.mappings()] if result.returns_rows else []

            operations: Mapping[str, Callable[..., object]] = {
                "execute": execute,
                "commit": session.commit,
                "rollback": session.rollback,
            }
            yield Held(value=session, operations=operations)

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``. Its transaction ends with the process."""
        return ()

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``."""
