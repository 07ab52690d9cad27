"""Whether what is stored is what the audit trail tells of it."""

import json
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    TaskRepository,
)
from vespera.domain.audit import AuditEntry, AuditFlaw, canonical
from vespera.domain.audited_records import (
    COMPLETION,
    FILE_OPERATION,
    RECORD_IDS,
    REPORT,
    WITHDRAWAL,
    completion_payload,
    operation_payload,
    report_payload,
)
from vespera.domain.ids import OperationId, ReportId, TaskId

_AT_ONCE = 100
Payloads = Mapping[str, Mapping[str, object]]


@dataclass(slots=True)
class ToldRecord:
    """What entries tell of one record.

    Attributes:
        number: of the last entry.
        task_id: whose record it is.
        forms: digests of what it may be now.
    """

    number: int
    task_id: str | None
    forms: list[bytes]


@dataclass(slots=True)
class ToldRecords:
    """What the entries of a trail tell, as far as it was read; the last entry on a record counts.

    ``more`` is for those that come after the records were read: they may have been changed since.
    """

    records: dict[tuple[str, str], ToldRecord] = field(default_factory=dict)

    def take(self, entry: AuditEntry, *, more: bool = False) -> None:
        """The next entry. What it does not tell in the form of its kind is no matter."""
        name, task_id = _named(entry)
        if entry.kind == WITHDRAWAL:
            self.records.pop((FILE_OPERATION, name), None)
        before = self.records.get((entry.kind, name))
        if entry.kind not in RECORD_IDS or not name or (more and before is None):
            return
        forms = [*(before.forms if more and before else ()), _form(entry.payload)]
        self.records[entry.kind, name] = ToldRecord(entry.number, task_id, forms)

    def ids(self, kind: str) -> Sequence[str]:
        """Of the records of this kind."""
        return [name for record_kind, name in self.records if record_kind == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRecords:
    """Reads the records that a trail tells of."""

    operations: FileOperationRepository
    reports: ReportRepository
    tasks: TaskRepository

    async def read(self, told: ToldRecords) -> Mapping[tuple[str, str], bytes]:
        """Digests of those records that are there."""
        loaders: Mapping[str, Callable[[Sequence[str]], Awaitable[Payloads]]] = {
            FILE_OPERATION: self._operations,
            REPORT: self._reports,
            COMPLETION: self._completions,
        }
        found: dict[tuple[str, str], bytes] = {}
        for kind, load in loaders.items():
            for chunk in _chunks(told.ids(kind)):
                for name, payload in (await load(chunk)).items():
                    found[kind, name] = _form(canonical(payload))
        return found

    async def flaw(
        self, told: ToldRecords, found: Mapping[tuple[str, str], bytes]
    ) -> AuditFlaw | None:
        """The first entry that tells otherwise than what is stored.

        What is gone together with its task was purged. A task cannot be gone alone: what else is
        stored of it refers to it.
        """
        wrong = [
            (one.number, one.task_id, *name)
            for name, one in told.records.items()
            if found.get(name) not in one.forms
        ]
        gone = {task for _, task, kind, name in wrong if (kind, name) not in found and task}
        there = await self._there(gone)
        for number, task, kind, name in sorted(wrong, key=lambda each: each[0]):
            if (kind, name) in found:
                return AuditFlaw(number, f"it tells otherwise of the {kind} {name!r}, as stored")
            if task in there:
                return AuditFlaw(number, f"the {kind} {name!r} that it tells of is gone")
        return None

    async def _there(self, task_ids: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        for chunk in _chunks(sorted(task_ids)):
            found.update(await self.tasks.find([TaskId(one) for one in chunk]))
        return found

    async def _operations(self, ids: Sequence[str]) -> Payloads:
        found = await self.operations.find([OperationId(one) for one in ids])
        return {one.id: operation_payload(one) for one in found.values()}

    async def _reports(self, ids: Sequence[str]) -> Payloads:
        found = [await self.reports.get(ReportId(one)) for one in ids]
        return {one.id: report_payload(one) for one in found if one is not None}

    async def _completions(self, ids: Sequence[str]) -> Payloads:
        found = await self.tasks.find([TaskId(one) for one in ids])
        return {one.id: completion_payload(one) for one in found.values()}


def _named(entry: AuditEntry) -> tuple[str, str | None]:
    """The record that an entry tells of, and its task; empty if it tells of none."""
    try:
        payload: Any = json.loads(entry.payload)
        name, task_id = payload[RECORD_IDS.get(entry.kind, "operation_id")], payload["task_id"]
    except (ValueError, LookupError, TypeError):
        return "", None
    return (name if isinstance(name, str) else ""), task_id if isinstance(task_id, str) else None


def _form(payload: str) -> bytes:
    return sha256(payload.encode()).digest()


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
