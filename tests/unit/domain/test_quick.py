from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature

import pytest

from vespera.domain.quick import quick
from vespera.domain.task import Task, TaskRequest


@dataclass(frozen=True, kw_only=True)
class Slow:
    name: str
    count: int = 1
    parts: list[str] = field(default_factory=list)


@quick
@dataclass(frozen=True, kw_only=True)
class Fast:
    name: str
    count: int = 1
    parts: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    "given", [{"name": "a"}, {"name": "a", "count": 2}, {"name": "a", "parts": ["p"], "count": 3}]
)
def test_the_fields_are_those_of_the_plain_dataclass(given):
    assert vars(Fast(**given)) == vars(Slow(**given))


@pytest.mark.parametrize(
    "given", [{}, {"count": 1}, {"name": "a", "cuont": 1}, {"count": 1, "nmae": "a"}]
)
def test_wrong_arguments_raise_what_they_raise_in_the_plain_dataclass(given):
    with pytest.raises(TypeError) as plain:
        Slow(**given)

    with pytest.raises(TypeError) as quickly:
        Fast(**given)

    assert str(quickly.value) == str(plain.value).replace("Slow", "Fast")


def test_each_object_has_its_own_defaults_that_are_made():
    first, second = Fast(name="a"), Fast(name="b")

    assert first.parts is not second.parts


def test_it_stays_frozen_comparable_and_replaceable():
    one = Fast(name="a")

    assert replace(one, count=2) == Fast(name="a", count=2) != one
    assert hash(replace(one, parts=())) == hash(Fast(name="a", parts=()))
    with pytest.raises(FrozenInstanceError):
        one.name = "b"


def test_its_signature_and_text_are_those_of_the_plain_dataclass():
    assert str(signature(Fast)) == str(signature(Slow))
    assert repr(Fast(name="a")) == repr(Slow(name="a")).replace("Slow", "Fast")


@pytest.mark.parametrize("kind", [Task, TaskRequest])
def test_what_each_task_makes_is_made_quickly(kind):
    assert kind.__init__.__wrapped__.__qualname__.endswith("__init__")
    assert not hasattr(kind, "__slots__")
    assert not hasattr(kind, "__post_init__")
