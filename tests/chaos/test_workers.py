"""Several worker processes on one file, some of them killed, some standing still for a while."""

import pytest


def test_the_late_writes_of_a_stalled_worker_change_nothing(sweep):
    found = sweep("stalled")

    assert found["complaints"] == []
    assert found["late"] == 1
    assert found["ends"] == [0, 0]


def test_a_missing_fence_is_found_out(sweep):
    found = sweep("stalled", engine="fenceless")

    assert any("had been recorded" in complaint for complaint in found["complaints"])


def test_two_workers_under_kills_and_stalls_do_every_task_once(sweep):
    found = sweep("swarm", tasks=300, workers=2, seconds=120, pause=0.01)

    assert found["complaints"] == []
    assert found["done"] == 300
    assert found["points"] >= 3


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [2, 4])
def test_many_workers_under_kills_and_stalls_do_every_task_once(sweep, workers):
    found = sweep("swarm", tasks=5000, workers=workers, seconds=900, pause=0.02, seed=workers)

    assert found["complaints"] == []
    assert found["done"] == 5000
    assert found["points"] >= 20
