"""Doing a rollback, so that it can be broken off anywhere and be finished later."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.restoring import Restorer
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.domain.file_operation import NOT_OBSERVED, FileOperation, FileState, Phase
from vespera.domain.ids import OperationId, RollbackId
from vespera.domain.rollback import (
    TAKES_BACK,
    Rollback,
    RollbackPlan,
    RollbackState,
    StepKind,
    StepRow,
    changes_of,
    rollback_named,
)

_AT_ONCE = 32
"""Steps that one transaction announces; as many may have to be looked at after a crash."""

_PUTTING = {StepKind.RESTORE, StepKind.REPLACE}


class RollbackWork:
    """Stages what is to be put back, records the steps, and does them one after the other.

    Nothing in the workspace is touched before everything is staged and the steps are recorded. Each
    batch of steps is announced by intents, done, and recorded as done; each step can be done twice.
    """

    def __init__(
        self,
        *,
        rollbacks: RollbackRepository,
        restorer: Restorer,
        contents: ContentStore,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._rollbacks, self._restorer, self._contents = rollbacks, restorer, contents
        self._clock, self._new_id = clock, new_id

    async def prepare(self, rollback: Rollback, plan: RollbackPlan) -> Rollback:
        """Stage what is to be put back, and record the steps.

        Raises:
            ContentError: a content cannot be had.
            FileUnreadable: it cannot be staged (disk full, permission). Nothing was touched.
            RollbackBusy: somebody else has taken it for abandoned.
        """
        rows = [
            StepRow(
                number=number,
                step=step,
                operations=tuple(OperationId(self._new_id()) for _ in changes_of(step)),
            )
            for number, step in enumerate(plan.steps)
        ]
        displaced = await self._displaced(rollback, plan)
        for row in rows:
            await self._stage(rollback, row, displaced.get(row.step.content or ""))
        await self._rollbacks.plan(rollback, rows, self._clock.now())
        return replace(rollback, state=RollbackState.ACTING)

    async def abandon(self, rollback: Rollback) -> None:
        """Give up what has touched nothing yet."""
        await self._restorer.clear([rollback.id])
        await self._rollbacks.finish(rollback, RollbackState.ABANDONED, self._clock.now())

    async def go_on(self, rollback: Rollback) -> Sequence[StepRow]:
        """Do the steps that are not over, and finish; gives all steps. What is to be taken back
        whole ends at the first conflict.

        Raises:
            FileUnreadable: the system refuses in the middle of a step; it can go on later.
            RollbackBusy: somebody else goes on with it.
        """
        rows = list(await self._rollbacks.steps_of(rollback.id))
        for batch in _batches([row for row in rows if not row.over]):
            if _is_stopped(rollback, rows):
                break
            for row in await self._do(rollback, batch):
                rows[row.number] = row
        unused = [row.number for row in rows if not row.done]
        await self._restorer.tidy(rollback.id, unused)
        done = all(row.done for row in rows)
        state = RollbackState.DONE if done else RollbackState.INCOMPLETE
        await self._rollbacks.finish(rollback, state, self._clock.now())
        return rows

    async def _do(self, rollback: Rollback, batch: Sequence[StepRow]) -> Sequence[StepRow]:
        begun = [replace(row, begun=True) for row in batch]
        new = [row for row in batch if not row.begun]
        if new:
            intents = [one for row in new for one in self._intents(rollback, row)]
            announced = [row for row in begun if row.number in {one.number for one in new}]
            await self._rollbacks.announce(rollback, announced, intents, self._clock.now())
        settled: list[StepRow] = []
        for row in begun:
            if _is_stopped(rollback, settled):
                settled.append(replace(row, begun=False))
                continue
            conflict = await self._restorer.carry_out(rollback.id, row.number, row.step)
            settled.append(replace(row, over=True, conflict=conflict))
        done = [one for row in settled if row.done for one in self._records(rollback, row)]
        withdrawn = [one for row in settled if not row.done for one in row.operations]
        await self._rollbacks.settle(rollback, settled, done, withdrawn, self._clock.now())
        return settled

    async def _displaced(
        self, rollback: Rollback, plan: RollbackPlan
    ) -> Mapping[str, tuple[RollbackId, int]]:
        """Where contents are that the store does not have, if a rollback is taken back: of which
        step they are kept.
        """
        source = rollback_named(rollback.task_id)
        wanted = {step.content for step in plan.steps if step.content is not None}
        missing = wanted.difference(await self._contents.has(wanted))
        if source is None or not missing:
            return {}
        states = await self._restorer.displaced(source)
        return {
            state.digest: (source, number)
            for number, state in states.items()
            if isinstance(state, FileState) and state.digest in missing
        }

    async def _stage(
        self, rollback: Rollback, row: StepRow, displaced: tuple[RollbackId, int] | None
    ) -> None:
        if row.step.kind not in _PUTTING:
            return
        if row.step.content is None:
            await self._restorer.stage(rollback.id, row.number, row.step.wanted)
            return
        content = (
            self._restorer.content(*displaced)
            if displaced
            else self._contents.stream(row.step.content)
        )
        async with aclosing(content) as blocks:
            await self._restorer.stage(rollback.id, row.number, row.step.wanted, blocks)

    def _intents(self, rollback: Rollback, row: StepRow) -> Iterator[FileOperation]:
        """The announcement of a step; none of one that is recorded as two operations, as nobody
        ever sees the state between them.
        """
        for record in self._records(rollback, row):
            if len(row.operations) == 1:
                yield replace(record, phase=Phase.INTENT, after=NOT_OBSERVED)

    def _records(self, rollback: Rollback, row: StepRow) -> Iterator[FileOperation]:
        now = self._clock.now()
        for operation_id, change in zip(row.operations, changes_of(row.step), strict=True):
            kind, before, after = change
            yield FileOperation(
                id=operation_id,
                task_id=rollback.name,
                kind=kind,
                phase=Phase.DONE,
                path=row.step.path,
                before=before,
                after=after,
                expected=after,
                recorded_at=now,
                context={TAKES_BACK: list(row.step.takes_back)},
            )


def _is_stopped(rollback: Rollback, rows: Sequence[StepRow]) -> bool:
    return not rollback.partial and any(row.conflict for row in rows)


def _batches(rows: Sequence[StepRow]) -> Iterator[Sequence[StepRow]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
