"""Which requests may ask to be wanted once, and how."""

from datetime import UTC, datetime

import pytest

from vespera.domain.dedup import dedup_key_of
from vespera.domain.errors import InvalidRequest
from vespera.domain.request import parse_request


def test_type_and_key_together_tell_tasks_apart() -> None:
    asked = parse_request(None, {"title": "A", "specialist_type": "coder", "dedup_key": "c7"})

    assert dedup_key_of(asked) == ("coder", "c7")
    assert dedup_key_of(parse_request(None, {"title": "A"})) is None


def test_a_debounce_may_have_a_limit_as_long_as_itself() -> None:
    asked = parse_request(
        None, {"title": "A", "dedup_key": "c7", "debounce": 2, "debounce_at_most": 2}
    )

    assert (asked.debounce, asked.debounce_at_most) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"dedup_key": ""}, "dedup_key: must not be empty"),
        ({"dedup_key": 7}, "dedup_key: must be text, got int"),
        ({"dedup_key": "k", "debounce": 0}, "debounce: must be above 0 seconds"),
        ({"dedup_key": "k", "debounce": "soon"}, "debounce: "),
        ({"dedup_key": "k", "idempotency_key": "i"}, "dedup_key: means one task while"),
        ({"debounce": 1}, "debounce: needs a dedup_key"),
        ({"dedup_key": "k", "debounce_at_most": 1}, "debounce_at_most: needs a debounce"),
        (
            {"dedup_key": "k", "debounce": 2, "debounce_at_most": 1},
            "debounce_at_most: is shorter than the debounce of 2 seconds",
        ),
        (
            {"dedup_key": "k", "debounce": 2, "run_after": datetime(2030, 1, 1, tzinfo=UTC)},
            "run_after: is said by debounce",
        ),
        ({"dedup_key": "k", "debounce": 2, "depends_on": ["a"]}, "depends_on: a debounced task"),
        (
            {"dedup_key": "k", "debounce": 2, "on_failed_dependency": "cancel"},
            "on_failed_dependency: a debounced task runs",
        ),
        ({"dedup_keys": "k"}, "dedup_keys: unknown field; did you mean 'dedup_key'?"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    fields: dict[str, object], refused: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_request({"title": "A"}, fields)

    assert str(error.value).startswith(refused)
