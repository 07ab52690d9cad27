"""What is to be audited, so that a run after an interruption, or after a change, does no more
than what is left to do.

Each plan has an edition. A module keeps the edition in which its source was last seen to change,
and the edition is part of its task's key: an unchanged module finds the task it has, a changed
one gets a new task, also when it changes back to what it was before.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from codebase_audit.sources import Module

Request = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A module as it was found: its digest stands for its content."""

    module: Module
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A module to be audited, since ``edition``."""

    found: Found
    edition: str

    @property
    def task_id(self) -> str:
        """The id of the task that audits it."""
        return _id_of(self._key)

    @property
    def request(self) -> Request:
        """The task that audits it."""
        module = self.found.module
        return {
            "title": f"Audit {module.name}"[:200],
            "specialist_type": "analyst",
            "payload": {
                "name": module.name,
                "report": module.report,
                "root": os.fsencode(module.root),
                "file": os.fsencode(module.file),
            },
            "completion": "auto",
            "idempotency_key": self._key,
            "task_id": self.task_id,
        }

    @property
    def _key(self) -> str:
        return f"audit:{self.edition}:{self.found.module.report}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All modules of one edition.

    ``program`` stands for the audit program that it is made for, ``retired`` are reports of
    earlier editions whose modules are gone.
    """

    edition: str
    program: str
    label: str
    entries: Sequence[Entry]
    retired: Sequence[str] = ()

    @property
    def page_id(self) -> str:
        """The id of the task that writes the page."""
        return _id_of(self._page_key)

    @property
    def requests(self) -> Sequence[Request]:
        """A task for each module, and at last the one that waits for all of them."""
        page = {
            "title": f"Report on {self.label}"[:200],
            "specialist_type": "editor",
            "payload": {"label": self.label, "retired": list(self.retired)},
            "depends_on": [entry.task_id for entry in self.entries],
            "completion": "auto",
            "idempotency_key": self._page_key,
            "task_id": self.page_id,
        }
        return [*(entry.request for entry in self.entries), page]

    @property
    def task_ids(self) -> Sequence[str]:
        """The ids of all tasks; the page's is the last."""
        return [*(entry.task_id for entry in self.entries), self.page_id]

    @property
    def _page_key(self) -> str:
        return f"page:{self.edition}"


def first_plan(found: Sequence[Found], *, label: str, program: str, edition: str) -> Plan:
    """The plan of a workspace that has none yet."""
    entries = tuple(Entry(found=f, edition=edition) for f in found)
    return Plan(edition=edition, program=program, label=label, entries=entries)


def next_plan(
    last: Plan, fresh: Plan, *, spoiled: Collection[str] = (), published: bool = True
) -> Plan:
    """What is left to do of ``fresh`` after ``last``; ``last`` itself if nothing has changed.

    Args:
        last: the plan before.
        fresh: a first plan of what is there now, in an edition that no plan had before.
        spoiled: ids of tasks of ``last`` that will never complete.
        published: whether the page of ``last`` was written, and what it retired is gone.
    """
    same_program = fresh.program == last.program
    known = {
        entry.found: entry
        for entry in last.entries
        if same_program and entry.task_id not in spoiled
    }
    entries = tuple(known.get(entry.found, entry) for entry in fresh.entries)
    unchanged = (fresh.label, fresh.program, entries) == (last.label, last.program, last.entries)
    if unchanged and last.page_id not in spoiled:
        return last
    reports = {entry.found.module.report for entry in entries}
    before = {entry.found.module.report for entry in last.entries}
    gone = (before if published else before | set(last.retired)) - reports
    return replace(fresh, entries=entries, retired=tuple(sorted(gone)))


def superseded(last: Plan, plan: Plan) -> Sequence[str]:
    """The ids of the last plan's tasks that are not in the new one."""
    kept = set(plan.task_ids)
    return [task_id for task_id in reversed(last.task_ids) if task_id not in kept]


class PlanFile:
    """Keeps the last plan. If it is lost, everything is audited anew; nothing goes wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Plan | None:
        """The plan that was saved last, if it can be read."""
        try:
            return _plan(json.loads(self._path.read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, plan: Plan) -> None:
        """Keep this plan instead of the last, or the last if the process dies meanwhile."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(asdict(plan)))
        beside.replace(self._path)


def _plan(saved: Mapping[str, Any]) -> Plan:
    entries = tuple(
        Entry(
            found=Found(module=Module(**e["found"]["module"]), digest=e["found"]["digest"]),
            edition=e["edition"],
        )
        for e in saved["entries"]
    )
    return Plan(**{**saved, "entries": entries, "retired": tuple(saved["retired"])})


def _id_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
