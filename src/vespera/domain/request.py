"""Turn what a caller asks for, in whichever form, into a checked ``TaskRequest``."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TypeVar

from vespera.domain.dedup import check_dedup
from vespera.domain.errors import InvalidRequest
from vespera.domain.flow import ALL_TYPES
from vespera.domain.ids import TaskId
from vespera.domain.retry import LARGEST_WHOLE, TEN_YEARS, RetryPolicy, number_of, whole_number_of
from vespera.domain.task import (
    Completion,
    OnFailedDependency,
    ParentEnd,
    TaskOutcome,
    TaskRequest,
)

LONGEST_TEXT = 10_000
FIRST_YEAR, LAST_YEAR = 1970, 9000  # leaves room for the delays of ten years that may be added

Given = TaskRequest | Mapping[str, object] | None
OneRequest = TypeVar("OneRequest")


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
    request = TaskRequest(**{name: _CHECKS[name](value, name) for name, value in values.items()})  # type: ignore[arg-type]
    check_dedup(request)
    return request


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


def request_digest(request: TaskRequest) -> str:
    """Tells parsed requests apart, whoever signs the task off, but for their payloads.

    A digest of those would tell of a payload that is stored encrypted; see ``Codec.same``.
    """
    names = [name for name in _REQUEST_FIELDS if name not in {"payload", "completion"}]
    said = [getattr(request, name) for name in names]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def task_id_of(value: object) -> TaskId:
    """The id of a task, as given by a caller.

    Raises:
        InvalidRequest: it is no text, or a text that no task can have as its id.
    """
    return TaskId(_filled_text(value, "task_id"))


def signal_name_of(value: object, field: str) -> str:
    """The name or the id of a signal, as given by a caller.

    Raises:
        InvalidRequest: it is no text, or empty.
    """
    return _filled_text(value, field)


def filled_text_of(value: object, field: str) -> str:
    """A text that can be stored and says something.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return _filled_text(value, field)


def template_of(request: TaskRequest) -> Mapping[str, object]:
    """The fields of a parsed request that are not as they are by default."""
    plain = TaskRequest(title=request.title)
    said = {name: getattr(request, name) for name in _REQUEST_FIELDS}
    return {n: v for n, v in said.items() if n == "title" or v != getattr(plain, n)}


def specialist_type_of(value: object) -> str:
    """The name of a type of tasks, as given by a caller.

    Raises:
        InvalidRequest: it is no text, or one that no type can have as its name.
    """
    return _type_name(value, "specialist_type")


def seconds_of(value: object, field: str) -> float | None:
    """A time in seconds, from 0 to ten years; None stays None.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if value is None:
        return None
    return number_of(value, field, least=0, most=TEN_YEARS, what="a number of seconds")


def requests_of(value: Iterable[OneRequest]) -> list[OneRequest]:
    """Several requests, as given by a caller; none of them is looked at.

    Raises:
        InvalidRequest: they are no list, nor anything else that could be gone through.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidRequest(f"expected a list of requests, got {_kind(value)}", field="requests")
    return list(value)


def time_limit_of(value: object, field: str) -> float | None:
    """A time in seconds, up to ten years, that is not 0; None stays None.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return _time_limit(value, field)


def text_of(value: object, field: str) -> str:
    """Text that can be stored, of at most 10,000 characters.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return _text(value, field)


def optional_text_of(value: object, field: str) -> str | None:
    """Text that is not blank; None stays None.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return _optional_text(value, field)


def optional_moment_of(value: object, field: str) -> datetime | None:
    """A moment with a time zone, in UTC; None stays None.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    return _moment(value, field)


def mapping_of(value: object, field: str) -> Mapping[str, object]:
    """A mapping with text for keys, as given by a caller.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    _check_real(value, field)
    return _mapping(value, field)


def known_only(values: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse fields that do not exist.

    Raises:
        InvalidRequest: there is one; the error names it, and the one that may be meant.
    """
    _known_only(values, known)


def span_of(value: object, field: str) -> timedelta:
    """A span of time, from 0 to ten years, given in seconds or as a ``timedelta``.

    Raises:
        InvalidRequest: it is neither, or out of range; the error names ``field``.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    most = TEN_YEARS
    return timedelta(
        seconds=number_of(seconds, field, least=0, most=most, what="a number of seconds")
    )


def moment_of(value: object, field: str) -> datetime:
    """A moment in UTC.

    Raises:
        InvalidRequest: it is no datetime with a time zone; the error names ``field``.
    """
    moment = _moment(value, field)
    if moment is None:
        raise InvalidRequest("must be a datetime with a time zone, got None", field=field)
    return moment


def _merged(
    given: Mapping[str, object] | None, named: Mapping[str, object], known: Sequence[str]
) -> dict[str, object]:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidRequest(f"expected a mapping or keywords, got {_kind(given)}", field="request")
    _check_real(given, "request")
    values = {**(given or {}), **named}
    _known_only(values, known)
    for name, value in values.items():
        _check_real(value, name)
    return values


def _check_real(value: object, name: str) -> None:
    """Refuse what ``isinstance`` takes for something that it is not, as a mock with a spec."""
    if value.__class__ is not type(value):
        raise InvalidRequest(
            f"is a {type(value).__name__} that passes for a {value.__class__.__name__};"
            " give a real one",
            field=name,
        )


def _known_only(values: Mapping[str, object], known: Sequence[str]) -> None:
    for name in values:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InvalidRequest(f"unknown field; {hint}", field=str(name))


def _text(value: object, name: str) -> str:
    _check_real(value, name)
    if not isinstance(value, str):
        raise InvalidRequest(f"must be text, got {_kind(value)}", field=name)
    if len(value) > LONGEST_TEXT:
        raise InvalidRequest(f"is longer than {LONGEST_TEXT:,} characters", field=name)
    if "\0" in value or not (value.isascii() or _encodable(value)):
        raise InvalidRequest("has a NUL or a lone surrogate, which cannot be stored", field=name)
    return str.__str__(value)  # plain text, also of the member of an enum


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


def _type_name(value: object, name: str) -> str:
    text = _filled_text(value, name)
    if text == ALL_TYPES:
        raise InvalidRequest(f"{text!r} stands for all types together; name one", field=name)
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
    if isinstance(value, Sequence):
        texts = [_filled_text(item, f"{name}[{i}]") for i, item in enumerate(value)]
    else:
        texts = sorted(_filled_text(item, name) for item in value)
    return tuple(dict.fromkeys(texts))


def _priority(value: object, name: str) -> int:
    return whole_number_of(value, name, least=-LARGEST_WHOLE, most=LARGEST_WHOLE)


def _time_limit(value: object, name: str) -> float | None:
    seconds = seconds_of(value, name)
    if seconds == 0:
        raise InvalidRequest("must be above 0 seconds; None sets no limit", field=name)
    return seconds


def _retry(value: object, name: str) -> RetryPolicy:
    if isinstance(value, RetryPolicy):
        return value
    if isinstance(value, Mapping):
        return RetryPolicy.from_mapping(value)
    raise InvalidRequest(f"must be a RetryPolicy or a mapping, got {_kind(value)}", field=name)


def _moment(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidRequest("must be a datetime with a time zone", field=name)
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidRequest(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}", field=name)
    return moment


def _completion(value: object, name: str) -> Completion:
    try:
        return Completion(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(Completion)
        raise InvalidRequest(f"must be one of {known}, got {value!r}", field=name) from None


def _parent_end(value: object, name: str) -> ParentEnd:
    try:
        return ParentEnd(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(ParentEnd)
        raise InvalidRequest(f"must be one of {known}, got {value!r}", field=name) from None


def _on_failed_dependency(value: object, name: str) -> OnFailedDependency:
    try:
        return OnFailedDependency(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(OnFailedDependency)
        raise InvalidRequest(f"must be one of {known}, got {value!r}", field=name) from None


def _anything(value: object, _name: str) -> object:
    return value


def _kind(value: object) -> str:
    return type(value).__name__


_CHECKS: Mapping[str, Callable[[object, str], object]] = {
    "title": _filled_text,
    "description": _text,
    "specialist_type": _type_name,
    "payload": _mapping,
    "depends_on": _texts,
    "parent_id": _optional_text,
    "on_parent_end": _parent_end,
    "priority": _priority,
    "timeout": _time_limit,
    "retry": _retry,
    "idempotency_key": _optional_text,
    "run_after": _moment,
    "task_id": _optional_text,
    "completion": _completion,
    "concurrency_key": _optional_text,
    "on_failed_dependency": _on_failed_dependency,
    "dedup_key": _optional_text,
    "debounce": _time_limit,
    "debounce_at_most": _time_limit,
}
_OUTCOME_CHECKS: Mapping[str, Callable[[object, str], object]] = {
    "summary": _text,
    "artifacts": _texts,
    "next_action": _text,
    "result": _anything,
}
_REQUEST_FIELDS = tuple(f.name for f in fields(TaskRequest))
_OUTCOME_FIELDS = tuple(f.name for f in fields(TaskOutcome))
