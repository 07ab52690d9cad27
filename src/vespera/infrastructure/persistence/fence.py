"""Only who holds a task may write for it."""

from datetime import datetime
from functools import partial

from vespera.domain.errors import LeaseLost
from vespera.domain.step import Fence
from vespera.infrastructure.persistence import sql
from vespera.infrastructure.persistence.statements import Write
from vespera.infrastructure.persistence.values import to_micros


def must_hold(fence: Fence, *, lease_until: datetime | None = None) -> Write:
    """A write that refuses its unit unless the task is held; extends the lease if asked to, and
    says then that the task is running, and has got on since its last crash. Its row says since when
    the task is paused.
    """
    held = (fence.task_id, fence.attempt, fence.owner)
    refusal = partial(lost, fence)
    if lease_until is None:
        return Write(sql.HOLDS_TASK, held, refusal)
    return Write(sql.HOLDS_AND_EXTENDS, (to_micros(lease_until), *held), refusal)


def lost(fence: Fence) -> LeaseLost:
    """The refusal of a write whose fence is outdated."""
    return LeaseLost(
        f"Task {fence.task_id!r} is not held by {fence.owner!r} in attempt {fence.attempt} any"
        " more; nothing was recorded."
    )
