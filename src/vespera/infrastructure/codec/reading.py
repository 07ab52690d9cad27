"""Tags turned back into values, or into something to look at."""

import base64
import dataclasses
import sys
from collections.abc import Callable, Mapping
from enum import Enum, Flag
from types import ModuleType
from typing import Any

from msgspec import UNSET, Struct, json

from vespera.domain.errors import UnreadableValue
from vespera.infrastructure.codec.text_forms import TEXT_FORMS


def without_tags(form: object, read: Callable[[str, Any], object]) -> object:
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


def read_tag(tag: str, content: Any) -> object:
    """The value that a tag stands for.

    Raises:
        UnreadableValue: the tag, or the class it names, is not known here.
    """
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
    found = loaded(name)
    if found is None:
        module = name.partition(":")[0]
        raise UnreadableValue(
            f"The class {name!r} is not loaded; import {module!r} before reading its objects,"
            " or keep the class under that name."
        )
    if not isinstance(found, type) or not fits(found):
        raise UnreadableValue(f"{name!r} was {family} when its object was stored; it no longer is.")
    return found


def check_tag(tag: str, content: Any) -> object:
    """Judge a tag without the class that it may name.

    Raises:
        UnreadableValue: it is not known here, or has nothing that it could stand for.
        Exception: what reading its content raises.
    """
    if tag not in _OF_CLASSES:
        return read_tag(tag, content)
    name, _ = content
    if not isinstance(name, str):
        raise UnreadableValue(f"The tag {tag!r} names no class.")
    return object()


def loaded(name: str) -> object:
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
    **{form.tag: form.read for form in TEXT_FORMS.values()},
}


_OF_CLASSES = frozenset({"$enum", "$dataclass", "$struct"})


def show_tag(tag: str, content: Any) -> object:
    """What people are shown of a tag, in JSON types."""
    if tag in _OF_CLASSES:
        return content[1]
    return _show_pairs(content) if tag == "$dict" else content


def _show_pairs(pairs: list[list[object]]) -> object:
    named = {key if type(key) is str else json.encode(key).decode(): item for key, item in pairs}
    return named if len(named) == len(pairs) else pairs
