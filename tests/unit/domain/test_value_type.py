"""Whether a value is of the type that somebody has asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NewType, Protocol, TypedDict, TypeVar

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.value_type import check_value_type, has_type, type_in_words

T = TypeVar("T")
Name = NewType("Name", str)


@dataclass
class Box(Generic[T]):
    content: T


class Pair(NamedTuple):
    left: int
    right: int


class Place(TypedDict):
    town: str


class Named(Protocol):
    name: str


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        *((5, int), (None, None), (None, object), ("x", Any), ("x", Name), ("x", int | str)),
        *((None, int | None), ([1, 2], list), ([1, 2], list[int]), ([], list[int])),
        *(([[1], []], list[list[int]]), ({1}, set[int]), (frozenset("a"), frozenset[str])),
        *(((1, "a"), tuple[int, str]), ((1, 2, 3), tuple[int, ...]), ((), tuple[()])),
        *(({"a": 1}, dict[str, int]), ({"a": [1]}, Mapping[str, Sequence[int]])),
        *((Box(1), Box), (Box(1), Box[int]), (Pair(1, 2), Pair), ({"town": "Rome"}, Place)),
        *(([Name("x")], list[Name]), ([1, None], list[int | None]), ("ab", Sequence[str])),
    ],
)
def test_a_value_is_of_the_type_that_a_checker_takes_it_for(value: object, asked: object) -> None:
    check_value_type(asked, "returns")

    assert has_type(value, asked)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        *((5, str), (5, None), (None, int), (5, Name), (b"", int | str), ((1,), list[int])),
        *(([1, "2"], list[int]), ([[1], ["2"]], list[list[int]]), ({"1"}, set[int])),
        *(((1, 2), tuple[int, str]), ((1,), tuple[int, str]), ((1, "2"), tuple[int, ...])),
        *(((1,), tuple[()]), ({1: 1}, dict[str, int]), ({"a": "1"}, dict[str, int])),
        *((5, Box[int]), ("Rome", Place)),
    ],
)
def test_a_value_of_another_type_is_found_out(value: object, asked: object) -> None:
    check_value_type(asked, "returns")

    assert not has_type(value, asked)


@pytest.mark.parametrize(
    "asked", ["int", 5, (int, str), ..., Named, T, list["int"], dict[str, 5], Callable[[int], str]]
)
def test_what_no_value_can_be_asked_for_is_refused(asked: object) -> None:
    with pytest.raises(InvalidRequest, match="returns: must be a class, as str, or list"):
        check_value_type(asked, "returns")


def test_a_type_is_called_what_it_was_written_as() -> None:
    assert [type_in_words(each) for each in (int, list[int], int | None, Box)] == [
        *("int", "list[int]", "int | None", "Box"),
    ]
