"""The disk refuses single operations, or is full for a while."""

import pytest


def test_a_disk_that_fails_is_told_of_by_type_and_the_engine_goes_on_afterwards(sweep):
    found = sweep("disk_errors", operations=4, stages=["claim", "files"])

    assert found["complaints"] == []
    assert found["points"] >= 24
    assert found["raised"]["DatabaseFull"] > 0


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
