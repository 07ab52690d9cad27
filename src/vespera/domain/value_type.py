"""Of which type a value must be, as one writes it for a type checker: ``str``, ``list[int]``."""

from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, is_typeddict

from vespera.domain.errors import InvalidRequest


def check_value_type(asked: object, field: str) -> None:
    """See that values can be asked whether they are of this type.

    Raises:
        InvalidRequest: they cannot; the error names the field.
    """
    if (origin := get_origin(asked)) is not None:
        for part in get_args(asked):
            if part is not ...:
                check_value_type(part, field)
    if not _is_union(origin) and not _is_class(origin or asked):
        told = f"must be a class, as str, or list[int] with such ones, got {asked!r}"
        raise InvalidRequest(told, field=field)


def has_type(value: object, asked: object) -> bool:
    """Whether it is of this type, which ``check_value_type`` has let pass.

    What lists, tuples, sets and mappings hold is looked at, too; of other classes with parameters
    nothing but the class. A ``TypedDict`` is a ``dict``.
    """
    origin, parts = get_origin(asked), get_args(asked)
    if origin is None:
        return isinstance(value, _class_of(asked))
    if _is_union(origin):
        return any(has_type(value, part) for part in parts)
    if not isinstance(value, origin):
        return False
    if origin is tuple and ... not in parts and len(value) != len(parts):
        return False
    return all(has_type(each, part) for each, part in _contents(value, parts))


def type_in_words(asked: object) -> str:
    """What the type is called."""
    return asked.__name__ if isinstance(asked, type) and not get_args(asked) else str(asked)


def _contents(value: object, parts: tuple[object, ...]) -> Iterable[tuple[object, object]]:
    """What is in it, each with the type that it must be of."""
    match value, parts:
        case Mapping(), (key_type, value_type):
            keys = ((key, key_type) for key in value)
            return [*keys, *((each, value_type) for each in value.values())]
        case tuple(), _ if ... not in parts:
            return zip(value, parts, strict=False)
        case list() | tuple() | set() | frozenset(), (part, *_):
            return ((each, part) for each in value)
        case _:
            return ()


def _is_union(origin: object) -> bool:
    return origin is Union or origin is UnionType


def _is_class(asked: object) -> bool:
    try:
        isinstance(None, _class_of(asked))
    except TypeError:  # a text, a protocol that cannot be asked for at run time, ...
        return False
    return isinstance(_class_of(asked), type)


def _class_of(asked: Any) -> type:
    while isinstance(asked, NewType):
        asked = asked.__supertype__
    if asked is None or asked is Any:
        return object if asked else NoneType
    return dict if is_typeddict(asked) else asked
