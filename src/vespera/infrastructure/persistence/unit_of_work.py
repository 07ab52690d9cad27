"""Units of work: what is written in one block is one transaction."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

from vespera.domain.errors import ForeignUnitOfWork, NestedUnitOfWork
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.statements import Write


class SqlUnitOfWork:
    """Opens units of work: ``async with unit_of_work():``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Open a unit for the block, in the asyncio task that runs it.

        All that the repositories of this database write in the block is buffered, and committed
        when the block ends; an error in the block drops it. Reads in the block see committed
        state only.

        Raises (at the block's beginning):
            NestedUnitOfWork: the task has a unit open already.

        Raises (at the block's end):
            VesperaError: a write was refused, or the storage is in trouble; nothing was written.
            asyncio.CancelledError: with ``outcome`` set where the commit had been handed over.
        """
        return _Block(self._database)


def store(database: AsyncDatabaseManager, writes: Sequence[Write]) -> Awaitable[object]:
    """Add the writes to the open unit of work, or commit them as a unit of their own.

    Raises (when it is awaited):
        ForeignUnitOfWork: the open unit belongs to another asyncio task.
        VesperaError: as ``AsyncDatabaseManager.commit``, where no unit is open.
    """
    unit = _open_unit(database)
    return database.commit(writes) if unit is None else unit.add(writes)


class _Block:
    """The block of a unit; a class rather than a generator, as it is on the hot path."""

    __slots__ = ("_database", "_unit")

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database
        self._unit: _OpenUnit | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        found = _open_unit(self._database)
        if found is not None and found.task is task:
            raise NestedUnitOfWork(
                f"The asyncio task {_name_of(task)} opened a unit of work of"
                f" {_place_of(self._database)} inside another one that it has open. Leave the inner"
                " 'async with unit_of_work()' out: what it would commit is committed with the"
                " outer one. What must be committed alone is done before it or after it."
            )
        self._unit = _OpenUnit(self._database, task, _innermost.get())
        _innermost.set(self._unit)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        unit, self._unit = self._unit, None
        if unit is not None:
            unit.is_open = False
            _innermost.set(unit.outer)
            if kind is None and unit.writes:
                await self._database.commit(unit.writes)


@dataclass(slots=True)
class _OpenUnit:
    database: AsyncDatabaseManager
    task: "asyncio.Task[object] | None"
    outer: "_OpenUnit | None"
    writes: list[Write] = field(default_factory=list)
    is_open: bool = True

    async def add(self, writes: Sequence[Write]) -> None:
        if self.task is not (writing := asyncio.current_task()):
            raise ForeignUnitOfWork(
                f"The asyncio task {_name_of(writing)} wrote into the unit of work of"
                f" {_place_of(self.database)} that the task {_name_of(self.task)} has open. Write"
                " in the task that opened it, or open a unit of its own in the other one."
            )
        self.writes.extend(writes)


def _name_of(task: "asyncio.Task[object] | None") -> str:
    return repr(task.get_name()) if task else "of no name"


def _place_of(database: AsyncDatabaseManager) -> str:
    return str(database.path or "the database in memory")


_innermost: ContextVar[_OpenUnit | None] = ContextVar("unit_of_work", default=None)
"""Units of several databases may be open at once; each knows the one around it."""


def _open_unit(database: AsyncDatabaseManager) -> _OpenUnit | None:
    unit = _innermost.get()
    while unit is not None and not (unit.is_open and unit.database is database):
        unit = unit.outer
    return unit
