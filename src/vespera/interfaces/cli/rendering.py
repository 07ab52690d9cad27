"""What people and programs get to read: aligned text, or JSON."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum

import click

from vespera.application.usecases.inspect_tasks import (
    SignalDetails,
    StepDetails,
    TaskDetails,
    TaskPage,
)
from vespera.application.workflows.send_signal import SignalResult
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.state_form import form_of
from vespera.domain.step import UNDOING, wait_in_words, waits_in_words
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Finding
from vespera.interfaces.cli.failures import printable
from vespera.interfaces.cli.shortening import LONGEST_VALUE, cut, shortened
from vespera.interfaces.cli.spending import form_of_costs, rows_of_costs

TASK_FIELDS = (
    "id",
    "title",
    "description",
    "specialist_type",
    "status",
    "completion",
    "priority",
    "attempt",
    "failures",
    "crashes",
    "blockers",
    "created_at",
    "updated_at",
    "run_after",
    "paused_at",
    "concurrency_key",
    "parent_id",
    "forked_from",
    "retries",
    "idempotency_key",
    "dedup_key",
    "error",
    "report_id",
)


def succeeded(result: object) -> bool:
    """Whether a program's result, or each of its results, says that it succeeded."""
    if isinstance(result, Mapping):
        return result.get("success") is not False
    if isinstance(result, list | tuple):
        return all(succeeded(item) for item in result)
    return getattr(result, "success", True) is not False


def show_result(result: object, *, as_json: bool) -> None:
    """Print what a program's `main` returned; nothing for None."""
    if as_json:
        print_json(result)
    elif isinstance(result, TaskResult):
        print_lines(_task_result(result))
    elif isinstance(result, list | tuple):
        for item in result:
            show_result(item, as_json=False)
    elif isinstance(result, Mapping):
        print_lines(*aligned([(f"{key}:", _in_words(value)) for key, value in result.items()]))
    elif result is not None:
        print_lines(str(result))


def show_page(page: TaskPage, *, as_json: bool) -> None:
    """Print a list of tasks, and how to see those that follow."""
    if as_json:
        tasks = [_page_form(page, task) for task in page.tasks]
        print_json({"tasks": tasks, "more": page.more, "next": page.next})
        return
    rows: list[tuple[str, ...]] = [("ID", "STATUS", "TYPE", "TITLE")]
    rows += [(task.id, task.status, task.specialist_type, task.title) for task in page.tasks]
    told = [_held_up(page, task) for task in page.tasks]
    if any(told):
        rows = [(*row, wait) for row, wait in zip(rows, ["WAITS FOR", *told], strict=True)]
    print_lines(*aligned(rows))
    if page.more:
        click.echo(f"more: vespera task list --after {page.tasks[-1].id}", err=True)


def _held_up(page: TaskPage, task: Task) -> str:
    """What it waits for; "paused" if that is what keeps it."""
    if task.paused_at is not None and not task.finished:
        return "paused"
    return waits_in_words(page.waits.get(task.id, ()))


def show_task(details: TaskDetails, *, as_json: bool) -> None:
    """Print all that is known of a task."""
    if as_json:
        print_json(_details_form(details))
        return
    print_lines(*aligned(_facts(details)))
    _print_section("waits for", [(t.id, t.status, t.title) for t in details.dependencies])
    _print_section("steps", [_step_row(step) for step in details.steps])
    _print_section("signals", [_signal_row(signal) for signal in details.signals])
    _print_section("costs", rows_of_costs(details.task.id, details.costs))
    _print_section("files", [_finding_row(finding) for finding in details.findings])


def show_sent(result: SignalResult, *, as_json: bool) -> None:
    """Print that a signal is kept for its task, and under which id."""
    if as_json:
        print_json(result)
    else:
        print_lines(f"sent to {result.task_id} as signal {result.signal_id}")


def show_findings(findings: Sequence[Finding], *, as_json: bool, strict: bool = False) -> None:
    """Print what is not proven, path by path, and how many findings there are; see ``refused_of``
    for ``strict``.
    """
    refused = refused_of(findings, strict=strict)
    if as_json:
        forms = [_finding_form(finding) for finding in findings]
        verified = all(finding.passes for finding in findings)
        print_json({"verified": verified, "refused": len(refused), "findings": forms})
        return
    unproven = [finding for finding in findings if not finding.passes]
    for finding in unproven:
        of_task = f" [task {finding.task_id}]" if finding.task_id else ""
        let_pass = f"; {finding.excuse}" if finding.excuse else ""
        print_lines(
            f"{finding.path}: {finding.verdict}: {finding.reason}"
            f" ({_named(finding)}){of_task}{let_pass}"
        )
    if refused:
        print_lines(f"{len(refused)} of {_counted(findings)} refused")
    elif unproven:
        proven = _counted([finding for finding in findings if finding.passes])
        print_lines(f"{proven} verified, {len(unproven)} let pass")
    else:
        print_lines(f"{_counted(findings)} verified")


def refused_of(findings: Sequence[Finding], *, strict: bool) -> Sequence[Finding]:
    """Those that keep a task from its completion; ``strict``: all that are not proven."""
    return [one for one in findings if one.blocks or (strict and not one.passes)]


def _named(finding: Finding) -> str:
    return f"{finding.kind} {finding.operation_id}" if finding.operation_id else finding.kind


def _counted(findings: Sequence[Finding]) -> str:
    noun = "file operation" if all(one.operation_id for one in findings) else "finding"
    return f"{len(findings)} {noun}{'' if len(findings) == 1 else 's'}"


def _task_result(result: TaskResult) -> str:
    if result.success:
        named = f"{result.title} ({result.task_id})"
        told = result.outcome.summary if result.outcome else ""
    else:
        named, told = result.title or result.task_id or "", " ".join((result.error or "").split())
    return ": ".join(part for part in (result.status or "refused", named, told) if part)


def _facts(details: TaskDetails) -> list[tuple[str, str]]:
    task = details.task
    facts = {
        "task": task.id,
        "title": task.title,
        "description": task.description,
        "status": f"{task.status} (attempt {task.attempt})",
        "type": task.specialist_type,
        "created": task.created_at.isoformat(" ", "seconds"),
        "changed": task.updated_at.isoformat(" ", "seconds"),
        "waits": details.waits_for,
        "paused": _moment(task.paused_at),
        "goes on" if task.status is TaskStatus.WAITING else "runs after": _moment(task.run_after),
        "forked from": task.forked_from or "",
        "retried": _times(task.retries),
        "key": task.idempotency_key or "",
        "once while under way": task.dedup_key or "",
        "progress": str(details.progress) if details.progress else "",
        "limited by": task.concurrency_key or "",
        "payload": _short(details.payload),
        **_outcome_facts(details.outcome),
        "error": str(task.error) if task.error else "",
    }
    return [(label, value) for label, value in facts.items() if value]


def _times(number: int) -> str:
    return f"{number} time{'' if number == 1 else 's'}" if number else ""


def _outcome_facts(outcome: object) -> dict[str, str]:
    match outcome:
        case [summary, artifacts, next_action, result]:
            facts = {
                "summary": summary,
                "artifacts": artifacts or "",
                "next action": next_action,
                "result": "" if result is None else result,
            }
            return {label: _short(value) for label, value in facts.items()}
        case _:
            return {} if outcome is None else {"outcome": _short(outcome)}


def _step_row(step: StepDetails) -> tuple[str, str, str]:
    name = step.name if step.occurrence == 1 else f"{step.name} #{step.occurrence}"
    if (step.name, step.occurrence) == UNDOING and isinstance(step.value, list):
        status, _, message, *_ = step.value
        return "undoing", str(status).lower(), _short(message)
    if step.awaits is not None:
        return name, "waits", wait_in_words(step.awaits, step.wake_at)
    return name, "failed" if step.failed else "done", _short(step.value)


def _signal_row(signal: SignalDetails) -> tuple[str, str, str, str]:
    state = "received" if signal.received_at else "kept"
    return signal.name, state, _moment(signal.sent_at), _short(signal.payload)


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(" ", "seconds") if moment else ""


def _finding_row(finding: Finding) -> tuple[str, str, str, str]:
    told = "" if finding.passes else finding.reason
    if finding.excuse:
        told = f"{told}; {finding.excuse}"
    return finding.verdict, finding.kind, finding.path, told


def _task_form(task: Task) -> dict[str, object]:
    return {name: getattr(task, name) for name in TASK_FIELDS}


def _page_form(page: TaskPage, task: Task) -> dict[str, object]:
    waits = [
        {"awaits": wait.awaits, "wake_at": wait.wake_at} for wait in page.waits.get(task.id, ())
    ]
    return {**_task_form(task), "waits": waits}


def _details_form(details: TaskDetails) -> dict[str, object]:
    return {
        **_task_form(details.task),
        "payload": details.payload,
        "outcome": details.outcome,
        "progress": details.progress,
        "depends_on": [task.id for task in details.dependencies],
        "steps": details.steps,
        "signals": details.signals,
        "files": [_finding_form(finding) for finding in details.findings],
        "waits_for": details.waits_for,
        "costs": form_of_costs(details.task.id, details.costs),
    }


def _finding_form(finding: Finding) -> dict[str, object]:
    return {
        **_fields(finding),
        "passes": finding.passes,
        "blocks": finding.blocks,
        "before": form_of(finding.before),
        "after": form_of(finding.after),
        "now": [form_of(state) for state in finding.now],
    }


def _fields(value: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _json_form(value: object) -> object:
    """The value in JSON types; what has no better form is its text."""
    if isinstance(value, Enum):
        return _json_form(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)  # NaN, Infinity or -Infinity, which JSON has no numbers for
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _json_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_form(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _json_form(_fields(value))
    return str(value)


def print_json(value: object) -> None:
    """Print the value as JSON; what has no better form in JSON is its text."""
    click.echo(text_of_json(value))


def text_of_json(value: object) -> str:
    """What ``print_json`` prints."""
    return json.dumps(_json_form(value), indent=2, allow_nan=False)


def print_json_line(value: object) -> None:
    """Print the value as JSON, in one line."""
    click.echo(json.dumps(_json_form(value), allow_nan=False))


def _print_section(title: str, rows: Iterable[Sequence[str]]) -> None:
    lines = aligned(rows)
    if lines:
        print_lines("", title, *(f"  {line}" for line in lines))


def print_lines(*lines: str) -> None:
    """Print lines, with everything escaped that a terminal would not show as a character."""
    for line in lines:
        click.echo(printable(line))


def _short(value: object) -> str:
    """The value in words; what is too long to be read is cut, but not with `--json`."""
    return cut(_in_words(shortened(_json_form(value))), LONGEST_VALUE)


def _in_words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(_json_form(value), ensure_ascii=False)


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows as lines, each cell on one line and each column as wide as its widest cell."""
    cells = [
        [printable(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
