"""Processes killed by SIGKILL, at every place that has a name, and what the next one finds."""

import pytest

LIGHT = [
    "create",
    "claim",
    "step",
    "retry",
    "timer",
    "complete",
    "hand-over",
    "cancel",
    "files",
    "shutdown",
    "migrate",
]


def test_a_killed_process_loses_nothing_that_was_acknowledged(sweep):
    found = sweep("kills", points=66, stages=LIGHT)

    assert found["complaints"] == []
    assert found["points"] >= 60
    assert set(found["stages"]) == set(LIGHT)
    assert min(found["stages"].values()) >= 5


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_every_place_of_every_stage_is_survived(sweep):
    found = sweep("kills")

    assert found["complaints"] == []
    assert found["points"] >= 500
    assert min(found["stages"].values()) >= 30
    assert found["doubled"] > 0, "some kill falls between an effect and its record"


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_kill_with_the_smaller_durability_loses_nothing_either(sweep):
    found = sweep("kills", points=132, stages=LIGHT, durability="normal")

    assert found["complaints"] == []
    assert found["points"] >= 120


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_process_that_is_killed_while_it_recovers_loses_nothing(sweep):
    found = sweep("kills", points=264, kills=2, stages=LIGHT)

    assert found["complaints"] == []
    assert found["points"] >= 100


@pytest.mark.chaos
def test_an_engine_that_acknowledges_before_the_commit_is_found_out_by_kills(sweep):
    found = sweep("kills", points=60, stages=["create"], engine="hasty")

    assert any("lost" in complaint for complaint in found["complaints"])
