import pytest

from vespera.domain.errors import InvalidRequest
from vespera.testing.sim.codes import is_crash_code
from vespera.testing.sim.points import Point, checked_kinds


@pytest.mark.parametrize(
    ("point", "code"),
    [
        (Point("commit", 3, "after"), "c3a"),
        (Point("effect", 1, "before"), "e1b"),
        (Point("file", 12, "torn"), "f12t"),
        (Point("event", 57), "v57"),
        (Point("commit", 3, "before").losing(2), "c3bp2"),
    ],
)
def test_a_point_has_a_short_name(point, code):
    assert point.code == code
    assert is_crash_code(code)
    assert is_crash_code(f"{code}.c1b")


@pytest.mark.parametrize("code", ["", "c3", "c3x", "c3a.", "o3x1", "r7", "d7x60"])
def test_other_codes_are_none_of_a_crash(code):
    assert not is_crash_code(code)


def test_a_point_is_told_in_words():
    assert str(Point("file", 2, "torn", text="write 'a.txt'")) == (
        "in the middle of file 2 (write 'a.txt')"
    )
    assert str(Point("event", 9, text="a callback")) == "after event 9 (a callback)"
    assert "the last 2 commits are lost" in str(Point("commit", 1, "after").losing(2))


def test_one_kind_may_be_given_as_a_word():
    assert checked_kinds("commit", None) == ("commit",)
    assert checked_kinds(["file", "effect"], "event") == ("file", "effect", "event")
    assert checked_kinds((), "event") == ("event",)


@pytest.mark.parametrize(
    ("at", "every", "field"),
    [
        ("comit", None, "at"),
        ((), None, "at"),
        (["commit", "step"], None, "at"),
        ("file", "step", "every"),
    ],
)
def test_unknown_kinds_are_refused_by_field(at, every, field):
    with pytest.raises(InvalidRequest) as refused:
        checked_kinds(at, every)

    assert refused.value.field == field
