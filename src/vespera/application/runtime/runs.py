"""Attempts that are under way, as their engine sees them."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from vespera.application.runtime.presence import Presence
from vespera.application.runtime.sign_off import Signed
from vespera.domain.task import Task


class Stop(StrEnum):
    """Why an attempt is interrupted from outside."""

    CANCEL = "cancel"
    RELEASE = "release"
    LOST = "lost"
    PARKED = "parked"
    PAUSE = "pause"


@dataclass(slots=True)
class OpenAttempt:
    """An attempt under way. ``callers`` wait for it; without ``kept`` it ends with the last one."""

    task: Task
    handle: "asyncio.Task[Signed]"
    kept: bool
    presence: Presence
    begun: bool = False
    callers: int = 0
    stop: Stop | None = None
    reason: str = field(default="")
