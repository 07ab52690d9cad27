"""What the command `vespera rollback` asks of the container, and what it prints."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import click

from vespera.application.usecases.roll_back import (
    ClearQuarantineResult,
    PlanRollbackResult,
    RollBackResult,
    RollBackUseCase,
)
from vespera.domain.rollback import RollbackConflict, RollbackStep
from vespera.domain.state_form import form_of
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines

Told = TypeVar("Told", PlanRollbackResult, ClearQuarantineResult)


def plan(
    task_id: str, *, attempt: int | None, tree: bool, paths: Sequence[str]
) -> Question[PlanRollbackResult]:
    """What would be done."""

    async def question(container: Container) -> PlanRollbackResult:
        use_case = container.get(RollBackUseCase)
        return _granted(await use_case.plan(task_id, attempt=attempt, tree=tree, paths=paths))

    return question


def done(
    task_id: str, *, attempt: int | None, tree: bool, partial: bool, paths: Sequence[str]
) -> Question[RollBackResult]:
    """Take back what a task did."""

    async def question(container: Container) -> RollBackResult:
        return await container.get(RollBackUseCase).roll_back(
            task_id, attempt=attempt, tree=tree, partial=partial, paths=paths
        )

    return question


def undone(rollback_id: str, *, partial: bool) -> Question[RollBackResult]:
    """Take back a rollback."""

    async def question(container: Container) -> RollBackResult:
        return await container.get(RollBackUseCase).undo(rollback_id, partial=partial)

    return question


def clear(age: timedelta) -> Question[ClearQuarantineResult]:
    """Remove what was displaced."""

    async def question(container: Container) -> ClearQuarantineResult:
        return _granted(await container.get(RollBackUseCase).clear(age))

    return question


def show_plan(found: PlanRollbackResult, *, as_json: bool) -> None:
    """Print what would be done, and what cannot be."""
    if as_json:
        unfinished = {"unfinished": found.unfinished}
        print_json({**_forms(found), **unfinished})
        return
    print_lines(*aligned(_rows(found)))
    if not found.steps and not found.conflicts:
        print_lines("nothing to take back")
    _note_emptied(found.emptied)
    if found.unfinished:
        told = f"the rollback {found.unfinished} was broken off; the next one finishes it first"
        click.echo(f"note: {told}", err=True)


def show_done(result: RollBackResult, *, as_json: bool) -> None:
    """Print what was done; end with exit code 1 if that is not what was asked for.

    Raises:
        click.ClickException: it is not, and people are told.
    """
    if as_json:
        facts = {"success": result.success, "rollback_id": result.rollback_id}
        print_json({**facts, **_forms(result), "resumed": result.resumed, "error": result.error})
        if not result.success:
            sys.exit(1)
        return
    for resumed in result.resumed:
        click.echo(f"note: the rollback {resumed} had been broken off, and was finished", err=True)
    print_lines(*aligned(_rows(result)))
    for conflict in result.conflicts:
        if conflict.kept:
            click.echo(f"note: {conflict.path}: what was displaced is in {conflict.kept}", err=True)
    if not result.success:
        raise click.ClickException(result.error or "")
    _note_emptied(result.emptied)
    if result.rollback_id is None:
        print_lines("nothing to take back")
    else:
        print_lines(f"to undo this: vespera rollback --undo {result.rollback_id}")


def show_cleared(result: ClearQuarantineResult, *, as_json: bool) -> None:
    """Print how much has gone."""
    size = sum(one.size for one in result.removed)
    if as_json:
        print_json({"removed": [one.rollback_id for one in result.removed], "bytes": size})
    else:
        print_lines(f"rollbacks cleared: {len(result.removed)}, {size:,} bytes free again")


def _granted(result: Told) -> Told:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result


def _rows(found: PlanRollbackResult | RollBackResult) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (step.kind.value.replace("_", " "), step.path, "") for step in found.steps
    ]
    return [*rows, *(("conflict", one.path, f"({one.told})") for one in found.conflicts)]


def _note_emptied(emptied: Sequence[str]) -> None:
    for path in emptied:
        told = f"the directory {path} is empty, and stays: nothing tells who made it"
        click.echo(f"note: {told}", err=True)


def _forms(found: PlanRollbackResult | RollBackResult) -> dict[str, object]:
    return {
        "steps": [_step_form(step) for step in found.steps],
        "conflicts": [_conflict_form(conflict) for conflict in found.conflicts],
        "emptied": found.emptied,
    }


def _step_form(step: RollbackStep) -> dict[str, object]:
    states = {"found": form_of(step.found), "wanted": form_of(step.wanted)}
    return {"path": step.path, "kind": step.kind, **states, "takes_back": step.takes_back}


def _conflict_form(conflict: RollbackConflict) -> dict[str, object]:
    told = {"obstacle": conflict.obstacle, "told": conflict.told}
    return {"path": conflict.path, **told, "kept": conflict.kept}
