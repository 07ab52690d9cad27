import builtins
import sys
import tracemalloc
import types
import zoneinfo
from collections import OrderedDict, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Generic, NamedTuple, TypeVar
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vespera.domain.errors import PayloadTooLarge, UnreadableValue, UnstorableValue
from vespera.domain.task import TaskOutcome, TaskStatus
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.codec.writing import DEPTH_LIMIT

HERE = __name__
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


class Colour(Enum):
    RED = "red"
    BLUE = ("b", 2)


class Level(IntEnum):
    LOW = 1


class Mood(StrEnum):
    CALM = "calm"


class Right(Flag):
    READ = auto()
    WRITE = auto()


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: float = 0.0


@dataclass
class Order:
    lines: list[Point]
    colour: Colour = Colour.RED
    total: Decimal = field(init=False)
    parent: "Order | None" = None

    def __post_init__(self):
        self.total = Decimal(len(self.lines))
        self.note = "set by hand"  # no field


@dataclass
class Counted:
    number: int

    def __post_init__(self):
        self.number += 1

    @cached_property
    def lock(self):
        return Lock()


@dataclass(slots=True)
class HalfSet:
    known: int
    unknown: int = field(init=False)


@dataclass
class Listlike(list):
    name: str = ""


T = TypeVar("T")


@dataclass
class Box(Generic[T]):
    content: T


class Reading(msgspec.Struct, frozen=True, rename="camel"):
    taken_at: datetime
    value_read: float | msgspec.UnsetType = msgspec.UNSET


class Outer:
    @dataclass(frozen=True)
    class Inner:
        a: int


class Pair(NamedTuple):
    left: int
    right: int


class Text(str):
    __slots__ = ()


class OddZone(tzinfo):
    def utcoffset(self, when):
        return timedelta(hours=1)


def test_the_state_of_a_codec_is_its_limit_only():
    assert vars(MsgspecCodec(limit=5)) == {"_limit": 5}


def round_trip(value):
    codec = MsgspecCodec()
    return codec.decode(codec.encode(value, what="value"))


def assert_same(left, right):
    """Equal, and of the same types all the way down."""
    assert type(left) is type(right)
    match left:
        case dict():
            for one, other in zip(left.items(), right.items(), strict=True):
                assert_same(one, other)
        case list() | tuple():
            assert len(left) == len(right)
            for one, other in zip(left, right, strict=True):
                assert_same(one, other)
        case set() | frozenset():
            assert left == right
            assert sorted(map(repr, left)) == sorted(map(repr, right))
        case int():
            assert left == right
        case Box():
            assert_same(left.content, right.content)
        case _:
            assert repr(left) == repr(right)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**60, max_value=2**3000)
    | st.floats()
    | st.text()
    | st.sampled_from(["$", "$tuple", "$dict", "$int", "a\0b"])
    | st.binary()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.datetimes(timezones=st.timezones(), allow_imaginary=True)
    | st.dates()
    | st.times()
    | st.times(timezones=st.timezones())
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.sampled_from([*Colour, *Level, *Mood, *Right, Right.READ | Right.WRITE, Right(0)])
    | st.builds(Path, st.sampled_from(["a", "/b/c", "."]))
)
KEYS = (
    st.text()
    | st.sampled_from(["$", "$tuple", "$dict"])
    | st.integers()
    | st.booleans()
    | st.tuples(st.integers(), st.text())
    | st.sampled_from([*Colour, *Level, *Mood])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.builds(Order, st.lists(st.builds(Point, st.integers(), st.floats()), max_size=2))
        | st.builds(Reading, st.datetimes(), st.floats() | st.just(msgspec.UNSET))
        | st.builds(Box, inner)
    ),
    max_leaves=12,
)


@settings(
    max_examples=100, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(VALUES)
def test_every_storable_value_comes_back_equal_and_of_its_type(value):
    assert_same(round_trip(value), value)


@settings(max_examples=30, database=None, deadline=None)
@given(VALUES)
def test_the_stored_form_is_json_and_can_always_be_shown(value):
    codec = MsgspecCodec()
    data = codec.encode(value, what="value")
    msgspec.json.decode(data)
    msgspec.json.encode(codec.plain(data))


@settings(max_examples=100, database=None, deadline=None)
@given(st.binary() | st.sampled_from(['{"$tuple":', '{"$enum":[1]}']).map(str.encode))
def test_damaged_data_is_unreadable_or_a_value_never_another_error(data):
    codec = MsgspecCodec()
    codec.plain(data)
    with suppress(UnreadableValue):
        codec.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        2**64,
        -(2**63) - 1,
        [10**5000, -(10**5000)],
        float("inf"),
        float("-inf"),
        float("nan"),
        -0.0,
        1e16,
        True,
        1,
        Level.LOW,
        "nul \0 and \U0001f600",
        b"\x00\xff",
        Decimal("1.50"),
        Decimal("-NaN"),
        Decimal("1E+999999"),
        timedelta.max,
        timedelta.min,
        timedelta(microseconds=-1),
        datetime.max,  # noqa: DTZ901
        datetime.min,  # noqa: DTZ901
        datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        time(1, 2, 3, 4, tzinfo=UTC),
        time(1, 2, tzinfo=BERLIN),
        date(1, 1, 1),
        UUID(int=0),
        {},
        [],
        (),
        set(),
        frozenset(),
        ((),),
        {"$tuple": [1]},
        {"$unknown": 1},
        {"$dict": {"$dict": 1}},
        {"$a": 1, "$b": 2},
        {1: "a", "1": "b", (1, 2): "c", None: "d", Level.LOW: "e"} | {frozenset({1}): 2},
        {Point(1): Point(2)},
        {(1, (2, b"x"))},
        Mood.CALM,
        Right.READ | Right.WRITE,
        Outer.Inner(1),
        TaskOutcome(summary="done", artifacts=("a",), result={"status": TaskStatus.PENDING}),
        msgspec.UNSET,
        Path("a/b"),
    ],
)
def test_odd_values_come_back_as_they_were(value):
    assert_same(round_trip(value), value)


def test_the_two_moments_of_a_repeated_hour_stay_apart():
    early = datetime(2030, 10, 27, 2, 30, tzinfo=BERLIN)
    late = early.replace(fold=1)
    assert round_trip(early).utcoffset() == timedelta(hours=2)
    assert round_trip(late).utcoffset() == timedelta(hours=1)


def test_a_moment_is_kept_when_the_rules_of_its_zone_have_changed_since():
    data = b'{"$datetime":"2030-07-01T12:00:00+05:00[Europe/Berlin]"}'
    assert MsgspecCodec().decode(data) == datetime(2030, 7, 1, 7, tzinfo=UTC)


def test_a_set_has_one_stored_form_whatever_its_order():
    codec = MsgspecCodec()
    names = [f"name {n}" for n in range(50)]
    data = codec.encode(set(names), what="value")
    assert data == msgspec.json.encode({"$set": sorted(names)})


def test_the_order_of_a_dict_is_kept():
    assert list(round_trip({"b": 1, "a": (2,)})) == ["b", "a"]
    assert list(round_trip({2: 1, 1: 2})) == [2, 1]


def test_a_dataclass_is_restored_as_it_was_without_running_its_code():
    counted = Counted(1)
    assert counted.lock is counted.lock
    again = round_trip(counted)
    assert again == counted
    assert vars(again) == {"number": 2}


def test_what_post_init_left_beside_the_fields_is_restored():
    assert round_trip(Order([])).note == "set by hand"


def test_a_field_that_was_never_set_stays_unset():
    again = round_trip(HalfSet(1))
    assert again.known == 1
    assert not hasattr(again, "unknown")


def test_a_generic_dataclass_keeps_its_type():
    assert round_trip(Box[int](1)) == Box(1)


def test_a_field_that_was_added_later_takes_its_default():
    form = {"$dataclass": [f"{HERE}:Point", {"x": 1}]}
    assert MsgspecCodec().decode(msgspec.json.encode(form)) == Point(1, 0.0)


def test_a_field_that_was_added_later_may_have_a_default_factory(loaded):
    loaded.Cart = dataclass_named("Cart", loaded, items=(list, field(default_factory=list)))
    assert MsgspecCodec().decode(b'{"$dataclass":["loaded:Cart",{}]}') == loaded.Cart()


def test_a_field_that_was_added_without_a_default_makes_the_value_unreadable():
    form = {"$dataclass": [f"{HERE}:Point", {"y": 1.0}]}
    with pytest.raises(UnreadableValue, match=r"'x' that the stored object lacks; give it a def"):
        MsgspecCodec().decode(msgspec.json.encode(form))


def a_generator():
    yield 1


REFUSED = [
    (object(), "object of type object has no stored form; pass plain values"),
    (Lock(), "object of type lock has no stored form"),
    (len, "object of type builtin_function_or_method has no stored form"),
    (round_trip, "object of type function has no stored form; pass its name"),
    (a_generator(), r"object of type generator has no stored form; pass list\(...\) of it"),
    (sys, "object of type module has no stored form; pass its name"),
    (Point, "object of type type has no stored form; pass its name"),
    (Colour, "object of type EnumType has no stored form"),
    (bytearray(b"x"), r"object of type bytearray has no stored form; pass bytes\(...\)"),
    (range(3), r"object of type range has no stored form; pass list\(...\)"),
    (types.MappingProxyType({}), r"mappingproxy has no stored form; pass dict\(...\) of it"),
    (OrderedDict(a=1), "OrderedDict has no stored form; pass a plain dict"),
    (defaultdict(int), "defaultdict has no stored form; pass a plain dict"),
    (Text("x"), "Text has no stored form; pass a plain str"),
    (zoneinfo.ZoneInfo("UTC"), "ZoneInfo has no stored form"),
    (ValueError("x"), "ValueError has no stored form"),
    (Listlike("x"), "Listlike has no stored form; pass a plain list"),
    (Pair(1, 2), "Pair has no stored form; pass a plain tuple"),
    (1j, "complex has no stored form"),
    (AsyncMock(), "AsyncMock has no stored form"),
    (Mock(spec=dict), "Mock has no stored form"),
    (MagicMock(spec=Point), "MagicMock has no stored form"),
    (create_autospec(Point, instance=True), "has no stored form"),
    (AsyncMock(spec=Colour.RED), "AsyncMock has no stored form"),
    (datetime(2030, 1, 1, tzinfo=OddZone()), "time zone of type OddZone has no stored form"),
    (time(1, tzinfo=OddZone()), "time zone of type OddZone has no stored form"),
    ("\ud800", "text with a lone surrogate has no stored form .*; pass bytes"),
    (Path("caf\udce9"), "text with a lone surrogate has no stored form"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=range(len(REFUSED)))
@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda value: value, "payload"),
        (lambda value: {"items": [1, 2, (3, {"handle": value})]}, "payload.items[2][1].handle"),
        (lambda value: {"odd key": {3: value}}, "payload['odd key'][3]"),
        (lambda value: Order([value]), "payload.lines[0]"),
        (lambda value: Box({1: {2: [value]}}), "payload.content[1][2][0]"),
    ],
    ids=["bare", "nested", "odd_keys", "dataclass", "generic"],
)
def test_what_has_no_stored_form_is_refused_with_its_path(value, message, wrap, path):
    with pytest.raises(UnstorableValue, match=message) as caught:
        MsgspecCodec().encode(wrap(value), what="payload")
    assert caught.value.path == path


def test_members_of_sets_and_keys_of_dicts_are_refused_with_their_path():
    codec = MsgspecCodec()
    with pytest.raises(UnstorableValue, match="object of type object") as caught:
        codec.encode({"tags": {object()}}, what="result")
    assert caught.value.path == "result.tags{}"
    with pytest.raises(UnstorableValue, match="object of type object") as caught:
        codec.encode({"a": {1: 1, object(): 2}}, what="result")
    assert caught.value.path == "result.a.keys()[1]"
    with pytest.raises(UnstorableValue, match="lone surrogate") as caught:
        codec.encode({"a": {"\udc80": 2}}, what="result")
    assert caught.value.path == "result.a"


def test_a_class_that_could_not_be_found_again_is_refused():
    @dataclass
    class Local:
        a: int

    with pytest.raises(UnstorableValue, match="define it at the top level of a module"):
        MsgspecCodec().encode(Local(1), what="payload")


def test_an_enum_member_made_on_the_fly_is_refused():
    stranger = object.__new__(Colour)
    stranger._name_ = "GREEN"
    stranger._value_ = "green"
    with pytest.raises(UnstorableValue, match="is not among the members of Colour"):
        MsgspecCodec().encode(stranger, what="payload")


def nested(depth, innermost=None):
    value = innermost
    for _ in range(depth - 1):
        value = [value]
    return value


def test_values_may_nest_up_to_the_limit_in_the_fast_way_and_in_the_slow():
    assert round_trip(nested(DEPTH_LIMIT)) == nested(DEPTH_LIMIT)
    assert round_trip(nested(DEPTH_LIMIT, 2**70)) == nested(DEPTH_LIMIT, 2**70)
    box = Box(None)
    for _ in range(DEPTH_LIMIT - 2):
        box = Box(box)
    assert MsgspecCodec().encode(round_trip(box), what="box")


@pytest.mark.parametrize("innermost", [None, (1,)], ids=["plain", "tagged"])
@pytest.mark.parametrize("depth", [DEPTH_LIMIT + 1, 100_000])
def test_values_that_nest_deeper_are_refused(depth, innermost):
    value = nested(depth, innermost)
    with pytest.raises(UnstorableValue, match="more than 200 levels deep, or containing itself"):
        MsgspecCodec().encode(value, what="payload")
    while value:  # taken apart by hand: the interpreter's own way may go as deep
        value = value[0] if isinstance(value, list) else None


def test_a_value_that_contains_itself_is_refused():
    ring = {"next": []}
    ring["next"] += [ring] * 10
    with pytest.raises(UnstorableValue, match="containing itself") as caught:
        MsgspecCodec().encode({"ring": ring}, what="payload")
    assert caught.value.path.startswith("payload.ring.next[0].next[0]")
    assert len(caught.value.path) < 300


def test_a_stack_that_is_nearly_used_up_gives_a_typed_error():
    value = nested(150, (1,))

    def deep(levels):
        return deep(levels - 1) if levels else MsgspecCodec().encode(value, what="payload")

    def depth_here():
        frame, depth = sys._getframe(), 0
        while frame:
            frame, depth = frame.f_back, depth + 1
        return depth

    with pytest.raises(UnstorableValue, match="nested too deeply for the stack that is left"):
        deep(sys.getrecursionlimit() - depth_here() - 100)


def test_the_limit_holds_for_the_stored_form():
    codec = MsgspecCodec(limit=10)
    assert codec.encode("x" * 8, what="payload") == b'"xxxxxxxx"'
    with pytest.raises(PayloadTooLarge) as caught:
        codec.encode("x" * 9, what="payload")
    assert (caught.value.what, caught.value.size, caught.value.limit) == ("payload", 11, 10)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100,
        b"x" * 100,
        ["x"] * 100,
        [["x"] * 9] * 9,
        ("x",) * 100,
        set(range(100)),
        dict.fromkeys(range(100)),
        {str(n): n for n in range(100)},
        [1j, "x" * 100][1:],
        {"k" * 100: 1},
        10**1000,
        Decimal("1" * 100),
        [(), 2**80] * 50,
        [float("nan"), True, 1.5] * 20,
    ],
)
def test_everything_counts_towards_the_limit(value):
    with pytest.raises(PayloadTooLarge, match="limit of 64; store a file and pass its path"):
        MsgspecCodec(limit=64).encode(value, what="payload")


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"a": "x" * 100_000_000},
        lambda: {"a": (b"x" * 100_000_000,)},
        lambda: [["x" * 1_000_000] * 100],
        lambda: {"a": [0] * 5_000_000},
        lambda: {"a": dict.fromkeys(range(1_500_000))},
        lambda: {"a": ((0,) * 5_000_000, 1j)},
    ],
)
def test_a_huge_value_is_refused_without_being_copied(make):
    huge = make()
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            MsgspecCodec().encode(huge, what="payload")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.fixture
def loaded(monkeypatch):
    module = types.ModuleType("loaded")
    monkeypatch.setitem(sys.modules, "loaded", module)
    return module


def dataclass_named(name, module, **fields):
    annotations = {key: kind for key, (kind, _default) in fields.items()}
    body = {key: default for key, (_kind, default) in fields.items()}
    body |= {"__annotations__": annotations, "__module__": module.__name__}
    return dataclass(type(name, (), body))


def test_reading_never_imports_a_module(monkeypatch):
    def refuse(name, *_args, **_kwargs):
        pytest.fail(f"{name} was imported")

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UnreadableValue) as caught:
        MsgspecCodec().decode(b'{"$dataclass":["shop.models:Order",{"id":1}]}')
    assert "import 'shop.models' before reading" in str(caught.value)


def test_reading_never_asks_a_module_for_what_it_does_not_have(loaded):
    loaded.__getattr__ = lambda name: pytest.fail(f"{name} was asked for")
    with pytest.raises(UnreadableValue, match="'loaded:Order' is not loaded"):
        MsgspecCodec().decode(b'{"$dataclass":["loaded:Order",{"id":1}]}')


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"$enum": [f"{HERE}:Point", "RED"]}, "was an Enum when its object was stored"),
        ({"$enum": [f"{HERE}:Colour", "GREEN"]}, "has no member 'GREEN' any more"),
        ({"$dataclass": [f"{HERE}:Colour", {}]}, "was a dataclass when its object was stored"),
        ({"$dataclass": [f"{HERE}:round_trip", {}]}, "was a dataclass"),
        ({"$dataclass": [f"{HERE}:round_trip.x", {}]}, "is not loaded"),
        ({"$dataclass": ["os:system", {}]}, "was a dataclass"),
        ({"$dataclass": ["", {}]}, "is not loaded"),
        ({"$dataclass": [f"{HERE}:Point", {"x": 1, "z": 2}]}, "cannot be read: AttributeError"),
        ({"$struct": [f"{HERE}:Point", {}]}, "was a msgspec.Struct"),
        ({"$struct": [f"{HERE}:Reading", {}]}, "cannot be read: TypeError: Missing required"),
        ({"$later": 1}, "The tag '\\$later' is unknown; a newer version wrote it"),
        ({"$decimal": "x"}, "cannot be read: InvalidOperation"),
        ({"$datetime": "x[Europe/Berlin]"}, "cannot be read: ValueError"),
        ({"$datetime": "2030-01-01[Europe/Nowhere]"}, "cannot be read: ZoneInfoNotFoundError"),
        ({"$set": [[]]}, "cannot be read: TypeError: unhashable"),
    ],
)
def test_what_the_program_no_longer_has_is_unreadable(form, message):
    with pytest.raises(UnreadableValue, match=message):
        MsgspecCodec().decode(msgspec.json.encode(form))


def test_data_that_nests_beyond_the_stack_is_unreadable():
    codec = MsgspecCodec()
    data = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(UnreadableValue, match="RecursionError"):
        codec.decode(data)
    assert "unreadable" in codec.plain(data)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None, True, 1.5, "$5"]}, {"a": [1, None, True, 1.5, "$5"]}),
        ((1, {2}), [1, [2]]),
        (NEW_YEAR, "2030-01-01T00:00:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (timedelta(hours=1), "PT3600S"),
        (float("nan"), "nan"),
        (b"abc", "YWJj"),
        (Colour.RED, "RED"),
        (Order([Point(1)]), None),
        ({1: "a", (1, 2): "b"}, {"1": "a", "[1,2]": "b"}),
        ({1: "a", "1": "b"}, [[1, "a"], ["1", "b"]]),
        ({"$tuple": 1}, {"$tuple": 1}),
        (Reading(NEW_YEAR), {"taken_at": "2030-01-01T00:00:00+00:00", "value_read": None}),
    ],
)
def test_plain_shows_a_value_in_simple_words(value, shown):
    codec = MsgspecCodec()
    if isinstance(value, Order):
        shown = {"lines": [{"x": 1, "y": 0.0}], "colour": "RED", "total": "1", "parent": None}
        shown["note"] = "set by hand"
    assert codec.plain(codec.encode(value, what="value")) == shown


def test_plain_needs_no_class():
    data = b'{"$dataclass":["gone.module:Order",{"state":{"$enum":["gone.module:State","NEW"]}}]}'
    assert MsgspecCodec().plain(data) == {"state": "NEW"}


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b'{"$enum":[]}', b'{"$dict":[1]}'])
def test_plain_says_that_data_is_damaged(data):
    assert str(MsgspecCodec().plain(data)).startswith("(unreadable: ")
