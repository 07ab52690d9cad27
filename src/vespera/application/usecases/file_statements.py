"""What callers say of file operations, checked before anything is recorded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import PathState
from vespera.domain.ids import TaskId

LARGEST_NOTE = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileStatement:
    """What the caller of a ``track_*`` method says besides the path."""

    operation_context: Mapping[str, object] | None
    metadata: Mapping[str, object] | None
    task_id: str | None
    after: bool
    expected: PathState | None

    @property
    def task(self) -> TaskId | None:
        """The task that is named, in an argument or in the context.

        Raises:
            InvalidRequest: the name is no id.
        """
        given: object = self.task_id
        if given is None and self.operation_context is not None:
            given = self.operation_context.get("task_id")
        return None if given is None else TaskId(checked_id(given, "task_id"))

    def check(self) -> None:
        """Refuse what cannot be recorded.

        Raises:
            InvalidRequest: an argument is of the wrong type or too large; it is named.
        """
        _check_mapping(self.operation_context, "operation_context")
        _check_mapping(self.metadata, "metadata")
        if self.expected is not None and not isinstance(self.expected, PathState):
            raise InvalidRequest("must be a PathState, as a verification gives", field="expected")
        if not isinstance(self.after, bool):
            raise InvalidRequest("must be True or False", field="after")


def checked_id(given: object, field: str) -> str:
    """The id, if it can be one.

    Raises:
        InvalidRequest: it is no text, empty, or not printable.
    """
    if not isinstance(given, str) or not given:
        raise InvalidRequest(f"must be text that is not empty, not {given!r}", field=field)
    if not given.isprintable():
        raise InvalidRequest(f"must be printable text, not {given!r}", field=field)
    return given


def _check_mapping(given: object, field: str) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"must be a mapping, not {type(given).__name__}", field=field)
    if not all(isinstance(key, str) for key in given):
        raise InvalidRequest("its keys must be text", field=field)
    try:
        size = len(json.dumps(dict(given), allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"must hold plain JSON values only: {error}", field=field) from error
    if size > LARGEST_NOTE:
        reason = f"{size:,} bytes are more than {LARGEST_NOTE:,}; store a file and note its path"
        raise InvalidRequest(reason, field=field)
