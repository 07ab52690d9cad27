"""Audit a directory of Python source: ``vespera run examples/codebase_audit/audit.py``."""

import asyncio
import os
import platform
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from codebase_audit.analysis import ModuleReport, digest_of, printable
from codebase_audit.container import AuditContainer, home_in
from codebase_audit.odd_sources import odd_sources
from codebase_audit.overview import Overview
from codebase_audit.plan import Entry, Found, Plan, PlanFile, first_plan, next_plan, superseded
from codebase_audit.sources import (
    Source,
    SourceReader,
    Unreadable,
    find_modules,
    standard_library,
)
from codebase_audit.specialists import PAGE
from codebase_audit.summary import Audited, NotMade
from vespera import TaskOrchestrator, TaskResult, TaskStatus
from vespera.domain.errors import InvalidRequest

FIELDS = ("source", "limit")
STOPPED = {TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.ASSIGNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to audit, and at most how many modules of it.

    Without a ``source`` it is the standard library and some odd fixtures.
    """

    source: Path | None = None
    limit: int | None = None


async def main(container: AuditContainer, input: object) -> Audited | NotMade:
    """Audit what ``input`` wishes for.

    Args:
        container: wired, and working.
        input: a mapping with ``source`` (a directory) and ``limit`` (a number), both optional.

    Returns:
        The summary; or why there is no report. The next run tries again what failed.
    """
    wish = parse_wish(input)
    workspace = str(container.config.workspace())
    orchestrator = container.get(TaskOrchestrator)
    plan = await _renew(home_in(workspace), wish, container.get(SourceReader), orchestrator)
    created = await orchestrator.create_tasks(plan.requests)
    page = await orchestrator.wait_for_completion(plan.page_id)
    if not page.completed:
        stands = created if not created[-1].success else await _stands(plan, orchestrator)
        return NotMade(stopped=[stand for stand in stands if stand.error])
    return Audited(
        overview=cast("Overview", page.result),
        report=printable(str(Path(workspace, PAGE))),
        verify=f"{_vespera()} verify --workspace {shlex.quote(workspace)}",
    )


def parse_wish(given: object) -> Wish:
    """The wish that the program's input is.

    Raises:
        InvalidRequest: a field is unknown or wrong; the error names it.
    """
    if given is None:
        return Wish()
    if not isinstance(given, Mapping):
        raise InvalidRequest('must be an object like {"source": "src"}', field="input")
    for name in given:
        if name not in FIELDS:
            raise InvalidRequest(f"unknown field; known are {', '.join(FIELDS)}", field=str(name))
    return Wish(source=_directory(given.get("source")), limit=_limit(given.get("limit")))


def _directory(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value:
        raise InvalidRequest("must be the path of a directory", field="source")
    path = Path(value).expanduser()
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise InvalidRequest(f"{value!r} {what}", field="source")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InvalidRequest(f"{value!r} cannot be listed", field="source")
    return path.resolve()


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest("must be a whole number above 0", field="limit")
    return value


async def _renew(
    home: Path, wish: Wish, reader: SourceReader, orchestrator: TaskOrchestrator
) -> Plan:
    """The last plan, if it still holds; else a new one, and what it replaces is called off."""
    file = PlanFile(home / "plan.json")
    fresh, last = await asyncio.to_thread(_survey, home, wish, reader), file.load()
    if last is None:
        file.save(fresh)
        return fresh
    *audits, page = await _stands(last, orchestrator)
    spoiled = _outdated(last.entries, audits) | _stopped([*audits, page])
    plan = next_plan(last, fresh, spoiled=spoiled, published=page.completed)
    if plan is not last:
        for task_id in superseded(last, plan):
            await orchestrator.cancel_task(task_id, reason="the source has changed")
        file.save(plan)
    return plan


async def _stands(plan: Plan, orchestrator: TaskOrchestrator) -> Sequence[TaskResult]:
    return [await orchestrator.get_task_status(task_id) for task_id in plan.task_ids]


def _stopped(stands: Iterable[TaskResult]) -> set[str]:
    """The ids of the tasks that will never complete by themselves."""
    return {
        stand.task_id
        for stand in stands
        if stand.task_id
        and (stand.status in STOPPED or (stand.status is TaskStatus.EXECUTED and stand.error))
    }


def _outdated(entries: Iterable[Entry], audits: Iterable[TaskResult]) -> set[str]:
    """The ids of the audits that met another source than the plan was made of."""
    return {
        entry.task_id
        for entry, audit in zip(entries, audits, strict=True)
        if isinstance(audit.result, ModuleReport) and audit.result.digest != entry.found.digest
    }


def _survey(home: Path, wish: Wish, reader: SourceReader) -> Plan:
    """A plan of the modules as they are now."""
    if wish.source is not None:
        label = printable(wish.source.name) or "/"
        sources = [Source(root=wish.source)]
    else:
        label = f"Python {platform.python_version()}: the standard library, and odd sources"
        sources = [standard_library(), *odd_sources(home / "odd")]
    modules = [module for source in sources for module in find_modules(source)][: wish.limit]
    found = [Found(module=m, digest=_digest(reader, m.root, m.file)) for m in modules]
    return first_plan(found, label=label, program=_program(), edition=secrets.token_hex(8))


def _digest(reader: SourceReader, root: str, file: str) -> str:
    try:
        return digest_of(reader.read(root, file))
    except Unreadable as error:
        return error.digest


def _program() -> str:
    """Stands for this program: what another version of it has audited is audited anew."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *(here / "assets").iterdir()])
    return digest_of(b"\0".join([sys.version.encode(), *(file.read_bytes() for file in files)]))


def _vespera() -> str:
    """How to call the command line: as this program was called, if it is not on the path."""
    called = sys.argv[0]
    if shutil.which("vespera") or Path(called).name != "vespera":
        return "vespera"
    return shlex.quote(called)
