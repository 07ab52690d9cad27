"""Take back what a task did to files, without hurting anybody else's work."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import AnyPath
from vespera.application.ports.owners import Owners
from vespera.application.ports.restoring import Restorer
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.application.usecases.file_statements import checked_id
from vespera.application.usecases.rollback_scope import RollbackScope, RollbackScout
from vespera.application.usecases.rollback_work import RollbackWork
from vespera.domain.errors import (
    ContentError,
    FileUnreadable,
    InvalidRequest,
    RequestError,
    RollbackBusy,
    RollbackNotFound,
    WorkspaceError,
)
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OwnerId, RollbackId, TaskId
from vespera.domain.retention import age_of
from vespera.domain.rollback import (
    Quarantined,
    Rollback,
    RollbackConflict,
    RollbackPlan,
    RollbackState,
    RollbackStep,
    name_of_rollback,
)

NOBODY: Final = OwnerId("")
"""Who owns a rollback that was broken off in good order."""

_SILENCE = timedelta(minutes=10)
_SILENCE_OF_STRANGERS = timedelta(minutes=1)
_MOST_NAMED = 3
_REFUSALS = (RequestError, WorkspaceError, ContentError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRollbackResult:
    """What a rollback would do. ``success`` says that this could be found out.

    Attributes:
        steps: in the order in which they would be done; a path that is as wanted has none.
        conflicts: the paths that cannot be taken back, each with the reason.
        emptied: directories in which nothing would be left, and which would stay.
        unfinished: a rollback that was broken off; whatever is done next finishes it first.
    """

    success: bool
    steps: Sequence[RollbackStep] = ()
    conflicts: Sequence[RollbackConflict] = ()
    emptied: Sequence[str] = ()
    unfinished: RollbackId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackResult:
    """What became of a rollback.

    Attributes:
        success: what was asked for is done: everything, or (``partial``) all that can be.
        rollback_id: by which it can be undone; None: nothing was touched.
        steps: what was done, in order.
        conflicts: the paths that were left as they are, each with the reason.
        emptied: directories in which nothing is left, and which stay.
        resumed: rollbacks that had been broken off, and were finished first.
        error: why it is no success.
    """

    success: bool
    rollback_id: RollbackId | None = None
    steps: Sequence[RollbackStep] = ()
    conflicts: Sequence[RollbackConflict] = ()
    emptied: Sequence[str] = ()
    resumed: Sequence[RollbackId] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearQuarantineResult:
    """What was removed for good."""

    success: bool
    removed: Sequence[Quarantined] = ()
    error: str | None = None


class RollBackUseCase:
    """Takes changes back: of a task, of one attempt of it, of a tree of tasks, or of a rollback.

    A path is put back only if it still is as it was left; nobody's later work is overwritten,
    whenever it is done. Paths that the task has not changed are never touched.
    """

    def __init__(
        self,
        *,
        scout: RollbackScout,
        work: RollbackWork,
        rollbacks: RollbackRepository,
        restorer: Restorer,
        owners: Owners,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._scout, self._work = scout, work
        self._rollbacks, self._restorer, self._owners = rollbacks, restorer, owners
        self._clock, self._new_id = clock, new_id

    async def plan(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        tree: bool = False,
        paths: Sequence[AnyPath] | None = None,
    ) -> PlanRollbackResult:
        """What ``roll_back`` would do. Nothing is changed, anywhere.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            scope = await self._scout.scope(task_id, attempt, tree, paths)
            plan = await self._scout.plan(scope, await self._scout.operations_in(scope))
        except _REFUSALS as refusal:
            return PlanRollbackResult(success=False, error=str(refusal))
        broken_off = await self._rollbacks.under_way()
        return PlanRollbackResult(
            success=True,
            steps=plan.steps,
            conflicts=plan.conflicts,
            emptied=plan.emptied,
            unfinished=broken_off.id if broken_off else None,
        )

    async def roll_back(
        self,
        task_id: str,
        *,
        attempt: int | None = None,
        tree: bool = False,
        partial: bool = False,
        paths: Sequence[AnyPath] | None = None,
    ) -> RollBackResult:
        """Put every path that the task has changed back to what was there before; durable when it
        returns.

        If one of them cannot be, because somebody has changed it since, or what was there is not
        known or was not kept, nothing is done, and the conflicts say why. Should somebody change
        one while this is at work, what was done is put back again.

        A rollback that was broken off, by a crash or a cancellation, is finished first. It can be
        taken back in turn: see ``undo``. What it displaces stays in the quarantine.

        Args:
            task_id: of a task that is at rest, or whatever text operations were recorded under.
            attempt: take back this attempt only.
            tree: what the task's descendants did, too.
            partial: leave the paths in conflict, and do the others.
            paths: of these, and what is below them, only.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            scope = await self._scout.scope(task_id, attempt, tree, paths)
            return await self._in_turn(scope, partial=partial)
        except _REFUSALS as refusal:
            return RollBackResult(success=False, error=str(refusal))

    async def undo(self, rollback_id: str, *, partial: bool = False) -> RollBackResult:
        """Take a rollback back, as a task's work is: what it put back is put back in turn.

        Args:
            rollback_id: of a rollback; or of a task, whose newest one is meant.
            partial: as for ``roll_back``.

        Raises:
            StorageError: the database cannot do its work.
        """
        try:
            found = await self._meant(checked_id(rollback_id, "rollback_id"))
        except RequestError as refusal:
            return RollBackResult(success=False, error=str(refusal))
        return await self.roll_back(name_of_rollback(found), partial=partial)

    async def quarantined(self) -> Sequence[Quarantined]:
        """What rollbacks have displaced, and is still kept; oldest first."""
        return await self._restorer.quarantined()

    async def clear(self, older_than: timedelta | float = 0) -> ClearQuarantineResult:
        """Remove what rollbacks have displaced, for good.

        Args:
            older_than: an age; a number is in seconds. What is younger stays.
        """
        try:
            limit = self._clock.now() - age_of(older_than, "older_than")
            broken_off = await self._rollbacks.under_way()
            gone = [
                one
                for one in await self._restorer.quarantined()
                if one.since <= limit and not (broken_off and broken_off.id == one.rollback_id)
            ]
            await self._restorer.clear([one.rollback_id for one in gone])
        except (InvalidRequest, WorkspaceError) as refusal:
            return ClearQuarantineResult(success=False, error=str(refusal))
        return ClearQuarantineResult(success=True, removed=gone)

    async def _in_turn(self, scope: RollbackScope, *, partial: bool) -> RollBackResult:
        """One rollback at a time; what was broken off goes first."""
        owner = self._owners.register()
        try:
            resumed = await self._finish_broken_off(owner)
            own = await self._scout.operations_in(scope)
            done = await self._taken_back(scope, own, owner, partial=partial)
        except (Exception, asyncio.CancelledError):
            await self._let_go(owner)
            raise
        finally:
            self._owners.leave(owner)
        return replace(done, resumed=resumed)

    async def _let_go(self, owner: OwnerId) -> None:
        """What was broken off in good order may be finished at once by whoever comes next."""
        found = await self._rollbacks.under_way()
        if found is not None and found.owner == owner:
            await self._rollbacks.take_over(found, NOBODY, self._clock.now())

    async def _finish_broken_off(self, owner: OwnerId) -> Sequence[RollbackId]:
        found = await self._rollbacks.under_way()
        if found is None:
            return ()
        if not self._is_abandoned(found):
            raise RollbackBusy(
                f"Another rollback is under way in this workspace: {found.id!r}, of"
                f" {found.task_id!r}. Wait for its end."
            )
        taken = await self._rollbacks.take_over(found, owner, self._clock.now())
        if taken.state is RollbackState.PLANNING:
            await self._work.abandon(taken)
            return ()
        await self._carried_out(taken, owner)
        return (taken.id,)

    def _is_abandoned(self, rollback: Rollback) -> bool:
        owner, silent = {rollback.owner}, self._clock.now() - rollback.heard_at
        if rollback.owner == NOBODY or self._owners.dead(owner):
            return True
        patience = _SILENCE_OF_STRANGERS if self._owners.strangers(owner) else _SILENCE
        return silent > patience

    async def _taken_back(
        self,
        scope: RollbackScope,
        own: Sequence[FileOperation],
        owner: OwnerId,
        *,
        partial: bool,
    ) -> RollBackResult:
        now = self._clock.now()
        rollback = Rollback(
            id=RollbackId(self._new_id()),
            task_id=scope.task_id,
            owner=owner,
            began_at=now,
            heard_at=now,
            attempt=scope.attempt,
            tree=scope.tree,
            partial=partial,
        )
        await self._rollbacks.begin(rollback)
        try:
            plan = await self._scout.plan(scope, own, securing=True)
            if not plan.steps or (plan.conflicts and not partial):
                await self._work.abandon(rollback)
                return _refused(plan, partial=partial)
            rollback = await self._work.prepare(rollback, plan)
        except _REFUSALS as refusal:
            await self._work.abandon(rollback)
            return RollBackResult(success=False, error=f"Nothing was touched: {refusal}")
        result = await self._carried_out(rollback, owner)
        conflicts = (*plan.conflicts, *result.conflicts)
        return replace(result, conflicts=conflicts, emptied=plan.emptied)

    async def _carried_out(self, rollback: Rollback, owner: OwnerId) -> RollBackResult:
        try:
            rows = await self._work.go_on(rollback)
        except FileUnreadable as error:
            told = f"{error}. The rollback {rollback.id!r} was broken off; the next one finishes it"
            raise FileUnreadable(f"{told}.") from error
        steps = tuple(row.step for row in rows if row.done)
        conflicts = tuple(row.conflict for row in rows if row.conflict)
        result = RollBackResult(
            success=True, rollback_id=rollback.id, steps=steps, conflicts=conflicts
        )
        if not conflicts or rollback.partial:
            return result
        return await self._put_back(result, rollback, owner)

    async def _put_back(
        self, result: RollBackResult, rollback: Rollback, owner: OwnerId
    ) -> RollBackResult:
        """Somebody came in between: put back what was done until then."""
        told = _in_words(result.conflicts)
        if result.steps:
            scope = RollbackScope(task_id=rollback.name)
            own = await self._scout.operations_in(scope)
            back = await self._taken_back(scope, own, owner, partial=True)
            if not back.success or back.conflicts:
                told = f"{told}; and what was done could not all be put back: {back.error or ''}"
                return replace(result, success=False, error=told)
        told = f"{told}. What had been taken back was put in its place again"
        return replace(result, success=False, rollback_id=None, steps=(), error=f"{told}.")

    async def _meant(self, given: str) -> RollbackId:
        if await self._rollbacks.get(RollbackId(given)):
            return RollbackId(given)
        found = [
            one
            for one in await self._rollbacks.of_task(TaskId(given))
            if one.state is not RollbackState.ABANDONED
        ]
        if not found:
            raise RollbackNotFound(
                f"No rollback has the id {given!r}, and no task of this id was rolled back."
            )
        return found[-1].id


def _refused(plan: RollbackPlan, *, partial: bool) -> RollBackResult:
    """Nothing is to be done, or nothing can be."""
    conflicts, emptied = plan.conflicts, plan.emptied
    if not conflicts or partial:
        return RollBackResult(success=True, conflicts=conflicts, emptied=emptied)
    told = f"Nothing was touched, as not all can be taken back: {_in_words(conflicts)}"
    return RollBackResult(
        success=False, conflicts=conflicts, error=f"{told}. To leave these paths, say partial."
    )


def _in_words(conflicts: Sequence[RollbackConflict]) -> str:
    named = "; ".join(map(str, conflicts[:_MOST_NAMED]))
    more = len(conflicts) - _MOST_NAMED
    return f"{named}; and {more} more" if more > 0 else named
