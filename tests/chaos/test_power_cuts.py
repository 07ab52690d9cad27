"""The power goes; what was not synced is gone, or there, or there in parts."""

import pytest


def test_nothing_acknowledged_is_lost_by_a_power_cut(sweep):
    found = sweep("power", moments=3, stages=["create", "claim", "files", "cancel", "migrate"])

    assert found["complaints"] == []
    assert found["points"] >= 90


def test_a_database_of_the_smaller_durability_taken_for_the_larger_is_found_out(sweep):
    found = sweep("power", moments=3, durability="normal", stages=["step"])

    assert any("lost" in complaint for complaint in found["complaints"])


def test_an_engine_that_acknowledges_before_the_commit_is_found_out_by_power_cuts(sweep):
    found = sweep("power", moments=14, engine="hasty", stages=["create"])

    assert any("lost" in complaint for complaint in found["complaints"])


def test_a_value_that_a_row_refers_to_is_whole_after_a_power_cut(sweep):
    found = sweep("power", moments=2, stages=["large"], of="-values")

    assert found["complaints"] == []
    assert found["points"] == 16


@pytest.mark.parametrize("bug", ["early", "unsynced", "nameless"])
def test_a_row_that_may_be_on_the_disk_before_its_value_is_found_out(sweep, bug):
    found = sweep("power", moments=2, stages=["large"], of="-values", engine=bug)

    assert any("value: the " in complaint for complaint in found["complaints"])


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_no_power_cut_loses_a_value_that_a_row_refers_to(sweep):
    found = sweep("power", moments=1000, stages=["large"], of="-values")

    assert found["complaints"] == []
    assert found["points"] >= 250


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_no_power_cut_at_any_operation_loses_what_was_acknowledged(sweep):
    found = sweep("power")

    assert found["complaints"] == []
    assert found["points"] >= 1200
    assert min(found["stages"].values()) >= 70


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_with_the_smaller_durability_the_database_is_as_it_was_at_some_commit(sweep):
    found = sweep("power", durability="normal", promised="normal", moments=12)

    assert found["complaints"] == []
    assert found["points"] >= 800
