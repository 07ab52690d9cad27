"""The journal of rollbacks."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OperationId, OwnerId, RollbackId, TaskId
from vespera.domain.rollback import Rollback, RollbackState, StepRow


class RollbackRepository(Protocol):
    """Rollbacks and their steps. Each write is a transaction of its own, also inside a unit of
    work, and durable when it returns.
    """

    async def begin(self, rollback: Rollback) -> None:
        """Keep a rollback that is being planned.

        Raises:
            RollbackBusy: another one is under way.
        """
        ...

    async def take_over(self, rollback: Rollback, owner: OwnerId, now: datetime) -> Rollback:
        """Let somebody else go on with one that is under way; gives it as it is then.

        Raises:
            RollbackBusy: it has another owner than ``rollback`` says, or is over.
        """
        ...

    async def plan(self, rollback: Rollback, steps: Sequence[StepRow], now: datetime) -> None:
        """Keep the steps; from now on it is acting.

        Raises:
            RollbackBusy: it has another owner, or is not being planned.
        """
        ...

    async def announce(
        self,
        rollback: Rollback,
        steps: Sequence[StepRow],
        operations: Sequence[FileOperation],
        now: datetime,
    ) -> None:
        """Keep that these steps are begun, and record their intents.

        Raises:
            RollbackBusy: it has another owner, or is not acting.
        """
        ...

    async def settle(
        self,
        rollback: Rollback,
        steps: Sequence[StepRow],
        operations: Sequence[FileOperation],
        withdrawn: Collection[OperationId],
        now: datetime,
    ) -> None:
        """Keep what became of steps; record the operations in place of their intents, and remove
        those that were announced and not done.

        Raises:
            RollbackBusy: it has another owner, or is not acting.
        """
        ...

    async def finish(self, rollback: Rollback, state: RollbackState, now: datetime) -> None:
        """Keep that it is over.

        Raises:
            RollbackBusy: it has another owner, or is over.
        """
        ...

    async def get(self, rollback_id: RollbackId) -> Rollback | None:
        """The rollback, if there is one of this id."""
        ...

    async def of_task(self, task_id: TaskId) -> Sequence[Rollback]:
        """The rollbacks of this task's changes, oldest first."""
        ...

    async def under_way(self) -> Rollback | None:
        """The one that is not over, if there is one."""
        ...

    async def steps_of(self, rollback_id: RollbackId) -> Sequence[StepRow]:
        """Its steps, in order."""
        ...
