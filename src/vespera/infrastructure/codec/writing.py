"""Values as JSON, with a tag around whatever JSON cannot carry.

A tag is an object of one entry whose key begins with ``$``: ``{"$decimal": "1.50"}``,
``{"$tuple": [1, 2]}``. A dict that would look like a tag, or whose keys are not all text, is
stored as ``{"$dict": [[key, value], ...]}``. What a value is, is told by ``type()`` and never by
``isinstance``, which a mock or a subclass can fool.
"""

import base64
import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum, Flag
from functools import cached_property
from inspect import getattr_static
from math import isfinite
from types import FunctionType, GeneratorType, MappingProxyType, ModuleType, NoneType
from typing import Any, NoReturn

from msgspec import Struct, UnsetType, json

from vespera.domain.errors import PayloadTooLarge, UnstorableValue
from vespera.infrastructure.codec.reading import loaded
from vespera.infrastructure.codec.text_forms import TEXT_FORMS

DEPTH_LIMIT = 200


def has_json_keys(given: dict[Any, object]) -> bool:
    """Whether JSON can carry the keys, and nobody can take the dict for a tag."""
    for key in given:
        if type(key) is not str or (len(given) == 1 and key.startswith("$")):
            return False
    return True


def form_of(value: object, *, what: str, limit: int) -> object:
    """The value with tags in it, ready for JSON; ``what`` begins the path in errors.

    Raises:
        UnstorableValue: some part of it has no stored form.
        PayloadTooLarge: it grows beyond ``limit`` bytes.
    """
    return _FormWriter(limit).part(what, value)


class _FormWriter:
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
        form = TEXT_FORMS[type(value)]
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
        if not has_json_keys(value):
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
        if loaded(name) is not kind:
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


_WRITERS: Mapping[type, Callable[[_FormWriter, Any], object]] = {
    NoneType: _FormWriter.write_same,
    bool: _FormWriter.write_same,
    int: _FormWriter.write_int,
    float: _FormWriter.write_float,
    str: _FormWriter.write_str,
    bytes: _FormWriter.write_bytes,
    list: _FormWriter.write_list,
    dict: _FormWriter.write_dict,
    tuple: _FormWriter.write_tuple,
    set: _FormWriter.write_set,
    frozenset: _FormWriter.write_set,
    UnsetType: lambda _writer, _value: {"$unset": None},
    **dict.fromkeys(TEXT_FORMS, _FormWriter.write_text_form),
}


def _writer_for_family(kind: type) -> Callable[[_FormWriter, Any], object] | None:
    if issubclass(kind, Enum):
        return _FormWriter.write_enum
    if dataclasses.is_dataclass(kind) and _can_be_made_empty(kind):
        return _FormWriter.write_dataclass
    if issubclass(kind, Struct):
        return _FormWriter.write_struct
    return None


def _can_be_made_empty(kind: type) -> bool:
    """Whether its fields are all there is to it; not so of a dataclass that is a list as well."""
    try:
        object.__new__(kind)
    except TypeError:
        return False
    return True


def _why_not(kind: type) -> str:
    nothing = f"object of type {kind.__qualname__} has no stored form"
    if any(base.__module__ == "unittest.mock" for base in kind.__mro__):
        return f"{nothing}: {_MOCK_HINT}"
    hint = _HINTS.get(kind)
    if hint is None:
        base = next((base for base in _WRITERS if issubclass(kind, base)), None)
        hint = f"a plain {base.__name__}" if base else _GENERAL_HINT
    return f"{nothing}; pass {hint}"


_MOCK_HINT = (
    "it is a mock, given by a mock that was not told what to give; set return_value of the mocked"
    " method to plain data, and await it if it is async"
)
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
