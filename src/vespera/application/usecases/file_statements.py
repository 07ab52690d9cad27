"""What callers say of file operations, checked before anything is recorded."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from vespera.application.ports.files import AnyPath
from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import DirectoryState, FileState, PathState, SymlinkState
from vespera.domain.ids import TaskId

LARGEST_NOTE = 64 * 1024
ALL_MODE_BITS = 0o7777
ATTEMPT = "vespera:attempt"
"""In a context: the attempt of the task that says it."""


class Said(TypedDict, total=False):
    """What any ``track_*`` method can be told."""

    operation_context: Mapping[str, object] | None
    metadata: Mapping[str, object] | None
    task_id: str | None
    after: bool
    expected: PathState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatement:
    """What the caller of a ``track_*`` method says besides the path.

    ``destination`` and ``overwrite``: of a move or a copy; ``mode``: of a change of mode.
    """

    operation_context: Mapping[str, object] | None = None
    metadata: Mapping[str, object] | None = None
    task_id: str | None = None
    after: bool = False
    expected: PathState | None = None
    destination: AnyPath | None = None
    overwrite: bool = False
    mode: int | None = None

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

    @property
    def attempt(self) -> int | None:
        """The attempt of the task, if the engine says it."""
        given = (self.operation_context or {}).get(ATTEMPT)
        return given if isinstance(given, int) else None

    @property
    def context(self) -> dict[str, object]:
        """The context that is recorded, beside what has a place of its own."""
        given = self.operation_context or {}
        return {key: value for key, value in given.items() if key != ATTEMPT}

    def check(self) -> None:
        """Refuse what cannot be recorded.

        Raises:
            InvalidRequest: an argument is of the wrong type or too large; it is named.
        """
        _check_mapping(self.operation_context, "operation_context")
        _check_mapping(self.metadata, "metadata")
        if self.expected is not None and not isinstance(self.expected, PathState):
            raise InvalidRequest("must be a PathState, as a verification gives", field="expected")
        for field in ("after", "overwrite"):
            checked_flag(getattr(self, field), field)
        if self.mode is not None:
            check_mode(self.mode)

    def expects(self, state: PathState) -> PathState | None:
        """What the act is to leave, of what was seen at its path."""
        if self.mode is None or self.expected is not None:
            return self.expected
        return with_mode(state, self.mode)


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


def checked_pattern(given: object) -> str:
    """A pattern of paths in the workspace, for an allowance.

    Raises:
        InvalidRequest: it is none, or would lead out of the workspace.
    """
    if not isinstance(given, str) or not given or "\0" in given:
        raise InvalidRequest(f"must be a pattern, as build/**, not {given!r}", field="pattern")
    if not {"", ".", ".."}.isdisjoint(given.split("/")):
        told = f"{given!r} must be relative to the workspace, without '.', '..' or empty parts"
        raise InvalidRequest(told, field="pattern")
    try:
        given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        told = f"{given!r} has characters that no file name can have"
        raise InvalidRequest(told, field="pattern") from None
    return given


def checked_flag(given: object, field: str) -> bool:
    """Yes or no.

    Raises:
        InvalidRequest: it is neither.
    """
    if not isinstance(given, bool):
        raise InvalidRequest("must be True or False", field=field)
    return given


def checked_bytes(given: object) -> bytes:
    """The content of a file.

    Raises:
        InvalidRequest: it is no bytes.
    """
    if not isinstance(given, bytes | bytearray | memoryview):
        raise InvalidRequest(f"must be bytes, not {type(given).__name__}", field="content")
    return bytes(given)


def encoded(text: object, encoding: str) -> bytes:
    """The content of a text file.

    Raises:
        InvalidRequest: it is no text, or cannot be written in this encoding.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"must be text, not {type(text).__name__}", field="content")
    try:
        return text.encode(encoding)
    except (UnicodeEncodeError, LookupError) as error:
        raise InvalidRequest(f"cannot be written: {error}", field="content") from error


def check_mode(mode: object) -> None:
    """Refuse what are no permission bits.

    Raises:
        InvalidRequest: they are none.
    """
    if not isinstance(mode, int) or isinstance(mode, bool) or not 0 <= mode <= ALL_MODE_BITS:
        raise InvalidRequest("must be permission bits (0 to 0o7777)", field="mode")


def link_to(target: object) -> SymlinkState:
    """The symbolic link that leads to ``target``.

    Raises:
        InvalidRequest: nothing can be stored in a link like this.
    """
    try:
        given = os.fspath(target)  # type: ignore[call-overload]  # anything may be given
    except TypeError:
        told = f"must be text, bytes or a PathLike, not {type(target).__name__}"
        raise InvalidRequest(told, field="target") from None
    text = given.decode("utf-8", "surrogateescape") if isinstance(given, bytes) else given
    if not text or "\0" in text:
        raise InvalidRequest("must not be empty, and have no NUL in it", field="target")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        told = f"{text!r} has characters that no file name can have"
        raise InvalidRequest(told, field="target") from None
    return SymlinkState(text)


def with_mode(state: PathState, mode: int) -> PathState | None:
    """The same thing with another mode; None if it has none."""
    return replace(state, mode=mode) if isinstance(state, FileState | DirectoryState) else None


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
