"""What the context of a task is made of: its sections, and their items in JSON and in Markdown."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from vespera.domain.changed_file import ChangedFile
from vespera.domain.context_recovery import (
    RecoveredContext,
    RestorePoint,
    StaleInput,
    StepOutline,
    finding_form,
)
from vespera.domain.effects import name_of
from vespera.domain.snapshot import Snapshot
from vespera.domain.state_form import form_of
from vespera.domain.task import Task
from vespera.domain.undeclared import Account, Accounted
from vespera.domain.verification import Finding

LONGEST_TEXT = 240
Paths = Collection[str]
"""Those whose difference is shown."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the context.

    Attributes:
        name: in JSON.
        title: in Markdown.
        none: is told in Markdown where there are no items.
        items: of a context.
        form: of an item, in JSON.
        lines: of an item, in Markdown.
    """

    name: str
    title: str
    none: str
    items: Callable[[RecoveredContext], Sequence[Any]]
    form: Callable[[Any, Paths], object]
    lines: Callable[[Any, Paths], Sequence[str]]


@lru_cache(maxsize=4096)
def clipped(text: str, most: int = LONGEST_TEXT) -> str:
    """The text in one line, with what is not printable escaped, and cut where it takes more than
    ``most`` bytes, in JSON as in Markdown.
    """
    shown: list[str] = []
    size = 0
    for char in text[: most + 1]:
        told = char if char.isprintable() else " " if char in "\n\t" else _escaped(char)
        size += max(len(json.dumps(told)) - 2, len(_escaped(told)))
        if size > most:
            return f"{''.join(shown)}..."
        shown.append(told)
    return "".join(shown)


def code(text: str, most: int = LONGEST_TEXT) -> str:
    """The text in one line, as Markdown shows code."""
    return f"`{clipped(text, most).replace('`', _escaped('`'))}`"


def facts_of(context: RecoveredContext, longest: int) -> Mapping[str, object]:
    """What is known of the task itself, in JSON; no text takes more than ``longest`` bytes."""
    facts: dict[str, object] = {
        "task_id": clipped(context.task_id, longest),
        "verified_at": context.seen_at.isoformat(),
        "total_operations": context.operations,
        "all_verified": not context.failing,
        "task": None,
        "undeclared_note": clipped(context.why_not_looked, longest),
    }
    task = context.task
    if task is not None:
        facts["task"] = {
            "title": clipped(task.title, longest),
            "specialist_type": clipped(task.specialist_type, longest),
            "status": task.status.value,
            "attempt": task.attempt,
            "failures": task.failures,
            "crashes": task.crashes,
            "error": clipped(str(task.error), longest) if task.error else None,
            "summary": clipped(context.summary, longest),
            "next_action": clipped(context.next_action, longest),
            "parent_id": clipped(task.parent_id, longest) if task.parent_id else None,
            "updated_at": task.updated_at.isoformat(),
        }
    return facts


def told_facts(context: RecoveredContext, longest: int) -> Sequence[str]:
    """What is known of the task itself, in Markdown; as ``facts_of``."""
    task = context.task
    seen = f"- seen at {context.seen_at.isoformat(' ', 'seconds')}"
    files = f"- {_counted(context.operations, 'file operation')}, {len(context.failing)} not proven"
    if task is None:
        return ["- no task has this id; its operations were recorded under it", seen, files]
    tries = f"attempt {task.attempt}, {task.failures} failed, {task.crashes} crashed"
    facts = [f"- **{task.status}** ({tries}): {clipped(task.title, longest)}", seen, files]
    if task.error is not None:
        facts.append(f"- error: {clipped(str(task.error), longest)}")
    if context.summary:
        facts.append(f"- its specialist said: {clipped(context.summary, longest)}")
    if context.next_action:
        facts.append(f"- next, it said: {clipped(context.next_action, longest)}")
    return facts


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode().replace("`", r"\x60")


# -- open intents and findings ----------------------------------------------------------------


def _intent_form(finding: Finding, _: Paths) -> object:
    states = {"before": _state(finding.before), "now": _state(finding.after)}
    return {**_finding(finding), **states}


def _intent_lines(finding: Finding, _: Paths) -> Sequence[str]:
    return [f"- {finding.kind} {_way(finding)}: {clipped(finding.reason)}"]


def _failing_form(finding: Finding, _: Paths) -> object:
    return {**_finding(finding), "next_action": finding.remedy}


def _failing_lines(finding: Finding, _: Paths) -> Sequence[str]:
    told = f"- **{finding.verdict}** {finding.kind} {_way(finding)}: {clipped(finding.reason)}"
    return [told, f"  - next: {finding.remedy}"]


def _finding(finding: Finding) -> Mapping[str, object]:
    form = finding_form(finding)
    return {k: clipped(v) if isinstance(v, str) else v for k, v in form.items()}


def _way(finding: Finding) -> str:
    there = "" if finding.destination is None else f" -> {code(finding.destination)}"
    return f"{code(finding.path)}{there}"


# -- what has changed -------------------------------------------------------------------------


def _change_form(one: ChangedFile, diffs: Paths) -> object:
    net = one.net
    form: dict[str, object] = {
        "file_path": clipped(net.change.path),
        "kind": net.change.kind.value,
        "before": _state(net.change.before),
        "after": _state(net.change.after),
        "remarks": [clipped(remark) for remark in one.remarks],
        "added": one.diff.added,
        "removed": one.diff.removed,
    }
    return {**form, "diff": one.patch} if net.change.path in diffs else form


def _change_lines(one: ChangedFile, diffs: Paths) -> Sequence[str]:
    remarks = "; ".join(clipped(remark) for remark in one.remarks)
    counts = f" (+{one.diff.added} -{one.diff.removed})" if one.diff.text else ""
    told = f"- {one.net.change.kind} {code(one.net.change.path)}{counts}"
    lines = [f"{told}: {remarks}" if remarks else told]
    if one.net.change.path in diffs:
        fence = _fence(one.patch)
        shown = [_printable(line) for line in one.patch.removesuffix("\n").split("\n")]
        lines += ["", f"{fence}diff", *shown, fence, ""]
    return lines


def _fence(text: str) -> str:
    """A fence that nothing in the text can end."""
    runs = [len(list(run)) for char, run in groupby(text) if char == "`"]
    return "`" * max(3, max(runs, default=0) + 1)


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else _escaped(c) for c in line)


def _undeclared_form(one: Accounted, _: Paths) -> object:
    change = one.change
    return {
        "file_path": clipped(change.path),
        "kind": change.kind.value,
        "account": one.account.value,
        "before": _state(change.before),
        "after": _state(change.after),
    }


def _undeclared_lines(one: Accounted, _: Paths) -> Sequence[str]:
    doubt = "" if one.account is Account.UNDECLARED else ": nobody knows what was there before"
    return [f"- {one.change.kind} {code(one.change.path)}{doubt}"]


def _stale_form(one: StaleInput, _: Paths) -> object:
    states = {"read": _state(one.read), "now": _state(one.now)}
    facts = {"operation_id": clipped(one.operation_id), "file_path": clipped(one.path)}
    return {**facts, **states}


def _stale_lines(one: StaleInput, _: Paths) -> Sequence[str]:
    told = f"it read {clipped(name_of(one.read))}; now there is {clipped(name_of(one.now))}"
    return [f"- {code(one.path)}: {told}"]


def _state(state: Any) -> Mapping[str, object]:
    return {k: clipped(v) if isinstance(v, str) else v for k, v in form_of(state).items()}


# -- to go back to, and the rest --------------------------------------------------------------


def _snapshot_form(one: Snapshot, _: Paths) -> object:
    facts = {"snapshot_id": clipped(one.id), "label": clipped(one.label), "files": one.files}
    return {**facts, "kept": one.kept, "taken_at": one.ended_at.isoformat()}


def _snapshot_lines(one: Snapshot, _: Paths) -> Sequence[str]:
    label = f" {clipped(one.label)}" if one.label else ""
    taken = one.ended_at.isoformat(" ", "seconds")
    kept = f", {one.kept} with their contents" if one.kept else ""
    return [f"- snapshot {code(one.id)}{label}, of {taken}: {_counted(one.files, 'file')}{kept}"]


def _point_form(one: RestorePoint, _: Paths) -> object:
    return {
        "operation_id": clipped(one.operation.id),
        "kind": one.operation.kind.value,
        "file_path": clipped(one.operation.path),
        "before": _state(one.before),
        "recorded_at": one.operation.recorded_at.isoformat(),
    }


def _point_lines(one: RestorePoint, _: Paths) -> Sequence[str]:
    done = f"{one.operation.kind} {code(one.operation.path)}"
    told = f"before it there was {clipped(name_of(one.before))}"
    return [f"- operation {code(one.operation.id)}, {done}: {told}"]


def _unexamined_form(one: tuple[str, str], _: Paths) -> object:
    return {"file_path": clipped(one[0]), "reason": clipped(one[1])}


def _unexamined_lines(one: tuple[str, str], _: Paths) -> Sequence[str]:
    return [f"- {code(one[0])}: {clipped(one[1])}"]


def _child_form(child: Task, _: Paths) -> object:
    facts = {"task_id": clipped(child.id), "status": child.status.value}
    return {**facts, "title": clipped(child.title)}


def _child_lines(child: Task, _: Paths) -> Sequence[str]:
    return [f"- {child.status} {code(child.id)}: {clipped(child.title)}"]


def _step_form(step: StepOutline, _: Paths) -> object:
    facts = {"name": clipped(step.name), "occurrence": step.occurrence}
    return {**facts, "stands": clipped(step.stands)}


def _step_lines(step: StepOutline, _: Paths) -> Sequence[str]:
    number = "" if step.occurrence == 1 else f" #{step.occurrence}"
    return [f"- {code(step.name)}{number}: {clipped(step.stands)}"]


SECTIONS: Sequence[Section] = (
    Section(
        "open_intents",
        "Under way when it broke off",
        "Nothing that is known of.",
        lambda context: context.open_intents,
        _intent_form,
        _intent_lines,
    ),
    Section(
        "changes",
        "What it has changed",
        "Nothing.",
        lambda context: context.changes,
        _change_form,
        _change_lines,
    ),
    Section(
        "undeclared",
        "Changes that nobody declared",
        "None.",
        lambda context: context.undeclared or (),
        _undeclared_form,
        _undeclared_lines,
    ),
    Section(
        "failed_verifications",
        "What keeps it from being completed",
        "No file operation.",
        lambda context: context.failing,
        _failing_form,
        _failing_lines,
    ),
    Section(
        "stale_inputs",
        "Read by it, and changed since by others",
        "Nothing.",
        lambda context: context.stale,
        _stale_form,
        _stale_lines,
    ),
    Section(
        "snapshots",
        "Snapshots that were taken for it",
        "None.",
        lambda context: context.snapshots,
        _snapshot_form,
        _snapshot_lines,
    ),
    Section(
        "restore_points",
        "Operations that can be taken back",
        "None.",
        lambda context: context.restore_points,
        _point_form,
        _point_lines,
    ),
    Section(
        "not_examined",
        "Not looked at",
        "Nothing was left out.",
        lambda context: context.not_examined,
        _unexamined_form,
        _unexamined_lines,
    ),
    Section(
        "children",
        "Tasks that it has spawned",
        "None.",
        lambda context: context.children,
        _child_form,
        _child_lines,
    ),
    Section(
        "steps",
        "Its steps",
        "None is recorded.",
        lambda context: context.steps,
        _step_form,
        _step_lines,
    ),
)
