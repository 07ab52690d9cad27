"""Attempts that are under way, as their engine sees them."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from vespera.application.runtime.presence import Presence
from vespera.application.runtime.sign_off import Signed
from vespera.domain.ids import TaskId
from vespera.domain.task import Task


class Stop(StrEnum):
    """Why an attempt is interrupted from outside."""

    CANCEL = "cancel"
    RELEASE = "release"
    LOST = "lost"
    PARKED = "parked"
    PAUSE = "pause"


LET_GO: Final = frozenset({Stop.RELEASE, Stop.LOST})


@dataclass(slots=True)
class OpenAttempt:
    """An attempt under way. ``callers`` wait for it; without ``kept`` it ends with the last one.
    It is ``over`` once what came of it is stored: others may still have to be told.
    """

    task: Task
    handle: "asyncio.Task[Signed]"
    kept: bool
    presence: Presence
    begun: bool = False
    over: bool = False
    callers: int = 0
    stop: Stop | None = None
    reason: str = field(default="")

    def interrupt(self, stop: Stop, reason: str = "") -> bool:
        """Break the attempt off; False if that is under way already, or cannot be any more.

        What is undone is not called off: the end that it comes to is recorded. But it may be let
        go of, whoever has called it off; it is undone further by the next attempt.
        """
        undoes = self.presence.undoes
        if self.over or self.handle.done() or (undoes and stop is Stop.CANCEL):
            return False
        if self.stop is not None and not (undoes and self.stop is Stop.CANCEL and stop in LET_GO):
            return False
        self.stop, self.reason, self.presence.is_stopped = stop, reason, True
        if stop is Stop.CANCEL:
            self.presence.calling_off = reason
        if self.begun:  # an asyncio task that is cancelled before never runs, to no end at all
            self.handle.cancel()
        return True


class Unbegun:
    """Attempts that were called off between their claim and their beginning."""

    def __init__(self) -> None:
        self._attempts: set[tuple[TaskId, int]] = set()

    def add(self, task: Task) -> None:
        """The attempt that has claimed the task is to do nothing."""
        self._attempts.add((task.id, task.attempt))

    def take(self, claimed: Task) -> bool:
        """Whether this one is; it is forgotten then."""
        attempt = (claimed.id, claimed.attempt)
        called_off = attempt in self._attempts
        self._attempts.discard(attempt)
        return called_off
