"""What callers say is checked before anything is recorded."""

from typing import Any

import pytest

from vespera.application.usecases.file_statements import FileStatement, checked_id
from vespera.domain.errors import InvalidRequest


def said(**given: Any) -> FileStatement:
    nothing: dict[str, Any] = dict.fromkeys(
        ("operation_context", "metadata", "task_id", "expected"), None
    )
    return FileStatement(**nothing | {"after": False} | given)


def test_nothing_need_be_said() -> None:
    said().check()

    assert said().task is None


def test_the_argument_names_the_task_before_the_context_does() -> None:
    context = {"task_id": "from the context"}

    assert said(operation_context=context).task == "from the context"
    assert said(operation_context=context, task_id="from the argument").task == "from the argument"
    assert said(operation_context={}).task is None


@pytest.mark.parametrize("given", [None, 5, "", "a\nb", "\ud800", b"bytes"])
def test_what_is_no_id_is_named(given: object) -> None:
    with pytest.raises(InvalidRequest, match="the_field: "):
        checked_id(given, "the_field")


@pytest.mark.parametrize("field", ["operation_context", "metadata"])
def test_a_note_may_take_64_kib_and_no_more(field: str) -> None:
    around = len('{"text": ""}')
    said(**{field: {"text": "x" * (64 * 1024 - around)}}).check()

    with pytest.raises(InvalidRequest, match=f"{field}: 65,537 bytes are more than 65,536"):
        said(**{field: {"text": "x" * (64 * 1024 - around + 1)}}).check()


@pytest.mark.parametrize("value", [object(), {1, 2}, float("inf"), "\ud800", b"bytes"])
def test_values_that_have_no_json_form_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="metadata: must hold plain JSON values only"):
        said(metadata={"value": value}).check()
