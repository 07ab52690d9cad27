import pytest

from vespera.testing.faults import ArmedFault, FaultNeverHit
from vespera.testing.faults.plan import Plan
from vespera.testing.faults.targets import parse_target


@pytest.fixture
def plan():
    return Plan()


@pytest.fixture
def arm(plan):
    def arm(target="step:charge", **fields):
        values = {
            "errors": [ValueError],
            "delay": 0.0,
            "times": None,
            "after": 0,
            "is_behind": False,
            "optional": False,
        }
        where = parse_target(target)
        fault = ArmedFault(target=target, where=where, plan=plan, **{**values, **fields})
        plan.arm(fault)
        return fault

    return arm


def errors(plan, count, name="charge"):
    return [[strike.error for strike in plan.meet("step", name)] for _ in range(count)]


def test_nothing_strikes_while_nothing_is_armed(plan):
    assert plan.meet("step", "charge") == []


def test_a_fault_strikes_what_it_names_and_nothing_else(plan, arm):
    fault = arm()

    assert plan.meet("step", "ship") == []
    assert plan.meet("call", "charge") == []
    assert len(plan.meet("step", "charge")) == 1
    assert fault.hits == 1


def test_it_strikes_so_many_times_after_so_many(plan, arm):
    fault = arm(after=2, times=2)

    assert errors(plan, 6) == [[], [], [ValueError], [ValueError], [], []]
    assert (fault.hits, fault.passed) == (2, 2)


def test_a_sequence_gives_one_error_to_each_hit(plan, arm):
    arm(errors=[ValueError, None, "full"], times=3)

    assert errors(plan, 4) == [[ValueError], [None], ["full"], []]


def test_the_last_of_a_sequence_stays_if_there_are_more_hits(plan, arm):
    arm(errors=[ValueError, KeyError])

    assert errors(plan, 3) == [[ValueError], [KeyError], [KeyError]]


def test_several_faults_strike_in_the_order_of_arming(plan, arm):
    arm(errors=[KeyError])
    arm("step:*", delay=3.0)

    assert [(s.error, s.delay) for s in plan.meet("step", "charge")] == [
        (KeyError, 0.0),
        (ValueError, 3.0),
    ]


def test_at_the_end_of_its_block_it_is_disarmed(plan, arm):
    with arm() as fault:
        plan.meet("step", "charge")
    plan.meet("step", "charge")

    assert fault.hits == 1
    plan.close()


def test_a_fault_that_was_never_hit_fails_at_the_end_of_its_block(arm):
    with pytest.raises(FaultNeverHit, match=r"'step:charge'\. Nothing of its kind happened"), arm():
        pass


def test_what_happened_instead_is_told_with_what_is_near(plan, arm):
    fault = arm("step:charg")
    for name in ("ship", "charge", "ship"):
        plan.meet("step", name)

    with pytest.raises(FaultNeverHit, match=r"'ship', 'charge'\. Did you mean 'charge'"):
        fault.check()


def test_what_came_too_early_is_told(plan, arm):
    fault = arm(after=5)
    plan.meet("step", "charge")

    with pytest.raises(FaultNeverHit, match="1 came past, and after=5 lets those pass"):
        fault.check()


def test_an_error_of_the_block_is_not_hidden_by_a_fault_that_was_never_hit(plan, arm):
    with pytest.raises(ZeroDivisionError), arm():
        raise ZeroDivisionError

    plan.close()


def test_a_fault_without_a_block_is_checked_at_the_close(plan, arm):
    arm()
    with pytest.raises(FaultNeverHit):
        plan.close()
    plan.close()

    assert plan.meet("step", "charge") == []


def test_an_optional_fault_need_not_be_hit(plan, arm):
    with arm(optional=True):
        pass
    arm(optional=True)

    plan.close()


def test_disarming_twice_is_fine_and_does_not_excuse_it(plan, arm):
    fault = arm()
    fault.disarm()
    fault.disarm()

    assert plan.meet("step", "charge") == []
    with pytest.raises(FaultNeverHit):
        plan.close()


def test_what_is_thrown_is_the_instance_or_one_of_the_class(plan, arm):
    error = ValueError("one")
    arm(errors=[error, KeyError, None, "full"])
    thrown = [plan.meet("step", "charge")[0].thrown() for _ in range(4)]

    assert thrown[0] is error
    assert type(thrown[1]) is KeyError
    assert thrown[2:] == [None, None]
