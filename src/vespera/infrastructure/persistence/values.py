"""How domain values look in a row, and domain values again."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, assert_never

from vespera.domain.errors import UnstorableValue
from vespera.domain.file_operation import (
    Absent,
    Destination,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import TaskFailure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware moment (UTC) again."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros_if_any(moment: datetime | None) -> int | None:
    """As ``to_micros``; None stays None."""
    return None if moment is None else to_micros(moment)


def from_micros_if_any(micros: int | None) -> datetime | None:
    """As ``from_micros``; None stays None."""
    return None if micros is None else from_micros(micros)


def to_path(path: str) -> bytes:
    """The path as the file system has it, also where it is no UTF-8.

    Raises:
        UnstorableValue: no file can have this path.
    """
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UnstorableValue("path", f"no file can be called {path!r}") from error


def from_path(path: bytes) -> str:
    """The path with surrogate escapes again."""
    return path.decode("utf-8", "surrogateescape")


def to_json(value: object, *, what: str) -> str:
    """Plain JSON; lone surrogates are escaped, so that any text comes back as it was.

    Raises:
        UnstorableValue: some part of the value has no JSON form; ``what`` names the value.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableValue(what, f"has no JSON form: {error}") from error


def to_mapping(mapping: Mapping[str, object], *, what: str) -> str:
    """As ``to_json``, for a mapping of any kind."""
    return to_json(dict(mapping), what=what) if mapping else "{}"


def to_failure(failure: TaskFailure | None) -> str | None:
    """A task's error as JSON."""
    if failure is None:
        return None
    return to_json([failure.error_types, failure.message, failure.traceback], what="error")


def from_failure(text: str | None) -> TaskFailure | None:
    """A task's error again."""
    if text is None:
        return None
    types, message, traceback = json.loads(text)
    return TaskFailure(error_types=tuple(types), message=message, traceback=traceback)


@lru_cache(maxsize=64)
def to_retry(policy: RetryPolicy) -> str:
    """A retry policy as JSON; kept, as most tasks share a few."""
    fields = ("max_attempts", "delay", "multiplier", "max_delay", "jitter", "retry_on")
    return to_json({name: getattr(policy, name) for name in fields}, what="retry")


@lru_cache(maxsize=64)
def from_retry(text: str) -> RetryPolicy:
    """The retry policy again."""
    return RetryPolicy.from_mapping(json.loads(text))


def to_state(state: PathState) -> str:
    """A path's state as JSON, tagged with its kind."""
    return to_json(plain_state(state), what="state")


def from_state(text: str) -> PathState:
    """The path's state again."""
    return state_from_plain(json.loads(text))


def to_arrival(destination: Destination) -> str:
    """What was seen where an operation leads to, as JSON."""
    seen = [plain_state(destination.before), plain_state(destination.after)]
    return to_json([*seen, destination.overwrites], what="arrival")


def from_arrival(path: bytes | None, arrival: str) -> Destination | None:
    """The destination again, if the operation has one."""
    if path is None:
        return None
    before, after, overwrites = json.loads(arrival)
    return Destination(
        path=from_path(path),
        before=state_from_plain(before),
        after=state_from_plain(after),
        overwrites=overwrites,
    )


def plain_state(state: PathState) -> list[object]:
    """A path's state as a list: its tag, then its fields."""
    match state:
        case Absent():
            return ["absent"]
        case FileState(digest, size, mode):
            return ["file", digest, size, mode]
        case SymlinkState(target):
            return ["symlink", target]
        case DirectoryState(mode):
            return ["directory", mode]
        case SpecialState(kind):
            return ["special", kind]
        case UnknownState(reason):
            return ["unknown", reason]
        case _:
            assert_never(state)


def state_from_plain(data: list[Any]) -> PathState:
    """The state that ``plain_state`` made the list of."""
    tag, *fields = data
    return _STATES[tag](*fields)


def storable_texts(texts: Collection[str]) -> list[str]:
    """Those that can be in the database at all: no stored text has a lone surrogate."""
    return [text for text in texts if _is_storable(text)]


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except (AttributeError, UnicodeEncodeError):  # no text at all, as an id from outside may be
        return False
    return True


_STATES: Mapping[str, Callable[..., PathState]] = {
    "absent": Absent,
    "file": FileState,
    "symlink": SymlinkState,
    "directory": DirectoryState,
    "special": SpecialState,
    "unknown": UnknownState,
}
