import pytest

from vespera.testing.sim.codes import is_code, is_crash_code, is_schedule_code


@pytest.mark.parametrize("code", ["c3a", "c3bp2", "c3a.e1b", "v57", "f12t"])
def test_deaths_have_codes(code):
    assert is_crash_code(code)
    assert not is_schedule_code(code)
    assert is_code(code)
    assert is_code(f"2:{code}")


@pytest.mark.parametrize("code", ["o3x1", "d7x60", "l7x0.5", "r42", "o3x1-o5x2-d7x60"])
def test_schedules_have_codes(code):
    assert is_schedule_code(code)
    assert not is_crash_code(code)
    assert is_code(code)
    assert is_code(f"12:{code}")


@pytest.mark.parametrize(
    "code", ["", "rubbish", "2:", ":c3a", "0:c3a", "x:c3a", "c3a:2", "2:3:c3a"]
)
def test_nothing_else_is_a_code(code):
    assert not is_code(code)
