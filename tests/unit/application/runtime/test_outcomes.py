"""What specialists hand back is checked and comes back as it was."""

from typing import Any

import pytest

from vespera import TaskOutcome
from vespera.application.runtime.outcomes import Outcomes
from vespera.domain.errors import InvalidRequest, UnstorableValue
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes(MsgspecCodec())


def test_an_outcome_comes_back_as_it_was(outcomes: Outcomes) -> None:
    outcome = TaskOutcome(summary="s", artifacts=("a", "b"), next_action="n", result={"x": 1})

    assert outcomes.decode(outcomes.encode(outcome)) == outcome


@pytest.mark.parametrize("value", [None, 1, "text", ["a"], {"summary": "s"}], ids=repr)
def test_any_other_value_is_the_result(outcomes: Outcomes, value: object) -> None:
    assert outcomes.decode(outcomes.encode(value)) == TaskOutcome(result=value)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"summary": {"a": 1}}, "summary"),
        ({"summary": None}, "summary"),
        ({"summary": "x" * 10_001}, "summary"),
        ({"artifacts": "abc"}, "artifacts"),
        ({"artifacts": None}, "artifacts"),
        ({"artifacts": ["a", 1]}, "artifacts[1]"),
        ({"next_action": ["rest"]}, "next_action"),
        ({"summary": {"a": 1}, "artifacts": "abc"}, "summary"),
    ],
    ids=lambda given: str(given)[:30],
)
def test_a_wrong_field_is_named(outcomes: Outcomes, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        outcomes.encode(TaskOutcome(**fields))

    assert caught.value.field == named


@pytest.mark.parametrize("value", [ValueError, ValueError("x"), TaskOutcome], ids=repr)
def test_exceptions_and_classes_have_no_stored_form(outcomes: Outcomes, value: object) -> None:
    with pytest.raises(UnstorableValue, match=r"^outcome"):
        outcomes.encode(value)
