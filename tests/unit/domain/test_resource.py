"""Resources as values: their states, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import OwnerId, ResourceId
from vespera.domain.resource import (
    ResourceRecord,
    ResourceState,
    checked_mapping,
    checked_word,
    only_known,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNER = OwnerId("worker")


def record(**fields: Any) -> ResourceRecord:
    values = {
        "id": ResourceId("r"),
        "resource_type": "lock",
        "owner": OWNER,
        "state": ResourceState.ACQUIRING,
        "trace": {},
        "created_at": NOW,
    }
    return ResourceRecord(**{**values, **fields})


def test_a_resource_is_acquired_held_left_and_released() -> None:
    held = record().held({"pid": 7})
    left = held.left("it would not go")
    released = left.released(NOW)

    assert (held.state, held.trace) == ("held", {"pid": 7})
    assert (left.state, left.error) == ("left", "it would not go")
    assert (released.state, released.error, released.released_at) == ("released", None, NOW)


def test_what_the_dead_hold_and_what_would_not_go_is_left_to_recovery() -> None:
    assert record().is_leftover({OWNER})
    assert not record().is_leftover(())
    assert record().left("why").is_leftover(())
    assert not record().released(NOW).is_leftover({OWNER})


@pytest.mark.parametrize("given", [[], "text", {1: 2}, 7])
def test_what_is_no_mapping_of_names_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^configuration: must be a mapping of names"):
        checked_mapping(given, "configuration")

    assert checked_mapping(None, "configuration") == {}
    assert checked_mapping({"a": 1}, "configuration") == {"a": 1}


@pytest.mark.parametrize("given", ["", "  ", 7, None, "\udcff"])
def test_what_is_no_word_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^name: "):
        checked_word(given, "name")

    assert checked_word("a", "name") == "a"


def test_a_field_that_nobody_reads_is_refused() -> None:
    only_known({"path": 1}, ("path",))
    with pytest.raises(InvalidRequest, match=r"configuration.pth: unknown field; known are path"):
        only_known({"pth": 1}, ("path",))
    with pytest.raises(InvalidRequest, match="there are none"):
        only_known({"pth": 1}, ())
