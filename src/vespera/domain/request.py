"""Turn what a caller asks for, in whichever form, into a checked ``TaskRequest``."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from difflib import get_close_matches

from vespera.domain.errors import InvalidRequest
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import Completion, TaskOutcome, TaskRequest

LONGEST_TEXT = 10_000
LARGEST_PRIORITY = 2**31 - 1

Given = TaskRequest | Mapping[str, object] | None


def parse_request(given: Given, named: Mapping[str, object]) -> TaskRequest:
    """The request that ``given`` (a mapping or a ``TaskRequest``) and the keywords describe.

    Raises:
        InvalidRequest: a field is missing, unknown or wrong; the error names it.
    """
    if isinstance(given, TaskRequest):
        _known_only(named, _REQUEST_FIELDS)
        values = {name: getattr(given, name) for name in _REQUEST_FIELDS} | dict(named)
    else:
        values = _merged(given, named, _REQUEST_FIELDS)
    if "title" not in values:
        raise InvalidRequest("is missing; give the task a title", field="title")
    return TaskRequest(**{name: _CHECKS[name](value, name) for name, value in values.items()})  # type: ignore[arg-type]


def parse_outcome(
    given: TaskOutcome | Mapping[str, object] | None, named: Mapping[str, object], base: TaskOutcome
) -> TaskOutcome:
    """``base`` with what is said at the sign-off put over it.

    Raises:
        InvalidRequest: a field is unknown or wrong; the error names it.
    """
    if isinstance(given, TaskOutcome):
        given = {name: getattr(given, name) for name in _OUTCOME_FIELDS}
    values = _merged(given, named, _OUTCOME_FIELDS)
    return replace(base, **{name: _OUTCOME_CHECKS[name](v, name) for name, v in values.items()})  # type: ignore[arg-type]


def _merged(
    given: Mapping[str, object] | None, named: Mapping[str, object], known: Sequence[str]
) -> dict[str, object]:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidRequest(f"expected a mapping or keywords, got {_kind(given)}", field="request")
    values = {**(given or {}), **named}
    _known_only(values, known)
    return values


def _known_only(values: Mapping[str, object], known: Sequence[str]) -> None:
    for name in values:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InvalidRequest(f"unknown field; {hint}", field=str(name))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"must be text, got {_kind(value)}", field=name)
    if len(value) > LONGEST_TEXT:
        raise InvalidRequest(f"is longer than {LONGEST_TEXT:,} characters", field=name)
    if "\0" in value or not _encodable(value):
        raise InvalidRequest("has a NUL or a lone surrogate, which cannot be stored", field=name)
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _filled_text(value: object, name: str) -> str:
    text = _text(value, name)
    if not text.strip():
        raise InvalidRequest("must not be empty", field=name)
    return text


def _optional_text(value: object, name: str) -> str | None:
    return None if value is None else _filled_text(value, name)


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"must be a mapping, got {_kind(value)}", field=name)
    for key in value:
        if not isinstance(key, str):
            raise InvalidRequest(f"keys must be text, got {_kind(key)} {key!r}", field=name)
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise InvalidRequest(f"must be a list of texts, got {_kind(value)}", field=name)
    items = sorted(value) if isinstance(value, set | frozenset) else value
    return tuple(dict.fromkeys(_filled_text(item, f"{name}[{i}]") for i, item in enumerate(items)))


def _priority(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"must be a whole number, got {_kind(value)}", field=name)
    if abs(value) > LARGEST_PRIORITY:
        raise InvalidRequest(f"must lie within ±{LARGEST_PRIORITY:,}", field=name)
    return value


def _seconds(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"must be a number of seconds, got {_kind(value)}", field=name)
    if not math.isfinite(value) or value <= 0:
        raise InvalidRequest("must be a finite number of seconds above 0", field=name)
    return float(value)


def _retry(value: object, name: str) -> RetryPolicy:
    if isinstance(value, RetryPolicy):
        return value
    if isinstance(value, Mapping):
        return RetryPolicy.from_mapping(value)
    raise InvalidRequest(f"must be a RetryPolicy or a mapping, got {_kind(value)}", field=name)


def _moment(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidRequest("must be a datetime with a time zone", field=name)
    return value


def _completion(value: object, name: str) -> Completion:
    try:
        return Completion(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(Completion)
        raise InvalidRequest(f"must be one of {known}, got {value!r}", field=name) from None


def _anything(value: object, _name: str) -> object:
    return value


def _kind(value: object) -> str:
    return type(value).__name__


_CHECKS: Mapping[str, Callable[[object, str], object]] = {
    "title": _filled_text,
    "description": _text,
    "specialist_type": _filled_text,
    "payload": _mapping,
    "depends_on": _texts,
    "parent_id": _optional_text,
    "priority": _priority,
    "timeout": _seconds,
    "retry": _retry,
    "idempotency_key": _optional_text,
    "run_after": _moment,
    "task_id": _optional_text,
    "completion": _completion,
}
_OUTCOME_CHECKS: Mapping[str, Callable[[object, str], object]] = {
    "summary": _text,
    "artifacts": _texts,
    "next_action": _text,
    "result": _anything,
}
_REQUEST_FIELDS = tuple(f.name for f in fields(TaskRequest))
_OUTCOME_FIELDS = tuple(f.name for f in fields(TaskOutcome))
