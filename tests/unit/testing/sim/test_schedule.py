import pytest

from vespera.domain.errors import InvalidRequest
from vespera.testing import explore_schedules
from vespera.testing.sim.codes import is_schedule_code
from vespera.testing.sim.errors import UnknownReplay
from vespera.testing.sim.schedule import Schedule


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(turns={3: 1}),
        Schedule(turns={3: 1, 5: 2}),
        Schedule(delays={7: 60.0}),
        Schedule(lateness={7: 0.5}),
        Schedule(seed=42),
    ],
)
def test_a_schedule_can_be_read_from_its_code(schedule):
    assert Schedule.of(schedule.code) == schedule
    assert is_schedule_code(schedule.code)


def test_what_is_no_code_of_a_schedule_is_refused():
    assert not is_schedule_code("c3a")
    with pytest.raises(UnknownReplay, match="'c3a' is no part of a schedule"):
        Schedule.of("o1x1-c3a")


def test_a_schedule_is_told_in_words():
    assert str(Schedule()) == "order: first come, first served"
    assert str(Schedule(turns={3: 1})) == "order: choice 3: pending operation 2 first"
    assert str(Schedule(delays={7: 60.0})) == "order: operation 7 is done 60 s late"
    assert str(Schedule(seed=1)) == "order by chance, seed 1"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"order": "random"}, "order"),
        ({"bound": -1}, "bound"),
        ({"slow": (0,)}, "slow"),
        ({"slow": ("1",)}, "slow"),
        ({"seeds": 1.5}, "seeds"),
        ({"invariants": "engin"}, "invariants"),
        ({"invariants": []}, "invariants"),
        ({"invariants": [3]}, "invariants"),
    ],
)
def test_bad_options_are_refused_by_field(options, field):
    with pytest.raises(InvalidRequest) as refused:
        explore_schedules(lambda: None, lambda app: None, **options)

    assert refused.value.field == field


def test_scenarios_are_one_for_each_worker():
    with pytest.raises(InvalidRequest, match="1 scenarios for 2 workers"):
        explore_schedules([lambda: None] * 2, [lambda app: None])
