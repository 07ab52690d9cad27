"""Values as JSON that keep their types; see ``writing`` for the tags."""

from math import isfinite
from types import NoneType
from typing import Any

from msgspec import json

from vespera.domain.errors import PayloadTooLarge, UnreadableValue, UnstorableValue
from vespera.infrastructure.codec import envelope
from vespera.infrastructure.codec.reading import read_tag, show_tag, without_tags
from vespera.infrastructure.codec.writing import DEPTH_LIMIT, form_of, has_json_keys


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
        envelope.refuse(data)
        try:
            form = json.decode(data)
            return without_tags(form, read_tag) if b'"$' in data else form
        except UnreadableValue:
            raise
        except Exception as error:  # whatever damaged data, or the code of a struct, may raise
            problem = f"{type(error).__name__}: {error}"
            raise UnreadableValue(f"What is stored cannot be read: {problem}") from error

    def plain(self, data: bytes) -> object:
        """Give a rendering of ``data`` for people: JSON types only, and none of its classes.

        Never raises; damaged data is said to be so, and so is data that another codec has packed.
        """
        packed = envelope.shown(data)
        if packed is not None:
            return packed
        try:
            return without_tags(json.decode(data), show_tag)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            return f"(unreadable: {error})"

    def same(self, one: bytes, other: bytes) -> bool:
        """Whether both are stored forms of the same value.

        Raises:
            UnreadableValue: another codec has packed one of them.
        """
        envelope.refuse(one)
        envelope.refuse(other)
        return one == other or _in_one_order(one) == _in_one_order(other)

    def _encode_as_it_is(self, value: object) -> bytes | None:
        """The fast way, for what is JSON already; None: the slow way must judge it."""
        if type(value) not in _JSON_SCALARS and not _is_json(value, self._limit):
            return None
        try:
            return json.encode(value)
        except (ValueError, RecursionError):  # a lone surrogate, a number of thousands of digits
            return None

    def _form(self, value: object, what: str) -> object:
        try:
            return form_of(value, what=what, limit=self._limit)
        except RecursionError:
            raise UnstorableValue(what, "nested too deeply for the stack that is left") from None


def _in_one_order(data: bytes) -> bytes:
    try:
        return json.encode(without_tags([json.decode(data)], _ordered_tag), order="sorted")
    except (ValueError, TypeError, RecursionError):  # damaged: comparable all the same
        return data


def _ordered_tag(tag: str, content: Any) -> object:
    if tag == "$dict":
        content = sorted(content, key=lambda pair: json.encode(pair, order="sorted"))
    return {tag: content}


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
            if room < 0 or not (kind is list or has_json_keys(item)):
                return None
            below += item if kind is list else item.values()
        elif kind not in _JSON_SCALARS and not (kind is float and isfinite(item)):
            return None
        if room < 0:
            return None
    return below


_JSON_SCALARS = frozenset({NoneType, bool, int})
