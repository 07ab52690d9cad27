"""Frozen dataclasses as plain JSON types, and again. What is wrong is told with its place."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from vespera.domain.errors import InvalidRequest
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileState,
    PathState,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.request import FIRST_YEAR, LAST_YEAR
from vespera.domain.retry import RetryPolicy

T = TypeVar("T")
WriteValue = Callable[[bytes], object]
ReadValue = Callable[[object, str], bytes]
LARGEST = 2**63 - 1
"""What a column of whole numbers takes."""

_STATES: Mapping[str, type] = {
    "absent": Absent,
    "file": FileState,
    "symlink": SymlinkState,
    "directory": DirectoryState,
    "special": SpecialState,
    "unknown": UnknownState,
}
_STATE_NAMES = {kind: name for name, kind in _STATES.items()}
_ANY_BYTES = frozenset({"path", "target"})
"""Texts in which bytes that are no UTF-8 are kept as surrogate escapes."""


def to_plain(value: object, write_value: WriteValue) -> object:
    """``value`` in JSON types; ``write_value`` writes encoded values."""
    if type(value) in _STATE_NAMES:
        fields: Any = _fields_of(value, write_value)
        return {"kind": _STATE_NAMES[type(value)], **fields}
    if isinstance(value, bytes):
        return write_value(value)
    if isinstance(value, StrEnum | datetime | Decimal):
        return _written(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields_of(value, write_value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, write_value) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item, write_value) for item in value]
    return value


def from_plain(kind: type[T], given: object, place: str, read_value: ReadValue) -> T:
    """The dataclass ``kind`` that ``given`` describes; ``read_value`` reads encoded values.

    Raises:
        InvalidRequest: a field is missing, unknown or wrong; its ``field`` is the place.
    """
    found: T = _Reader(read_value).dataclass(kind, given, place)
    return found


def _written(value: StrEnum | datetime | Decimal) -> str:
    if isinstance(value, StrEnum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else f"{value:f}"


def _fields_of(value: Any, write_value: WriteValue) -> dict[str, object]:
    names = [field.name for field in dataclasses.fields(value)]
    return {name: to_plain(getattr(value, name), write_value) for name in names}


class _Reader:
    def __init__(self, read_value: ReadValue) -> None:
        self._read_value = read_value

    def dataclass(self, kind: Any, given: object, place: str) -> Any:
        if not isinstance(given, Mapping):
            raise _wrong(place, "an object", given)
        hints = _hints(kind)
        for name in given:
            if name not in hints:
                near = get_close_matches(str(name), hints, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "; a newer version wrote it"
                raise InvalidRequest(f"is unknown{hint}", field=f"{place}.{name}")
        values: dict[str, object] = {}
        for field in dataclasses.fields(kind):
            where = f"{place}.{field.name}"
            if field.name in given:
                values[field.name] = self.any(hints[field.name], given[field.name], where)
            elif _is_required(field):
                raise InvalidRequest("is missing", field=where)
        return kind(**values)

    def any(self, kind: Any, given: object, place: str) -> object:
        kind = getattr(kind, "__supertype__", kind)  # what a NewType stands for
        if kind == PathState:
            return self._state(given, place)
        if get_origin(kind) is not None:
            return self._of_parts(kind, given, place)
        if kind is RetryPolicy:
            return _retry(given, place)
        if kind is bytes:
            return self._read_value(given, place)
        if dataclasses.is_dataclass(kind):
            return self.dataclass(kind, given, place)
        return _enum(kind, given, place) if kind not in _SCALARS else _SCALARS[kind](given, place)

    def _of_parts(self, kind: Any, given: object, place: str) -> object:
        """A list, an object of any fields, or what may be None; of several, a path's state."""
        if get_origin(kind) in {tuple, Sequence}:
            return self._items(get_args(kind)[0], given, place)
        if get_origin(kind) is Mapping:
            return _mapping(given, place)
        if given is None:
            return None
        inner = [each for each in get_args(kind) if each is not type(None)]
        return self.any(inner[0], given, place) if len(inner) == 1 else self._state(given, place)

    def _items(self, kind: Any, given: object, place: str) -> tuple[object, ...]:
        if not isinstance(given, list | tuple):
            raise _wrong(place, "a list", given)
        return tuple(self.any(kind, item, f"{place}[{i}]") for i, item in enumerate(given))

    def _state(self, given: object, place: str) -> object:
        name = given.get("kind") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(name, str) or name not in _STATES:
            raise InvalidRequest(f"must be one of {', '.join(_STATES)}", field=f"{place}.kind")
        fields = {key: item for key, item in given.items() if key != "kind"}
        return self.dataclass(_STATES[name], fields, place)


def _text(given: object, place: str) -> str:
    if not isinstance(given, str):
        raise _wrong(place, "text", given)
    if place.rpartition(".")[2] not in _ANY_BYTES and not _encodable(given):
        raise InvalidRequest("has a lone surrogate, which cannot be stored", field=place)
    return given


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(given: object, place: str) -> int:
    if type(given) is not int or not -LARGEST <= given <= LARGEST:
        raise _wrong(place, "a whole number of 64 bits", given)
    return given


def _number(given: object, place: str) -> float:
    if type(given) not in {int, float} or not isfinite(number := float(given)):  # type: ignore[arg-type]
        raise _wrong(place, "a number", given)
    return number


def _amount(given: object, place: str) -> Decimal:
    try:
        return Decimal(_text(given, place))
    except InvalidOperation:
        raise _wrong(place, "a number as text", given) from None


def _flag(given: object, place: str) -> bool:
    if type(given) is not bool:
        raise _wrong(place, "true or false", given)
    return given


def _moment(given: object, place: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(given, place))
    except ValueError:
        raise _wrong(place, "a moment, as 2030-01-31T12:00:00+00:00", given) from None
    if moment.utcoffset() is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _wrong(place, f"a moment with its zone, {FIRST_YEAR} to {LAST_YEAR}", given)
    return moment


def _mapping(given: object, place: str) -> Mapping[str, object]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise _wrong(place, "an object", given)
    return dict(given)


def _retry(given: object, place: str) -> RetryPolicy:
    fields = _mapping(given, place)
    try:
        return RetryPolicy.from_mapping(fields)
    except InvalidRequest as error:
        raise InvalidRequest(str(error).removeprefix("retry."), field=place) from error


def _enum(kind: Any, given: object, place: str) -> StrEnum:
    try:
        found: StrEnum = kind(given)
    except ValueError:
        raise InvalidRequest(
            f"must be one of {', '.join(kind)}, got {given!r}", field=place
        ) from None
    return found


_SCALARS: Mapping[type, Callable[[object, str], object]] = {
    str: _text,
    int: _whole,
    float: _number,
    Decimal: _amount,
    bool: _flag,
    datetime: _moment,
}


def _wrong(place: str, wanted: str, given: object) -> InvalidRequest:
    shown = repr(given)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 -- a line's worth
    return InvalidRequest(f"must be {wanted}, got {shown}", field=place)


def _is_required(field: "dataclasses.Field[object]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@lru_cache(maxsize=64)
def _hints(kind: Any) -> Mapping[str, object]:
    return get_type_hints(kind)
