"""Errors say what is wrong, where, and what to do."""

import inspect

import pytest

from vespera.domain import errors


def all_errors() -> list[type[errors.VesperaError]]:
    return [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.VesperaError)
    ]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_tree(kind: type[errors.VesperaError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_branches_end_in_error_and_leaves_do_not_have_children(
    kind: type[errors.VesperaError],
) -> None:
    is_branch = bool(kind.__subclasses__())

    assert not is_branch or kind.__name__.endswith("Error")


def test_the_docstring_is_the_default_message() -> None:
    assert str(errors.LeaseLost()).startswith("Another worker has taken the task over")


def test_a_message_of_its_own_wins() -> None:
    assert str(errors.StaleTask("gone")) == "gone"


def test_an_invalid_request_names_its_field() -> None:
    error = errors.InvalidRequest("must be text", field="title")

    assert str(error) == "title: must be text"
    assert error.field == "title"


def test_a_payload_over_the_limit_says_what_to_do() -> None:
    error = errors.PayloadTooLarge("payload", 2_000_000, 1_048_576)

    assert "2,000,000" in str(error)
    assert "payload_limit" in str(error)


def test_an_unstorable_value_names_its_path() -> None:
    assert str(errors.UnstorableValue("payload.a[0]", "no")) == "payload.a[0]: no"


def test_a_wiring_error_lists_all_problems() -> None:
    error = errors.WiringError("MyContainer", ["one", "two"])

    assert "1. one" in str(error)
    assert "2. two" in str(error)


def test_a_refused_path_is_shown_with_the_reason() -> None:
    assert str(errors.PathRefused("../x", "it lies outside")) == "'../x': it lies outside"


def test_a_failed_step_without_types_is_an_exception() -> None:
    assert str(errors.StepFailed("a", "boom", ())) == "Step 'a' failed: Exception: boom"


def test_unknown_ids_are_named() -> None:
    assert "'t1'" in str(errors.TaskNotFound("t1"))
    assert "'o1'" in str(errors.OperationNotFound("o1"))


def test_a_reused_key_names_the_task_that_has_it() -> None:
    assert "'t1'" in str(errors.KeyReused("k", "t1"))
