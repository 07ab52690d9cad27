"""What holds after every recovery, whatever the workflow."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from vespera.domain.errors import InvalidRequest
from vespera.domain.task import FINISHED, Task, TaskStatus
from vespera.infrastructure.persistence.invariants import RULES
from vespera.testing.sim.app import App
from vespera.testing.sim.errors import InvariantViolated
from vespera.testing.world import World

Invariant = Callable[..., Any]


def engine_integrity(app: App, world: World) -> None:
    """The engine kept its promises: what was durable is there, nobody is forgotten.

    No task is lost, and one that had finished stays as it was. No step that was recorded is gone,
    or has another value. No task is left running, or ready and alone. A task began only when all
    that it depends on was completed. A completed task's file operations were proven.

    Raises:
        InvariantViolated: one of these does not hold; the first is told.
    """
    tasks = {task.id: task for task in app.tasks.all()}
    _refuse(_nothing_is_lost(world, tasks))
    _refuse(_dependencies_hold(app, tasks))
    _refuse(_completed_is_proven(app, tasks))
    stuck = [f"{task.id!r} ({task.status})" for task in app.tasks.stuck()]
    _refuse(f"all is idle, and nobody works on {', '.join(stuck)}" if stuck else "")


def database_integrity(app: App) -> None:
    """The database is whole, and none of the rules is broken that ``vespera db check`` knows: only
    running tasks are held, counters count what is there, what is referred to exists.

    Raises:
        InvariantViolated: it is not; the first thing that is wrong is told.
    """
    found = app.db.value("PRAGMA integrity_check")
    _refuse("" if found == "ok" else f"the database is damaged: {found}")
    for rule in RULES:
        for row in app.db.tuples(rule.statement.sql)[:1]:
            _refuse(rule.text.format(*map(repr, row)))


NAMED: dict[str, Invariant] = {"engine": engine_integrity, "database": database_integrity}


def checked_invariants(
    invariants: Invariant | str | Sequence[Invariant | str] | None,
) -> tuple[Invariant, ...]:
    """The functions that are meant: given ones, and named ones; by default, all named ones.

    Raises:
        InvalidRequest: one has no such name, or cannot be called, or there is none.
    """
    if invariants is None:
        return tuple(NAMED.values())
    given = [invariants] if isinstance(invariants, str) or callable(invariants) else [*invariants]
    if not given:
        raise InvalidRequest("there is none, so nothing would be checked", field="invariants")
    return tuple(map(_checked, given))


def _checked(invariant: Invariant | str) -> Invariant:
    if isinstance(invariant, str):
        if invariant not in NAMED:
            raise InvalidRequest(
                f"{invariant!r}: there are {', '.join(map(repr, NAMED))}", field="invariants"
            )
        return NAMED[invariant]
    if not callable(invariant):
        raise InvalidRequest(f"{invariant!r} cannot be called", field="invariants")
    return invariant


def _refuse(wrong: str) -> None:
    if wrong:
        raise InvariantViolated(wrong)


def _nothing_is_lost(world: World, tasks: dict[Any, Task]) -> str:
    for task_id, end in world.promised.tasks.items():
        task = tasks.get(task_id)
        if task is None:
            return f"task {task_id!r} was stored, and is gone"
        if end[0] in FINISHED and end != (task.status, task.outcome):
            return (
                f"task {task_id!r} was {end[0]} with {end[1]!r}, and is {task.status} with"
                f" {task.outcome!r} now"
            )
    steps = world.database.promises().steps
    for (owner, name, occurrence), value in world.promised.steps.items():
        found = steps.get((owner, name, occurrence))
        if found is None:
            return f"step {name!r} ({occurrence}) of task {owner!r} was recorded, and is gone"
        if found != value:
            return (
                f"step {name!r} ({occurrence}) of task {owner!r} was recorded twice: first"
                f" {value!r}, then {found!r}"
            )
    return ""


def _dependencies_hold(app: App, tasks: dict[Any, Task]) -> str:
    for row in app.db.all("SELECT task_id, depends_on FROM task_dependencies"):
        dependency = tasks[row.depends_on]
        if tasks[row.task_id].attempt > 0 and dependency.status is not TaskStatus.COMPLETED:
            return (
                f"task {row.task_id!r} was begun, although {dependency.id!r}, which it depends on,"
                f" is {dependency.status}"
            )
    return ""


def _completed_is_proven(app: App, tasks: dict[Any, Task]) -> str:
    touched = app.db.all("SELECT DISTINCT task_id FROM file_operations WHERE task_id IS NOT NULL")
    for row in touched:
        task = tasks.get(row.task_id)
        if task and task.status is TaskStatus.COMPLETED and task.report_id is None:
            return f"task {task.id!r} is completed, and its file operations were never judged"
    return ""


async def check(invariants: Sequence[Invariant], app: App, world: World) -> None:
    """Check all.

    Raises:
        InvariantViolated: one of them gave False.
        Exception: whatever one of them raised.
    """
    from vespera.testing.sim.life import called  # noqa: PLC0415  # it makes apps

    for invariant in invariants:
        held = called(invariant, app, world)
        if inspect.isawaitable(held):
            held = await held
        if held is False:
            name = getattr(invariant, "__name__", repr(invariant))
            raise InvariantViolated(f"{name} gave False")
