"""What tasks cost, as people and programs get to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal

from vespera.application.runtime.costs.report import report_of
from vespera.domain.cost import CostGroup, Costs
from vespera.domain.ids import TaskId

_HEAD = ("STEP", "OPERATION", "MODEL", "CALLS", "IN", "OUT", "MONEY", "TIME")


def rows_of_costs(task_id: TaskId, groups: Sequence[CostGroup]) -> list[tuple[str, ...]]:
    """A table: what the task spent by step and operation, its children, and all together."""
    if not groups:
        return []
    report = report_of(groups, task_id)
    rows: list[tuple[str, ...]] = [_HEAD]
    rows += [_row_of_group(group) for group in groups if group.task_id == task_id]
    children = {each: costs for each, costs in report.by_task().items() if each != task_id}
    rows += [_row(f"child {each}", "", "", costs) for each, costs in children.items()]
    return [*rows, _row("total", "", "", report.total)]


def form_of_costs(task_id: TaskId, groups: Sequence[CostGroup]) -> dict[str, object]:
    """The same in JSON; money as text, as no number of JSON is exact."""
    report = report_of(groups, task_id)
    return {
        "total": _form(report.total),
        "own": _form(report.own),
        "groups": [{**asdict(group), "money": _money(group.money)} for group in groups],
    }


def _row_of_group(group: CostGroup) -> tuple[str, ...]:
    step = group.step if group.occurrence <= 1 else f"{group.step} #{group.occurrence}"
    return _row(step or "-", group.operation, group.model, Costs().plus(group))


def _row(where: str, operation: str, model: str, costs: Costs) -> tuple[str, ...]:
    untold = f" ({costs.untold} untold)" if costs.untold else ""
    return (
        *(where, operation, model or "-", f"{costs.calls}{untold}"),
        *(f"{costs.input_tokens:,}", f"{costs.output_tokens:,}"),
        *(_shown(costs.money), f"{costs.seconds:.3f} s"),
    )


def _shown(money: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{_money(amount)} {name}" for name, amount in sorted(money.items())) or "-"


def _form(costs: Costs) -> dict[str, object]:
    money = {name: _money(amount) for name, amount in costs.money.items()}
    return {**asdict(costs), "tokens": costs.tokens, "money": money}


def _money(amount: Decimal) -> str:
    return f"{amount:f}"
