"""What is said of files, in SQL."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter

from vespera.domain.errors import OperationNotFound
from vespera.domain.file_operation import FileOperation, OperationKind, Phase
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.step import Fence
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.audit_notes import of_operation, of_withdrawal
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.fence import must_hold
from vespera.infrastructure.persistence.statements import (
    Row,
    Statement,
    Write,
    in_chunks,
)
from vespera.infrastructure.persistence.unit_of_work import store
from vespera.infrastructure.persistence.values import (
    from_arrival,
    from_micros,
    from_path,
    from_state,
    storable_texts,
    to_arrival,
    to_mapping,
    to_micros,
    to_path,
    to_state,
)


class SqlFileOperationRepository:
    """File operations in the table ``file_operations``."""

    def __init__(self, database: AsyncDatabaseManager) -> None:
        self._database = database

    async def add(self, operation: FileOperation, fence: Fence | None = None) -> None:
        """Record an operation; with a fence, in a transaction of its own also inside a unit.

        Raises:
            LeaseLost: a fence was given and the task is not held by it any more.
            DuplicateRow: the id exists already.
            UnstorableValue: ``context`` or ``metadata`` has no JSON form.
        """
        row = row_of_operation(operation)
        noted = of_operation(self._database.ledger, operation)
        await self._store(Write(sql.INSERT_OPERATION, row, audited=noted), fence)

    async def save(self, operation: FileOperation, fence: Fence | None = None) -> None:
        """Replace a recorded operation (an intent that was carried out).

        Raises:
            LeaseLost: as for ``add``.
            OperationNotFound: it was never recorded.
        """
        row = row_of_operation(operation)
        refusal = partial(OperationNotFound, operation.id)
        noted = of_operation(self._database.ledger, operation)
        values = (*row[1:], operation.id)
        await self._store(Write(sql.UPDATE_OPERATION, values, refusal, audited=noted), fence)

    async def withdraw(self, operation: FileOperation, fence: Fence, *, now: datetime) -> None:
        """Take back what did not come to be, or does not hold any more since its task failed.

        Raises:
            LeaseLost: the task is not held by the fence any more.
            OperationNotFound: it is not recorded.
        """
        noted = of_withdrawal(self._database.ledger, operation.id, fence.task_id, to_micros(now))
        refusal = partial(OperationNotFound, operation.id)
        values = (operation.id, fence.task_id)
        await self._store(Write(sql.WITHDRAW_OPERATION, values, refusal, audited=noted), fence)

    async def get(self, operation_id: OperationId) -> FileOperation:
        """The operation.

        Raises:
            OperationNotFound: there is none.
        """
        found = await self.find([operation_id])
        if operation_id not in found:
            raise OperationNotFound(operation_id)
        return found[operation_id]

    async def find(
        self, operation_ids: Collection[OperationId]
    ) -> Mapping[OperationId, FileOperation]:
        """Those of the operations that exist."""
        found = await self._many(sql.OPERATIONS_BY_ID, storable_texts(operation_ids))
        return {operation.id: operation for operation in found}

    async def of_task(self, task_id: TaskId) -> Sequence[FileOperation]:
        """The task's operations in the order of recording."""
        rows = await self._database.read(sql.OPERATIONS_OF_TASK.sql, (task_id,))
        return [operation_from_row(row) for row in rows]

    async def on_paths(self, paths: Collection[str]) -> Sequence[FileOperation]:
        """Everybody's operations on these paths, and those that lead there, in the order of
        recording.
        """
        names = [to_path(path) for path in dict.fromkeys(paths)]
        found = await self._many(sql.OPERATIONS_BY_PATH, names)
        found += await self._many(sql.OPERATIONS_BY_DESTINATION, names)
        return sorted({one.id: one for one in found}.values(), key=attrgetter("id"))

    async def all_paths(self) -> Sequence[str]:
        """Every path with a recorded operation, or to which one leads, sorted."""
        return sorted(
            from_path(row[0]) for row in await self._database.read(sql.OPERATION_PATHS.sql)
        )

    async def allowances(self) -> Sequence[FileOperation]:
        """Everybody's operations of the kind ``scope``, in the order of recording."""
        rows = await self._database.read(sql.ALLOWANCES.sql)
        return [operation_from_row(row) for row in rows]

    async def refused(self) -> Sequence[FileOperation]:
        """Everybody's attempts to leave the workspace, in the order of recording."""
        rows = await self._database.read(sql.REFUSED_OPERATIONS.sql)
        return [operation_from_row(row) for row in rows]

    async def _store(self, write: Write, fence: Fence | None) -> None:
        if fence:
            await self._database.commit([must_hold(fence), write])
        else:
            await store(self._database, [write])

    async def _many(self, statement: Statement, keys: Sequence[object]) -> list[FileOperation]:
        found = []
        for text, chunk in in_chunks(statement, keys):
            found += [operation_from_row(row) for row in await self._database.read(text, chunk)]
        return found


def row_of_operation(operation: FileOperation) -> Row:
    """The row of a file operation."""
    return (
        operation.id,
        operation.task_id,
        operation.kind.value,
        operation.phase.value,
        to_path(operation.path),
        to_state(operation.before),
        to_state(operation.after),
        None if operation.expected is None else to_state(operation.expected),
        None if operation.destination is None else to_path(operation.destination.path),
        None if operation.destination is None else to_arrival(operation.destination),
        to_micros(operation.recorded_at),
        to_mapping(operation.context, what="context"),
        to_mapping(operation.metadata, what="metadata"),
        operation.attempt,
    )


def operation_from_row(row: Row) -> FileOperation:
    """The file operation that a row holds."""
    values = dict(zip(sql.OPERATION_COLUMNS, row, strict=True))
    values["kind"] = OperationKind(values["kind"])
    values["phase"] = Phase(values["phase"])
    values["path"] = from_path(values["path"])
    values["before"] = from_state(values["before"])
    values["after"] = from_state(values["after"])
    values["expected"] = from_state(values["expected"]) if values["expected"] else None
    values["destination"] = from_arrival(values["destination"], values.pop("arrival"))
    values["recorded_at"] = from_micros(values["recorded_at"])
    values["context"] = json.loads(values["context"])
    values["metadata"] = json.loads(values["metadata"])
    return FileOperation(**values)
