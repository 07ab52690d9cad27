"""What the store tells of a source."""

from vespera.domain.content import NotKept, PutResult


def test_what_has_a_reason_was_not_kept():
    assert PutResult("b3:00", 1).kept
    assert not PutResult("b3:00", reason=NotKept.CHANGED).kept
