"""Which model is asked, and which one instead."""

import pytest

from vespera.domain.errors import (
    AIServiceDenied,
    AIServiceRefused,
    DatabaseFull,
    InvalidRequest,
    StepFailed,
    UnstorableValue,
)
from vespera.domain.ladder import checked_models, order_from, would_another_do
from vespera.domain.retry import type_names


def test_the_preferred_one_is_asked_first_and_the_others_as_they_stand() -> None:
    assert order_from(["a", "b", "c"], "b") == ["b", "a", "c"]


@pytest.mark.parametrize("models", [[], (), "a", None, 5, {"a": 1}, [""], [5], ["a", "b", "a"]])
def test_what_is_no_list_of_names_is_refused(models) -> None:
    with pytest.raises(InvalidRequest):
        checked_models(models)


def test_names_stay_as_they_are() -> None:
    assert checked_models(["gpt/5", "mistral"]) == ("gpt/5", "mistral")


@pytest.mark.parametrize(
    "error",
    [AIServiceRefused("no"), InvalidRequest("no"), UnstorableValue("a", "b"), DatabaseFull()],
)
def test_what_no_other_model_would_mend_stops_also_as_a_failed_step(error) -> None:
    assert not would_another_do(type_names(error))
    assert not would_another_do(StepFailed("draft", "no", type_names(error)).error_types)


def test_a_key_that_is_not_accepted_may_be_accepted_by_another_one() -> None:
    assert would_another_do(type_names(AIServiceDenied("no")))


def test_an_error_of_the_same_name_that_is_not_ours_does_not_stop() -> None:
    theirs = type("RequestError", (Exception,), {})("as httpx has one")

    assert would_another_do(type_names(theirs))
