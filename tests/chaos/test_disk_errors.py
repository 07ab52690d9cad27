"""The disk refuses single operations, or is full for a while."""

import pytest


def test_a_disk_that_fails_is_told_of_by_type_and_the_engine_goes_on_afterwards(sweep):
    found = sweep("disk_errors", operations=4, stages=["claim", "files"])

    assert found["complaints"] == []
    assert found["points"] >= 24
    assert found["raised"]["DatabaseFull"] > 0


def test_an_engine_that_takes_a_failed_commit_for_a_success_is_found_out(sweep):
    found = sweep("disk_errors", operations=3, stages=["create"], kinds=["full"], engine="deaf")

    assert any("lost" in complaint for complaint in found["complaints"])


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_every_operation_on_the_disk_may_fail(sweep):
    found = sweep("disk_errors")

    assert found["complaints"] == []
    assert found["points"] >= 500
    assert set(found["raised"]) <= {
        "DatabaseCorrupt",
        "DatabaseFull",
        "DatabaseReadOnly",
        "StorageError",
    }
