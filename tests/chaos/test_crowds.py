"""Very many tasks."""

import pytest


def test_a_crowd_of_stale_tasks_does_not_hold_up_the_start(sweep):
    found = sweep("stale", tasks=10_000)

    assert found["extra_mb"] < 30
    assert found["ready_of_processor"] < 1  # 0.1 s on an idle machine


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_a_hundred_thousand_stale_tasks_cost_little_time_and_memory(sweep):
    found = sweep("stale")

    assert found["extra_mb"] < 30
    assert found["ready"] < 2  # 0.1 s on an idle machine


@pytest.mark.chaos
@pytest.mark.timeout(1700)
def test_sixty_thousand_tasks_leave_nothing_behind_in_the_process(sweep):
    found = sweep("soak")

    assert found["points"] >= 60
    assert found["descriptors"][0] == found["descriptors"][1]
    assert found["threads"][0] == found["threads"][1]
    assert found["growth_mb"] < 10
    assert found["log_mb"][1] < 64
