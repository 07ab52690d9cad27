"""What is true of everything that is stored of one task, wherever it comes from."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from vespera.domain.cost import CostEntry, currency_of, money_of, name_of, tokens_of
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import FileOperation
from vespera.domain.request import task_id_of
from vespera.domain.retry import TEN_YEARS, number_of
from vespera.domain.signal import Signal
from vespera.domain.step import StepRecord
from vespera.domain.task import GOING_ON, Task, TaskStatus
from vespera.domain.verification import Report


def check_history(
    task: Task,
    *,
    steps: Sequence[StepRecord],
    signals: Sequence[Signal],
    operations: Sequence[FileOperation],
    report: Report | None,
    costs: Sequence[CostEntry],
) -> None:
    """Refuse what no task has gone through.

    Raises:
        InvalidRequest: something contradicts itself; its ``field`` is the place.
    """
    _check_task(task)
    for place, step in enumerate(steps):
        _check_step(step, f"steps[{place}]")
    _check_once("steps", ((step.name, step.occurrence) for step in steps), "name and occurrence")
    _check_once("steps", (step.seq for step in steps), "seq")
    _check_once("signals", (signal.id for signal in signals), "id")
    _check_once("file_operations", (operation.id for operation in operations), "id")
    for place, cost in enumerate(costs):
        _check_cost(cost, f"costs[{place}]")
    _check_once("costs", (cost.id for cost in costs), "id")
    if task.status is TaskStatus.WAITING and not any(step.open for step in steps):
        raise InvalidRequest("is waiting, but no step says for what", field="task.status")
    for place, operation in enumerate(operations):
        if operation.task_id != task.id:
            raise InvalidRequest("is of another task", field=f"file_operations[{place}].task_id")
    if task.report_id != (report.id if report else None):
        raise InvalidRequest("is not the report that is given", field="task.report_id")


def at_rest(task: Task, now: datetime) -> Task:
    """The task as nobody holds it: one that a worker might begin is pending, and paused."""
    if task.status not in GOING_ON:
        return replace(task, owner=None, lease_until=None)
    is_due_by_plan = task.status is TaskStatus.PENDING
    return replace(
        task,
        status=TaskStatus.PENDING,
        owner=None,
        lease_until=None,
        run_after=task.run_after if is_due_by_plan else None,
        paused_at=task.paused_at or now,
    )


def _check_task(task: Task) -> None:
    task_id_of(task.id)
    if not task.title.strip():
        raise InvalidRequest("must not be empty", field="task.title")
    if task.version < 1:
        raise InvalidRequest("must be 1 or more", field="task.version")
    for name in ("failures", "crashes"):
        if not 0 <= getattr(task, name) <= task.attempt:
            raise InvalidRequest("must be from 0 to the number of attempts", field=f"task.{name}")
    if task.status is TaskStatus.RUNNING and task.attempt < 1:
        raise InvalidRequest("is running, but no attempt was begun", field="task.attempt")
    if task.status in {TaskStatus.EXECUTED, TaskStatus.COMPLETED} and task.outcome is None:
        raise InvalidRequest(f"is {task.status}, but has no outcome", field="task.outcome")
    if task.status in {TaskStatus.FAILED, TaskStatus.CANCELLED} and task.error is None:
        raise InvalidRequest(f"is {task.status}, but no error says why", field="task.error")


def _check_step(step: StepRecord, place: str) -> None:
    said = [part for part in (step.value, step.error, step.awaits) if part is not None]
    if len(said) != 1:
        raise InvalidRequest("must have one of value, error and awaits", field=place)
    if step.occurrence < 1:
        raise InvalidRequest("must be 1 or more", field=f"{place}.occurrence")


def _check_cost(cost: CostEntry, place: str) -> None:
    name_of(cost.operation, f"{place}.operation")
    tokens_of(cost.input_tokens, f"{place}.input_tokens")
    tokens_of(cost.output_tokens, f"{place}.output_tokens")
    money_of(cost.money, f"{place}.money")
    number_of(cost.seconds, f"{place}.seconds", least=0, most=TEN_YEARS)
    if cost.currency or cost.money:
        currency_of(cost.currency, f"{place}.currency")


def _check_once(name: str, keys: Iterable[Hashable], what: str) -> None:
    seen: set[Hashable] = set()
    for place, key in enumerate(keys):
        if key in seen:
            raise InvalidRequest(f"has the {what} of another one", field=f"{name}[{place}]")
        seen.add(key)
