"""Who does the work: the analyst audits one module, the editor makes a report of them all."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from codebase_audit.analysis import ModuleReport, Status, analyse, printable
from codebase_audit.audit_log import AuditLog
from codebase_audit.overview import overview_of, percent
from codebase_audit.report_page import page_of
from codebase_audit.sources import Module, SourceReader, Unreadable, name_notes
from codebase_audit.summary import markdown_of
from vespera import FileStore, TaskContext, TaskOutcome
from vespera.domain.errors import FileUnreadable

PAGE = "report/index.html"
SUMMARY = "report/summary.md"


class Analyst:
    """Audits one module and writes its report."""

    def __init__(self, *, reader: SourceReader, log: AuditLog, files: FileStore) -> None:
        self._reader, self._log, self._files = reader, log, files

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``ModuleReport``."""
        module = Module(
            name=cast("str", task.payload["name"]),
            report=cast("str", task.payload["report"]),
            root=os.fsdecode(cast("bytes", task.payload["root"])),
            file=os.fsdecode(cast("bytes", task.payload["file"])),
        )
        report = await task.step("audit", asyncio.to_thread, self._audit, module)
        path = report_path(module.report)
        await _publish(task, self._files, path, json_of(report))
        return TaskOutcome(summary=_told(report), artifacts=[path], result=report)

    def _audit(self, module: Module) -> ModuleReport:
        report = self._report(module)
        self._log.record(module.report)
        return report

    def _report(self, module: Module) -> ModuleReport:
        path, notes = printable(module.file), name_notes(module.file)
        try:
            source = self._reader.read(module.root, module.file)
        except Unreadable as error:
            return ModuleReport(
                module=module.name,
                path=path,
                report=module.report,
                status=Status.UNREADABLE,
                reason=str(error),
                notes=notes,
                digest=error.digest,
            )
        return analyse(source, module=module.name, path=path, report=module.report, notes=notes)


class Editor:
    """Makes the page and the summary of all modules' reports."""

    def __init__(self, *, files: FileStore) -> None:
        self._files = files

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``Overview``."""
        outcomes = await task.dependencies()
        reports = [cast("ModuleReport", outcome.result) for outcome in outcomes.values()]
        overview = overview_of(cast("str", task.payload["label"]), reports)
        await _retire(task, cast("Sequence[str]", task.payload["retired"]))
        await _publish(task, self._files, SUMMARY, markdown_of(overview))
        await _publish(task, self._files, PAGE, page_of(overview, reports))
        told = f"{overview.modules:,} modules, {overview.findings_count:,} findings"
        return TaskOutcome(summary=told, artifacts=[PAGE, SUMMARY], result=overview)


def report_path(name: str) -> str:
    """Where in the workspace a module's report is."""
    return f"report/{name}.json"


def json_of(report: ModuleReport) -> str:
    """A module's report as it is written: a line per field, and per entry of a list."""
    coverage = percent(report.documented, report.documentable)
    figures = {**asdict(report), "docstring_coverage": coverage and round(coverage, 1)}
    fields = [f" {json.dumps(name)}: {_json(value)}" for name, value in figures.items()]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _json(value: object) -> str:
    if not value or not isinstance(value, list | tuple):
        return json.dumps(value, ensure_ascii=False)
    entries = [json.dumps(entry, ensure_ascii=False) for entry in value]
    return "[\n  " + ",\n  ".join(entries) + "\n ]"


async def _publish(task: TaskContext, files: FileStore, path: str, text: str) -> None:
    """Write the file; or read it, if it says just that already.

    To write it again would change nothing, and a modification that changes nothing proves nothing.
    What was found is remembered in a step: a replay must go the same way.
    """
    if await task.step(f"compare {path}", _says, files, path, text.encode()):
        await task.files.read_bytes(path)
    else:
        await task.files.write_text(path, text)


async def _says(files: FileStore, path: str, content: bytes) -> bool:
    try:
        return await files.read(path) == content
    except FileUnreadable:
        return False


async def _retire(task: TaskContext, reports: Sequence[str]) -> None:
    for report in reports:
        try:
            await task.files.delete(report_path(report))
        except FileUnreadable:
            continue  # its audit was called off before it wrote anything


def _told(report: ModuleReport) -> str:
    if report.status is not Status.AUDITED:
        return f"{report.status}: {report.reason}"
    return f"{report.lines:,} lines, {len(report.functions):,} functions"
