"""What is remembered of files between the attempts of a task."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from vespera.application.runtime.file_memory import EPOCH, FileMemory
from vespera.domain.errors import NonDeterministicTask
from vespera.domain.file_operation import FileOperation, OperationKind, Phase
from vespera.domain.ids import TaskId
from vespera.testing.conformance.samples import an_operation

CREATE, DELETE = OperationKind.CREATE, OperationKind.DELETE


def asked(memory: FileMemory, path: str, number: int, **fields: object) -> FileOperation:
    """As it is recorded: the ``number``-th at the path."""
    context: Mapping[str, object] = {}
    for _ in range(number):
        context = memory.context(memory.ticket(CREATE, [path]), path)
    return an_operation(f"{path}-{number}", path, context=context, phase=Phase.DONE, **fields)


def recorded(epoch: str = "0.0", **paths: int) -> list[FileOperation]:
    return [
        asked(FileMemory(TaskId("t1"), (), epoch), path, number + 1)
        for path, numbers in paths.items()
        for number in range(numbers)
    ]


def ask(memory: FileMemory, path: str, kind: OperationKind = CREATE, *, same: bool = True) -> str:
    ticket = memory.ticket(kind, [path])
    known = memory.recall(ticket, [path.removeprefix("./")], [kind], lambda _: same)
    if known is None:
        memory.note(kind, [path])
    return "" if known is None else known.id


def test_each_path_has_an_order_of_its_own() -> None:
    memory = FileMemory(TaskId("t1"), recorded(a=2, b=1), "0.0")

    assert [ask(memory, path) for path in ("b", "a", "./a", "a")] == ["b-1", "a-1", "a-2", ""]


def test_paths_of_any_form_are_counted_alike_and_what_is_no_path_by_itself() -> None:
    memory = FileMemory(TaskId("t1"), (), "0.0")
    asked = [b"a", "a/", Path("a"), "./a", None, ""]

    tickets = [memory.ticket(CREATE, [path]) for path in asked]

    numbers = [(ticket.given, ticket.number) for ticket in tickets]
    assert numbers == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("None", 1), ("", 1)]


def test_within_an_epoch_something_else_at_the_same_path_is_no_replay() -> None:
    memory = FileMemory(TaskId("t1"), recorded(a=1), "0.0")

    with pytest.raises(NonDeterministicTask, match=r"recorded create 'a'.*now asks for delete 'a'"):
        ask(memory, "a", DELETE)


def test_within_an_epoch_another_path_in_the_place_of_one_is_no_replay() -> None:
    memory = FileMemory(TaskId("t1"), recorded(a=1, b=2), "0.0")
    ask(memory, "b")
    ask(memory, "c")

    with pytest.raises(NonDeterministicTask, match=r"'a' and 1 more.*asked for create 'c' instead"):
        memory.check()


def test_who_does_less_than_before_and_nothing_new_has_come_less_far() -> None:
    memory = FileMemory(TaskId("t1"), recorded(a=1, b=2), "0.0")
    ask(memory, "b")

    memory.check()


def test_after_a_failure_the_same_is_remembered_and_another_way_is_free() -> None:
    memory = FileMemory(TaskId("t1"), recorded(a=3, b=1, c=1), "0.1")

    assert ask(memory, "b") == "b-1"
    assert ask(memory, "a") == "a-1"
    assert ask(memory, "a", same=False) == ""
    assert ask(memory, "a") == ""  # what lay behind that is the past
    assert ask(memory, "d") == ""
    memory.check()


def test_what_a_later_epoch_did_otherwise_ends_what_an_earlier_one_did() -> None:
    later = asked(FileMemory(TaskId("t1"), (), "0.1"), "a", 2)
    memory = FileMemory(TaskId("t1"), [*recorded(a=3), later], "0.1")

    assert [ask(memory, "a"), ask(memory, "a"), ask(memory, "a")] == ["a-1", later.id, ""]
    assert later.context[EPOCH] == "0.1"


def test_another_way_in_a_replay_leaves_what_its_own_epoch_did_to_be_asked_for() -> None:
    later = asked(FileMemory(TaskId("t1"), (), "0.1"), "a", 2)
    memory = FileMemory(TaskId("t1"), [*recorded(a=1), later], "0.1")

    assert [ask(memory, "a", same=False), ask(memory, "a")] == ["", later.id]
