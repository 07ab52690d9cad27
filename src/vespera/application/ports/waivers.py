"""What is kept of waivers."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.ids import TaskId, WaiverId
from vespera.domain.waiver import Waiver


class Waivers(Protocol):
    """Waivers; none is ever removed but with its task. Each write is a transaction of its own, also
    inside a unit of work, and durable when it returns.
    """

    async def add(self, waivers: Sequence[Waiver]) -> None:
        """Keep all of them, or none.

        Raises:
            DuplicateRow: one of the ids exists already.
        """
        ...

    async def revoke(self, waiver_id: WaiverId, *, by: str, at: datetime) -> Waiver:
        """The waiver holds no more; gives it as it is now. One that was revoked before stays as it
        is.

        Raises:
            WaiverNotFound: there is none of this id.
        """
        ...

    async def of_tasks(self, task_ids: Collection[TaskId]) -> Sequence[Waiver]:
        """All of these tasks, in the order of their ids, also what was revoked."""
        ...

    async def page(self, *, before: WaiverId | None = None, limit: int) -> Sequence[Waiver]:
        """Of all tasks, the newest first, beginning behind ``before``."""
        ...
