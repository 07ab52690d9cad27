"""The promises of ``Codec``."""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import ModuleType
from typing import ClassVar
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
import pytest_asyncio

from vespera.application.ports.codec import LOST, Codec
from vespera.domain.errors import PayloadTooLarge, UnreadableValue, UnstorableValue
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


class _Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class _Point:
    x: int
    label: str = ""


_IN_JSON: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**60, 0.1, -1e300, "", "Zürich \0 ✓", [], {}),
    {"a": [1, {"b": None}], "": "an empty key"},
)
_BEYOND_JSON: tuple[object, ...] = (
    *((1, (2, "3")), {1, 2}, frozenset({"a"}), b"\0\xff", 2**200, Decimal("1.10")),
    UUID(int=7),
    datetime(2030, 1, 1, 12, 0, 0, 1, tzinfo=UTC),
    date(2030, 1, 1),
    time(12, 30),
    timedelta(microseconds=1),
    {1: "a key that is no text", (1, 2): "another"},
    _Colour.RED,
    _Point(1, "here"),
)


class CodecConformance(AdapterSuite):
    """Give ``make_codec``.

    Attributes:
        too_large: so many bytes are over the codec's limit.
    """

    ports = (Codec,)
    too_large: ClassVar[int] = 64 * 1024 * 1024

    def make_codec(self) -> Made[Codec]:
        """The codec to be tested."""
        raise self.missing("make_codec", "a Codec")

    @pytest_asyncio.fixture
    async def codec(self) -> AsyncIterator[Codec]:
        """The codec of ``make_codec``."""
        async with adapter_of(self.make_codec) as codec:
            yield codec

    @pytest.mark.parametrize("value", _IN_JSON, ids=repr)
    def test_a_plain_value_comes_back_equal_and_of_its_type(
        self, codec: Codec, value: object
    ) -> None:
        _assert_same(_round_trip(codec, value), value)

    @pytest.mark.parametrize("value", _BEYOND_JSON, ids=repr)
    def test_types_come_back_as_they_went_in(self, codec: Codec, value: object) -> None:
        _assert_same(_round_trip(codec, value), value)
        _assert_same(_round_trip(codec, {"deep": [value]}), {"deep": [value]})

    def test_the_stored_form_is_bytes(self, codec: Codec) -> None:
        assert type(codec.encode({"a": (1, b"2")}, what="payload")) is bytes

    def test_what_comes_back_is_a_value_of_its_own(self, codec: Codec) -> None:
        data = codec.encode([[]], what="payload")
        first = codec.decode(data)
        assert isinstance(first, list)
        first[0].append("changed")

        assert codec.decode(data) == [[]]

    @pytest.mark.parametrize(
        "value", [object(), len, AsyncMock(), iter(()), ModuleType("m")], ids=lambda v: str(type(v))
    )
    def test_what_has_no_stored_form_is_refused_with_the_path_to_it(
        self, codec: Codec, value: object
    ) -> None:
        for whole, key in (({"orders": [1, value]}, "orders"), ((value,), ""), (value, "")):
            with pytest.raises(UnstorableValue) as refused:
                codec.encode(whole, what="payload")
            assert refused.value.path.startswith("payload")
            assert key in refused.value.path

    def test_what_is_over_the_limit_is_refused_and_named(self, codec: Codec) -> None:
        with pytest.raises(PayloadTooLarge) as refused:
            codec.encode("x" * self.too_large, what="payload")

        assert "payload" in str(refused.value)

    def test_damaged_data_is_unreadable_or_a_value_and_never_another_error(
        self, codec: Codec
    ) -> None:
        whole = codec.encode([{"a": (1, b"2")}, _Point(1), Decimal(3)], what="payload")
        unreadable = 0
        for end in range(len(whole)):
            try:
                codec.decode(whole[:end])
            except UnreadableValue:
                unreadable += 1

        assert unreadable > 0

    @pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b"\0" * 100])
    def test_what_was_never_stored_is_unreadable(self, codec: Codec, data: bytes) -> None:
        with pytest.raises(UnreadableValue):
            codec.decode(data)

    def test_what_was_lost_is_unreadable(self, codec: Codec) -> None:
        lost = LOST + b"its file is missing"
        with pytest.raises(UnreadableValue):
            codec.decode(lost)
        with pytest.raises(UnreadableValue):
            codec.same(lost, codec.encode(1, what="payload"))

    def test_a_type_that_the_program_no_longer_has_is_unreadable(self, codec: Codec) -> None:
        data = _of_a_class_that_is_gone(codec)

        with pytest.raises(UnreadableValue):
            codec.decode(data)

    @pytest.mark.parametrize("value", [*_IN_JSON, *_BEYOND_JSON], ids=repr)
    def test_two_forms_of_one_value_are_the_same(self, codec: Codec, value: object) -> None:
        one, other = (codec.encode([value], what="payload") for _ in range(2))

        assert codec.same(one, other)
        assert not codec.same(one, codec.encode([value, "more"], what="payload"))

    def test_the_order_of_entries_does_not_count_and_that_of_items_does(self, codec: Codec) -> None:
        def form(value: object) -> bytes:
            return codec.encode(value, what="payload")

        assert codec.same(
            form({"a": 1, "b": {"c": 2, "d": 3}}), form({"b": {"d": 3, "c": 2}, "a": 1})
        )
        assert not codec.same(form([1, 2]), form([2, 1]))
        assert not codec.same(form({"a": 1}), form({"a": 2}))

    @pytest.mark.parametrize("value", [*_IN_JSON, *_BEYOND_JSON], ids=repr)
    def test_plain_is_in_json_types(self, codec: Codec, value: object) -> None:
        plain = codec.plain(codec.encode(value, what="payload"))

        assert json.loads(json.dumps(plain)) == plain

    def test_plain_never_raises(self, codec: Codec) -> None:
        whole = codec.encode([{"a": (1, b"2")}, _Point(1)], what="payload")
        for data in (b"", b"\xff", _of_a_class_that_is_gone(codec), whole[:-1], whole[1:]):
            json.dumps(codec.plain(data))


def _round_trip(codec: Codec, value: object) -> object:
    return codec.decode(codec.encode(value, what="payload"))


def _assert_same(left: object, right: object) -> None:
    """Equal, and of the same types all the way down."""
    assert type(left) is type(right)
    assert left == right
    match left:
        case dict():
            assert isinstance(right, dict)
            _assert_same(list(left.items()), list(right.items()))
        case list() | tuple():
            assert isinstance(right, list | tuple)
            for one, other in zip(left, right, strict=True):
                _assert_same(one, other)
        case _:
            pass


def _of_a_class_that_is_gone(codec: Codec) -> bytes:
    module = ModuleType("vespera_conformance_that_is_gone")
    sys.modules[module.__name__] = module
    try:
        source = "from dataclasses import dataclass\n\n@dataclass\nclass Gone:\n    a: int\n"
        exec(source, vars(module))  # noqa: S102 -- a class of a module that can be taken away
        return codec.encode(module.Gone(1), what="payload")
    finally:
        del sys.modules[module.__name__]
