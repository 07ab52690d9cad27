"""A task's whole history as one JSON document, and again.

The fields are those of the stored things themselves. A value is ``{"value": for people,
"stored": the lossless form, with tags}``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vespera.application.ports.codec import Codec, ValueForms
from vespera.application.ports.histories import Relative, TaskHistory
from vespera.application.usecases.plain_fields import from_plain, to_plain
from vespera.domain.cost import CostEntry
from vespera.domain.errors import InvalidRequest, PayloadError, UnreadableValue
from vespera.domain.event import TaskEvent
from vespera.domain.file_operation import FileOperation
from vespera.domain.history import check_history
from vespera.domain.progress import Progress
from vespera.domain.signal import Signal
from vespera.domain.step import Heartbeat, StepRecord
from vespera.domain.task import Task
from vespera.domain.verification import Report

VERSION: Final = 1
_LISTS: Mapping[str, type] = {
    "depends_on": Relative,
    "children": Relative,
    "steps": StepRecord,
    "signals": Signal,
    "heartbeats": Heartbeat,
    "file_operations": FileOperation,
    "costs": CostEntry,
}
_NAMES = {"file_operations": "operations"}
_HEAD = ("vespera", "exported_at", "redacted", "task", "progress", "report", "events")
_OF_TASK = frozenset({"steps", "signals", "heartbeats", "costs"})
"""Lists whose items all have the task's id, which is not repeated in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryForm:
    """Writes and reads documents."""

    codec: Codec
    forms: ValueForms

    def document(
        self,
        history: TaskHistory,
        events: Sequence[TaskEvent],
        *,
        at: datetime,
        redact: bool = False,
    ) -> dict[str, object]:
        """The document of a history; with ``redact``, values are left out."""

        def value(data: bytes) -> object:
            return {"redacted": True} if redact else self._value(data)

        written: dict[str, object] = {
            "vespera": VERSION,
            "exported_at": at.isoformat(),
            "redacted": redact,
            "task": to_plain(history.task, value),
        }
        for name in _LISTS:
            items: Any = to_plain(getattr(history, _NAMES.get(name, name)), value)
            if name in _OF_TASK:
                items = [{k: v for k, v in item.items() if k != "task_id"} for item in items]
            written[name] = items
        written["progress"] = to_plain(history.progress, value)
        written["report"] = to_plain(history.report, value)
        told: Any = to_plain(tuple(events), value)
        written["events"] = told
        return _without_words(written) if redact else written

    def history(self, document: object) -> TaskHistory:
        """The history that a document tells; its events are not part of it.

        Raises:
            InvalidRequest: it is none, or damaged; its ``field`` is the place in the document.
        """
        given = _checked_head(document)
        task = self._read(Task, given["task"], "task")
        lists: dict[str, Any] = {}
        for name, kind in _LISTS.items():
            items = given.get(name, [])
            if not isinstance(items, list | tuple):
                raise InvalidRequest("must be a list", field=name)
            more = {"task_id": task.id} if name in _OF_TASK else {}
            lists[_NAMES.get(name, name)] = tuple(
                self._read(kind, _with(item, more), f"{name}[{i}]") for i, item in enumerate(items)
            )
        progress = self._optional(Progress, given, "progress")
        report = self._optional(Report, given, "report")
        history = TaskHistory(task=task, progress=progress, report=report, **lists)
        check_history(
            history.task,
            steps=history.steps,
            signals=history.signals,
            operations=history.operations,
            report=report,
            costs=history.costs,
        )
        return history

    def _optional(self, kind: type[Any], given: Mapping[str, Any], name: str) -> Any:
        found = given.get(name)
        return None if found is None else self._read(kind, found, name)

    def _read(self, kind: type[Any], given: object, place: str) -> Any:
        return from_plain(kind, given, place, self._stored)

    def _value(self, data: bytes) -> object:
        try:
            text = self.forms.to_json(data)
        except UnreadableValue as error:
            return {"unreadable": str(error)}
        return {"value": self.codec.plain(data), "stored": json.loads(text)}

    def _stored(self, given: object, place: str) -> bytes:
        if not isinstance(given, Mapping) or "stored" not in given:
            reason = given.get("unreadable") if isinstance(given, Mapping) else None
            told = f"could not be read when it was exported: {reason}" if reason else "is missing"
            raise InvalidRequest(told, field=f"{place}.stored")
        place = f"{place}.stored"
        try:
            text = json.dumps(given["stored"], allow_nan=False, ensure_ascii=False).encode()
            return self.forms.from_json(text, what=place)
        except PayloadError as error:
            raise InvalidRequest(str(error).removeprefix(f"{place}: "), field=place) from error
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"is no JSON: {error}", field=place) from error


def _checked_head(document: object) -> Mapping[str, Any]:
    if not isinstance(document, Mapping) or "vespera" not in document:
        raise InvalidRequest(
            "is no exported task: an object with a field 'vespera' was expected", field="history"
        )
    if document["vespera"] != VERSION or isinstance(document["vespera"], bool):
        raise InvalidRequest(
            f"is {document['vespera']!r}; this version of Vespera reads {VERSION}", field="vespera"
        )
    if document.get("redacted"):
        raise InvalidRequest(
            "its values were left out; export it again without redacting", field="redacted"
        )
    for name in document:
        if name not in _HEAD and name not in _LISTS:
            raise InvalidRequest("is unknown; a newer version wrote it", field=str(name))
    if "task" not in document:
        raise InvalidRequest("is missing", field="task")
    return document


def _with(item: object, more: Mapping[str, object]) -> object:
    return {**item, **more} if isinstance(item, Mapping) else item


_WORDS = frozenset({"message", "traceback", "context", "metadata", "error"})
"""Fields in which a handler's values may be told in words."""


def _without_words(written: Any) -> Any:
    """What is left out of a redacted document beside the values themselves."""
    if isinstance(written, dict):
        return {
            name: _redacted(item) if name in _WORDS else _without_words(item)
            for name, item in written.items()
        }
    return [_without_words(item) for item in written] if isinstance(written, list) else written


def _redacted(item: object) -> object:
    if isinstance(item, dict) and "error_types" in item:
        return {**item, "message": "(redacted)", "traceback": "(redacted)"}
    if item == {"redacted": True} or not item:
        return item
    return {} if isinstance(item, dict) else "(redacted)"
