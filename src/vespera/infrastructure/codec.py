"""Values as JSON, with a tag around whatever JSON cannot carry.

A tag is an object of one entry whose key begins with ``$``: ``{"$decimal": "1.50"}``,
``{"$tuple": [1, 2]}``. A dict that would look like a tag, or whose keys are not all text, is
stored as ``{"$dict": [[key, value], ...]}``. What a value is, is told by ``type()`` and never by
``isinstance``, which a mock or a subclass can fool.
"""

import base64
import dataclasses
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import cached_property
from inspect import getattr_static
from math import isfinite
from pathlib import Path
from types import FunctionType, GeneratorType, MappingProxyType, ModuleType, NoneType
from typing import Any, NamedTuple, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType, convert, json, to_builtins

from vespera.domain.errors import PayloadTooLarge, UnreadableValue, UnstorableValue

DEPTH_LIMIT = 200


class MsgspecCodec:
    """Stores payloads, step results and outcomes as JSON; types come back as they went in.

    Storable are None, bool, int, float, str, bytes, datetime, date, time, timedelta, UUID,
    Decimal, Path, Enum members, dataclasses, msgspec structs, and the lists, tuples, sets,
    frozensets and dicts of these. A set gives the same bytes in every process. Classes are stored
    by name and looked up among the loaded modules; reading imports nothing and runs no
    ``__init__`` of a dataclass.
    """

    def __init__(self, limit: int = 1024 * 1024) -> None:
        """Refuse stored forms of more than ``limit`` bytes."""
        self._limit = limit

    def encode(self, value: object, *, what: str) -> bytes:
        """Give the stored form of ``value``; ``what`` (``"payload"``) begins the path in errors.

        Raises:
            UnstorableValue: some part of it has no stored form; the path to it is named.
            PayloadTooLarge: the stored form is over the limit. The size told is what had been
                counted when it was, not more than the whole.
        """
        data = self._encode_as_it_is(value)
        if data is None:
            data = json.encode(self._form(value, what))
        if len(data) > self._limit:
            raise PayloadTooLarge(what, len(data), self._limit)
        return data

    def decode(self, data: bytes) -> object:
        """Give the value that ``data`` stands for.

        Raises:
            UnreadableValue: the data is damaged, or of a class that this program has not loaded
                or no longer has; the message names it.
        """
        try:
            form = json.decode(data)
            return _without_tags(form, _read_tag) if b'"$' in data else form
        except UnreadableValue:
            raise
        except Exception as error:  # whatever damaged data, or the code of a struct, may raise
            problem = f"{type(error).__name__}: {error}"
            raise UnreadableValue(f"What is stored cannot be read: {problem}") from error

    def plain(self, data: bytes) -> object:
        """Give a rendering of ``data`` for people: JSON types only, and none of its classes.

        Never raises; damaged data is said to be so.
        """
        try:
            return _without_tags(json.decode(data), _show_tag)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            return f"(unreadable: {error})"

    def _encode_as_it_is(self, value: object) -> bytes | None:
        """The fast way, for what is JSON already; None: the slow way must judge it."""
        if not _is_json(value, self._limit):
            return None
        try:
            return json.encode(value)
        except (ValueError, RecursionError):  # a lone surrogate, a number of thousands of digits
            return None

    def _form(self, value: object, what: str) -> object:
        try:
            return _Writer(self._limit).part(what, value)
        except RecursionError:
            raise UnstorableValue(what, "nested too deeply for the stack that is left") from None


def _is_json(value: object, limit: int) -> bool:
    """Go level by level, so that neither a cycle nor a huge value is followed for long."""
    level: list[Any] = [value]
    room = limit
    for _ in range(DEPTH_LIMIT):
        below = _level_below(level, room)
        if not below:
            return below is not None
        room -= len(below)
        level = below
    return False


def _level_below(level: list[Any], room: int) -> list[Any] | None:
    """The parts of a level's items; None if one is not JSON, or if there is too much of it."""
    below: list[Any] = []
    for item in level:
        kind = type(item)
        if kind is str:
            room -= len(item)
        elif kind is list or kind is dict:
            room -= len(item)
            if room < 0 or not (kind is list or _has_json_keys(item)):
                return None
            below += item if kind is list else item.values()
        elif kind not in _JSON_SCALARS and not (kind is float and isfinite(item)):
            return None
        if room < 0:
            return None
    return below


_JSON_SCALARS = frozenset({NoneType, bool, int})


def _has_json_keys(given: dict[Any, object]) -> bool:
    for key in given:
        if type(key) is not str or (len(given) == 1 and key.startswith("$")):
            return False
    return True


class _Writer:
    """Builds the stored form of one value, part by part, knowing the path of the part at hand."""

    __slots__ = ("_limit", "_path", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._path: list[str] = []
        self._size = 0

    def part(self, step: str, value: object) -> object:
        """The form of ``value``, which lies one ``step`` below the part at hand."""
        self._path.append(step)
        if len(self._path) > DEPTH_LIMIT:
            self._refuse(f"more than {DEPTH_LIMIT} levels deep, or containing itself")
        kind = type(value)
        write = _WRITERS.get(kind) or _writer_for_family(kind)
        if write is None:
            self._refuse(_why_not(kind))
        form = write(self, value)
        self._path.pop()
        return form

    def write_same(self, value: bool | None) -> bool | None:
        self._grow(1)
        return value

    def write_int(self, value: int) -> object:
        self._grow(1 + value.bit_length() // 4)
        return value if value.bit_length() <= _BARE_INT_BITS else {"$int": hex(value)}

    def write_float(self, value: float) -> object:
        self._grow(1)
        return value if isfinite(value) else {"$float": repr(value)}

    def write_str(self, value: str) -> str:
        self._grow(len(value))
        try:
            value.encode()
        except UnicodeEncodeError as error:
            self._refuse(f"text with a lone surrogate has no stored form ({error}); pass bytes")
        return value

    def write_bytes(self, value: bytes) -> object:
        self._grow(len(value) * 4 // 3)
        return {"$bytes": base64.b64encode(value).decode()}

    def write_text_form(self, value: object) -> object:
        form = _TEXT_FORMS[type(value)]
        try:
            return {form.tag: self.write_str(form.write(value))}
        except ValueError as error:
            self._refuse(str(error))

    def write_list(self, value: list[object] | tuple[object, ...]) -> list[object]:
        self._grow(len(value))
        forms = []
        for number, item in enumerate(value):
            forms.append(self.part(f"[{number}]", item))
        return forms

    def write_tuple(self, value: tuple[object, ...]) -> object:
        return {"$tuple": self.write_list(value)}

    def write_set(self, value: set[object] | frozenset[object]) -> object:
        self._grow(len(value))
        forms = [self.part("{}", item) for item in value]
        return {f"${type(value).__name__}": sorted(forms, key=json.encode)}

    def write_dict(self, value: dict[Any, object]) -> object:
        self._grow(len(value))
        if not _has_json_keys(value):
            return {"$dict": self._pairs(value)}
        forms = {}
        for key, item in value.items():
            forms[self.write_str(key)] = self.part(_step(key), item)
        return forms

    def write_enum(self, value: Enum) -> object:
        kind = type(value)
        if issubclass(kind, Flag):
            return {"$enum": [self._name(kind), value.value]}
        if kind.__members__.get(value.name) is not value:
            self._refuse(f"{value!r} is not among the members of {kind.__qualname__}")
        return {"$enum": [self._name(kind), value.name]}

    def write_dataclass(self, value: object) -> object:
        return {"$dataclass": [self._name(type(value)), self._fields(_state(value))]}

    def write_struct(self, value: Struct) -> object:
        state = {name: getattr(value, name) for name in value.__struct_fields__}
        return {"$struct": [self._name(type(value)), self._fields(state)]}

    def _pairs(self, value: dict[object, object]) -> list[object]:
        pairs: list[object] = []
        for number, (key, item) in enumerate(value.items()):
            key_form = self.part(f".keys()[{number}]", key)
            pairs.append([key_form, self.part(_step(key), item)])
        return pairs

    def _fields(self, state: dict[str, object]) -> dict[str, object]:
        self._grow(len(state))
        forms = {}
        for name, item in state.items():
            forms[name] = self.part(f".{name}", item)
        return forms

    def _name(self, kind: type) -> str:
        """The name by which the class will be found again; refuse one that would not be."""
        name = f"{kind.__module__}:{kind.__qualname__}"
        if _loaded(name) is not kind:
            self._refuse(
                f"the class {kind.__qualname__} is not found as {name!r}, so that its objects"
                " could not be read again; define it at the top level of a module"
            )
        return name

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise PayloadTooLarge(self._path[0], self._size, self._limit)

    def _refuse(self, reason: str) -> NoReturn:
        is_short = len(self._path) <= _LONGEST_PATH
        path = self._path if is_short else [*self._path[:_LONGEST_PATH], "..."]
        raise UnstorableValue("".join(path), reason)


_LONGEST_PATH = 20  # what a person still reads
_BARE_INT_BITS = 2_000  # far below the number of digits at which Python refuses decimal text


def _step(key: object) -> str:
    is_name = type(key) is str and key.isidentifier()
    return f".{key}" if is_name else f"[{key!r}]"


def _state(value: object) -> dict[str, object]:
    """The fields of a dataclass that are set, and what else its ``__post_init__`` left on it."""
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
    state = {name: getattr(value, name) for name in names if hasattr(value, name)}
    for name, item in getattr(value, "__dict__", {}).items():
        is_cache = isinstance(getattr_static(type(value), name, None), cached_property)
        if not is_cache and not name.startswith("__"):
            state.setdefault(name, item)
    return state


class _TextForm(NamedTuple):
    """A type whose values are told by a text, in both directions.

    Either function may raise ``ValueError`` with the reason.
    """

    tag: str
    write: Callable[[Any], str]
    read: Callable[[str], object]


def _write_moment(value: datetime | time) -> str:
    """ISO 8601, and what it cannot say: the zone's name, the second pass of a repeated hour."""
    repeated = "[repeated]" if value.fold else ""
    zone = value.tzinfo
    if zone is None or type(zone) is timezone:
        return value.isoformat() + repeated
    if type(zone) is ZoneInfo and zone.key:
        return f"{value.isoformat()}[{zone.key}]{repeated}"
    raise ValueError(
        f"a time zone of type {type(zone).__qualname__} has no stored form;"
        " use datetime.timezone, or zoneinfo.ZoneInfo with a key"
    )


def _read_datetime(text: str) -> datetime:
    stamp, zone, fold = _parts_of_moment(text)
    value = datetime.fromisoformat(stamp).replace(fold=fold)
    if zone is None:
        return value
    local = value.replace(tzinfo=zone)
    if local.utcoffset() == value.utcoffset():
        return local
    return value.astimezone(zone)  # the zone's rules have changed since: the moment counts


def _read_time(text: str) -> time:
    stamp, zone, fold = _parts_of_moment(text)
    value = time.fromisoformat(stamp)
    return value.replace(tzinfo=zone or value.tzinfo, fold=fold)


def _parts_of_moment(text: str) -> tuple[str, ZoneInfo | None, int]:
    fold = int(text.endswith("[repeated]"))
    stamp, _, key = text.removesuffix("[repeated]").rstrip("]").partition("[")
    return stamp, ZoneInfo(key) if key else None, fold


_TEXT_FORMS: Mapping[type, _TextForm] = {
    datetime: _TextForm("$datetime", _write_moment, _read_datetime),
    date: _TextForm("$date", date.isoformat, date.fromisoformat),
    time: _TextForm("$time", _write_moment, _read_time),
    timedelta: _TextForm("$timedelta", to_builtins, lambda text: convert(text, timedelta)),
    Decimal: _TextForm("$decimal", str, Decimal),
    UUID: _TextForm("$uuid", str, UUID),
    type(Path()): _TextForm("$path", str, Path),
}

_WRITERS: Mapping[type, Callable[[_Writer, Any], object]] = {
    NoneType: _Writer.write_same,
    bool: _Writer.write_same,
    int: _Writer.write_int,
    float: _Writer.write_float,
    str: _Writer.write_str,
    bytes: _Writer.write_bytes,
    list: _Writer.write_list,
    dict: _Writer.write_dict,
    tuple: _Writer.write_tuple,
    set: _Writer.write_set,
    frozenset: _Writer.write_set,
    UnsetType: lambda _writer, _value: {"$unset": None},
    **dict.fromkeys(_TEXT_FORMS, _Writer.write_text_form),
}


def _writer_for_family(kind: type) -> Callable[[_Writer, Any], object] | None:
    if issubclass(kind, Enum):
        return _Writer.write_enum
    if dataclasses.is_dataclass(kind) and _can_be_made_empty(kind):
        return _Writer.write_dataclass
    if issubclass(kind, Struct):
        return _Writer.write_struct
    return None


def _can_be_made_empty(kind: type) -> bool:
    """Whether its fields are all there is to it; not so of a dataclass that is a list as well."""
    try:
        object.__new__(kind)
    except TypeError:
        return False
    return True


def _why_not(kind: type) -> str:
    hint = _HINTS.get(kind)
    if hint is None:
        base = next((base for base in _WRITERS if issubclass(kind, base)), None)
        hint = f"a plain {base.__name__}" if base else _GENERAL_HINT
    return f"object of type {kind.__qualname__} has no stored form; pass {hint}"


_GENERAL_HINT = "plain values, an Enum member, a dataclass or a msgspec.Struct"
_HINTS: Mapping[type, str] = {
    bytearray: "bytes(...) of it",
    memoryview: "bytes(...) of it",
    GeneratorType: "list(...) of it",
    range: "list(...) of it",
    MappingProxyType: "dict(...) of it",
    FunctionType: "its name",
    ModuleType: "its name",
    type: "its name",
}


def _without_tags(form: object, read: Callable[[str, Any], object]) -> object:
    """Replace all tags by what ``read`` makes of them, innermost first, however deep they lie."""
    whole = [form]
    containers: list[Any] = [whole]
    for container in containers:  # grows as it goes: whoever contains comes before the contained
        items = container.values() if type(container) is dict else container
        containers += [item for item in items if type(item) is dict or type(item) is list]
    for container in reversed(containers):
        for key, item in container.items() if type(container) is dict else enumerate(container):
            tag = _tag(item)
            if tag:
                container[key] = read(tag, item[tag])
    return whole[0]


def _tag(form: object) -> str | None:
    if type(form) is not dict or len(form) != 1:
        return None
    (key,) = form
    return key if key.startswith("$") else None


def _read_tag(tag: str, content: Any) -> object:
    read = _READERS.get(tag)
    if read is None:
        raise UnreadableValue(f"The tag {tag!r} is unknown; a newer version wrote it.")
    return read(content)


def _read_enum(content: Any) -> object:
    name, key = content
    kind = _class(name, lambda found: issubclass(found, Enum), "an Enum")
    if issubclass(kind, Flag):
        return kind(key)
    if key not in kind.__members__:
        raise UnreadableValue(f"The Enum {name!r} has no member {key!r} any more.")
    return kind.__members__[key]


def _read_dataclass(content: Any) -> object:
    name, state = content
    kind = _class(name, dataclasses.is_dataclass, "a dataclass")
    value = object.__new__(kind)
    for field, item in {**_defaults(kind, name, state), **state}.items():
        object.__setattr__(value, field, item)
    return value


def _defaults(kind: Any, name: str, state: dict[str, object]) -> dict[str, object]:
    """The values of fields that the class did not have when the object was stored."""
    defaults: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        if field.name in state:
            continue
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
        elif field.init:
            raise UnreadableValue(
                f"The dataclass {name!r} has a field {field.name!r} that the stored object lacks;"
                " give it a default."
            )
    return defaults


def _read_struct(content: Any) -> object:
    name, state = content
    return _class(name, lambda found: issubclass(found, Struct), "a msgspec.Struct")(**state)


def _class(name: str, fits: Callable[[type], bool], family: str) -> Any:
    found = _loaded(name)
    if found is None:
        module = name.partition(":")[0]
        raise UnreadableValue(
            f"The class {name!r} is not loaded; import {module!r} before reading its objects,"
            " or keep the class under that name."
        )
    if not isinstance(found, type) or not fits(found):
        raise UnreadableValue(f"{name!r} was {family} when its object was stored; it no longer is.")
    return found


def _loaded(name: str) -> object:
    """What goes by the name ``module:Outer.Inner``, or None; a module's code gets no say in it."""
    module, _, path = name.partition(":")
    found: object = sys.modules.get(module)
    for part in path.split("."):
        if not isinstance(found, ModuleType | type):
            return None
        found = object.__getattribute__(found, "__dict__").get(part)
    return found


_READERS: Mapping[str, Callable[[Any], object]] = {
    "$int": lambda text: int(text, 16),
    "$float": float,
    "$bytes": base64.b64decode,
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$dict": dict,
    "$unset": lambda _content: UNSET,
    "$enum": _read_enum,
    "$dataclass": _read_dataclass,
    "$struct": _read_struct,
    **{form.tag: form.read for form in _TEXT_FORMS.values()},
}


def _show_tag(tag: str, content: Any) -> object:
    if tag in {"$enum", "$dataclass", "$struct"}:
        return content[1]
    return _show_pairs(content) if tag == "$dict" else content


def _show_pairs(pairs: list[list[object]]) -> object:
    named = {key if type(key) is str else json.encode(key).decode(): item for key, item in pairs}
    return named if len(named) == len(pairs) else pairs
