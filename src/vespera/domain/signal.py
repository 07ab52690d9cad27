"""What somebody sends to a task."""

from dataclasses import dataclass
from datetime import datetime

from vespera.domain.ids import SignalId, TaskId

APPROVAL = "approval"
"""Under names that begin so, people say yes or no; see ``Approval``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A named value for a task; it is kept until the task receives it.

    The same ``id`` is the same signal, however often it is sent. ``payload`` is encoded.
    """

    id: SignalId
    task_id: TaskId
    name: str
    payload: bytes
    sent_at: datetime
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person has decided. True in a condition if it was approved."""

    approved: bool
    by: str = ""
    comment: str = ""

    def __bool__(self) -> bool:
        return self.approved
