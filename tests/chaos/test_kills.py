"""Processes killed by SIGKILL, at every place that has a name, and what the next one finds."""

import pytest

LIGHT = [
    "create",
    "claim",
    "step",
    "retry",
    "timer",
    "sleep",
    "signal",
    "approval",
    "children",
    "undo",
    "complete",
    "hand-over",
    "cancel",
    "files",
    "gate",
    "pause",
    "schedule",
    "purge",
    "retention",
    "progress",
    "drain",
    "shutdown",
    "migrate",
]


def test_a_killed_process_loses_nothing_that_was_acknowledged(sweep):
    found = sweep("kills", points=4 * len(LIGHT), stages=LIGHT)

    assert found["complaints"] == []
    assert found["points"] >= 80
    assert set(found["stages"]) == set(LIGHT)
    assert min(found["stages"].values()) >= 2
    assert found["recovery_median"] < 1  # 0.1 s on an idle machine; the stage is lived to its end


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_every_place_of_every_stage_is_survived(sweep):
    found = sweep("kills")

    assert found["complaints"] == []
    assert found["points"] >= 1000
    assert min(found["stages"].values()) >= 30
    assert found["recovery_median"] < 1
    assert found["recovery_longest"] < 10  # 0.5 s on an idle machine
    assert found["doubled"] > 0, "some kill falls between an effect and its record"


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_kill_with_the_smaller_durability_loses_nothing_either(sweep):
    found = sweep("kills", points=12 * len(LIGHT), stages=LIGHT, durability="normal")

    assert found["complaints"] == []
    assert found["points"] >= 240


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_process_that_is_killed_while_it_recovers_loses_nothing(sweep):
    found = sweep("kills", points=24 * len(LIGHT), kills=2, stages=LIGHT)

    assert found["complaints"] == []
    assert found["points"] >= 200


def test_an_engine_that_acknowledges_before_the_commit_is_found_out_by_kills(sweep):
    found = sweep("kills", points=24, stages=["gate", "progress"], engine="hasty")

    assert any("lost" in complaint for complaint in found["complaints"])


def test_a_schedule_that_moves_on_before_its_task_is_stored_is_found_out(sweep):
    found = sweep("kills", points=40, stages=["schedule"], engine="twofold")

    assert any("instead of" in complaint for complaint in found["complaints"])
