"""Who may begin, where not everybody may: limits, rates and pauses of types, pauses of tasks.

The tasks of a type with limits, or that is paused, pass a gate: they begin only by the claims of
this port. All of it is kept in the database and holds for every worker.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.flow import Gate, Limits, Traffic
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task


class Gates(Protocol):
    """Gates by specialist type. Each call is one transaction of its own, or a read."""

    async def all(self) -> Mapping[str, Gate]:
        """Every gate there is, by type."""
        ...

    async def declare(self, limits: Mapping[str, Limits]) -> None:
        """Set the limits of these types; a gate without limits goes, unless it is paused. Those of
        ``ALL_TYPES`` hold for all types together, known and unknown ones, beside their own.
        """
        ...

    async def pause_type(self, specialist_type: str, *, now: datetime) -> None:
        """Let no task of the type begin from now on. What is paused stays so since then."""
        ...

    async def resume_type(self, specialist_type: str) -> bool:
        """Undo that; whether it was paused."""
        ...

    async def pause_task(self, task_id: TaskId, *, now: datetime) -> bool:
        """Keep the task from being begun, and stop it at its next step if it runs; whether it
        could be: it is pending, running or waiting. What is paused stays so since then.
        """
        ...

    async def resume_task(self, task_id: TaskId) -> bool:
        """Undo that; whether the task was paused and is not finished."""
        ...

    async def claim_ready(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime, limit: int
    ) -> Sequence[Task]:
        """As ``TaskQueue.claim_ready``, for tasks with and without a gate: each begun attempt
        counts before the next is chosen. May give fewer than there are.
        """
        ...

    async def has_suspects(self, *, now: datetime) -> bool:
        """As ``TaskQueue.has_suspects``, of those whose gate is open."""
        ...

    async def claim_suspect(
        self, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """As ``TaskQueue.claim_suspect``, of those whose gate is open."""
        ...

    async def claim(
        self, task_id: TaskId, *, owner: OwnerId, now: datetime, lease_until: datetime
    ) -> Task | None:
        """As ``TaskQueue.claim``, for a task with a gate, if it is open."""
        ...

    async def next_due(self, *, now: datetime) -> datetime | None:
        """When the next delayed task is due whose type is not paused, or the next rate lets one
        begin that is ready.
        """
        ...

    async def traffic_of(self, task: Task, gate: Gate, *, now: datetime) -> Traffic:
        """What there is of the task's type, and of its key, and how many run behind gates."""
        ...

    async def paused_before(self, task_id: TaskId) -> Sequence[Task]:
        """Pending tasks that are paused, or whose type is: this one, and those it waits for, also
        through others.
        """
        ...
