"""The store of contents: processes killed at calls of the system, and power cuts at them."""

import pytest


def test_a_killed_process_loses_no_content_that_was_acknowledged(sweep):
    found = sweep("contents_kills", points=6)

    assert found["complaints"] == []
    assert found["points"] == 6


def test_no_power_cut_takes_content_that_was_acknowledged(sweep):
    found = sweep("contents_power_cuts", moments=3)

    assert found["complaints"] == []
    assert found["points"] == 12


def test_a_store_that_does_not_flush_names_is_found_out_by_power_cuts(sweep):
    found = sweep("contents_power_cuts", moments=3, kind="hasty")

    assert any("lost" in complaint for complaint in found["complaints"])


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_every_call_of_the_store_may_be_its_last(sweep):
    found = sweep("contents_kills")

    assert found["complaints"] == []
    assert found["points"] == found["calls"] > 80


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_the_power_may_go_at_every_call_of_the_store(sweep):
    found = sweep("contents_power_cuts")

    assert found["complaints"] == []
    assert found["points"] > 300
