"""To whom a change in the workspace is put down."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vespera.domain.changes import Change
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.undeclared import Account, Accounted, account_for, is_still_open

CREATE, MODIFY, DELETE, READ, MOVE, COPY, MKDIR, RMDIR, SYMLINK, CHMOD, SCOPE = OperationKind
OWN, ALLOWED, FOREIGN, UNDECLARED, UNKNOWN = Account
GONE = Absent()
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
V1_RUN = FileState("b3:1", 1, 0o755)
DIRECTORY, OPEN_DIRECTORY = DirectoryState(0o755), DirectoryState(0o777)
HIDDEN = UnknownState("unreadable")


def act(
    kind: OperationKind,
    path: str,
    to: str | None = None,
    *,
    by: str | None = "task",
    phase: Phase = Phase.INTENT,
) -> FileOperation:
    there = to and Destination(path=to, before=NOT_OBSERVED, after=NOT_OBSERVED)
    return FileOperation(
        id=OperationId("an id"),
        task_id=None if by is None else TaskId(by),
        kind=kind,
        phase=phase,
        path=path,
        before=NOT_OBSERVED,
        after=NOT_OBSERVED,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
        destination=there or None,
    )


def accounts(
    changes: Mapping[str, tuple[PathState, PathState]],
    *own: FileOperation,
    others: tuple[FileOperation, ...] = (),
    allowed: tuple[str, ...] = (),
    stays: Mapping[str, PathState] | None = None,
) -> list[Accounted]:
    before = {path: states[0] for path, states in changes.items()} | dict(stays or {})
    found = [Change(path, *states) for path, states in changes.items()]
    return list(
        account_for(
            found,
            before=lambda path: before.get(path, GONE),
            own=own,
            others=others,
            allowed=allowed,
        )
    )


def kinds(*given: object, **more: object) -> list[Account]:
    return [one.account for one in accounts(*given, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [CREATE, MODIFY, DELETE, MKDIR, RMDIR, SYMLINK, CHMOD])
@pytest.mark.parametrize("phase", [Phase.INTENT, Phase.CLAIM, Phase.DONE])
def test_what_the_task_declared_is_its_own(kind: OperationKind, phase: Phase) -> None:
    assert kinds({"a": (V1, V2)}, act(kind, "a", phase=phase)) == [OWN]


@pytest.mark.parametrize(
    "states", [(GONE, V1), (V1, GONE), (V1, V2), (V1, V1_RUN), (V1, SymlinkState("x"))]
)
def test_what_nobody_declared_is_undeclared(states: tuple[PathState, PathState]) -> None:
    assert kinds({"a": states}, act(CREATE, "b")) == [UNDECLARED]


def test_to_read_a_file_declares_no_change_of_it() -> None:
    assert kinds({"a": (V1, V2)}, act(READ, "a")) == [UNDECLARED]
    assert kinds({"a": (V1, V2)}, act(COPY, "a", "b")) == [UNDECLARED]


def test_a_move_declares_what_goes_and_what_comes() -> None:
    changes = {"a": (V1, GONE), "b": (GONE, V1), "c": (GONE, V1)}

    assert kinds(changes, act(MOVE, "a", "b")) == [OWN, OWN, UNDECLARED]


def test_what_another_task_declared_is_told_with_its_name() -> None:
    others = (act(MODIFY, "a", by="other"), act(MODIFY, "a", by=None))

    [found] = accounts({"a": (V1, V2)}, others=others)

    assert (found.account, list(found.tasks)) == (FOREIGN, [TaskId("other"), None])


def test_what_both_declared_is_the_task_s_own() -> None:
    others = (act(MODIFY, "a", by="other"),)

    assert kinds({"a": (V1, V2)}, act(MODIFY, "a"), others=others) == [OWN]


@pytest.mark.parametrize(
    ("pattern", "path", "account"),
    [
        ("build/**", "build/deep/down.o", ALLOWED),
        ("build/**", "build", UNDECLARED),
        ("build/**", "rebuild/a", UNDECLARED),
        ("**/*.pyc", "a/b/c.pyc", ALLOWED),
        ("**/*.pyc", "c.pyc", ALLOWED),
        ("*.log", "a.log", ALLOWED),
        ("*.log", "sub/a.log", UNDECLARED),
        ("a?.txt", "ab.txt", ALLOWED),
        ("[ab].txt", "a.txt", UNDECLARED),
    ],
)
def test_what_is_allowed_need_not_be_declared(pattern: str, path: str, account: Account) -> None:
    assert kinds({path: (GONE, V1)}, allowed=(pattern,)) == [account]


def test_what_was_not_known_before_cannot_be_called_changed() -> None:
    assert kinds({"a": (HIDDEN, V1)}) == [UNKNOWN]
    assert kinds({"a": (HIDDEN, HIDDEN)}) == [UNKNOWN]


def test_what_is_hidden_now_and_was_not_before_is_undeclared() -> None:
    assert kinds({"a": (V1, HIDDEN)}) == [UNDECLARED]
    assert kinds({"a": (GONE, HIDDEN)}) == [UNDECLARED]


class TestDirectories:
    """What is in a directory comes and goes with it."""

    def test_a_directory_is_declared_by_what_was_put_into_it(self) -> None:
        changes = {"a": (GONE, DIRECTORY), "a/b": (GONE, DIRECTORY), "a/b/c": (GONE, V1)}

        assert kinds(changes, act(CREATE, "a/b/c")) == [OWN, OWN, OWN]

    def test_a_directory_is_not_declared_by_what_was_taken_out_of_it(self) -> None:
        assert kinds({"a": (GONE, DIRECTORY)}, act(DELETE, "a/b")) == [UNDECLARED]

    def test_a_file_in_the_place_of_a_directory_is_not_declared_by_what_it_holds(self) -> None:
        assert kinds({"a": (GONE, V1)}, act(CREATE, "a/b")) == [UNDECLARED]

    def test_another_mode_of_a_directory_is_a_change_like_any_other(self) -> None:
        changes = {"a": (DIRECTORY, OPEN_DIRECTORY)}

        assert kinds(changes, act(CREATE, "a/b")) == [UNDECLARED]
        assert kinds(changes, act(CHMOD, "a")) == [OWN]

    @pytest.mark.parametrize("kind", [DELETE, RMDIR])
    def test_with_a_directory_goes_what_was_in_it(self, kind: OperationKind) -> None:
        changes = {"a": (DIRECTORY, GONE), "a/b": (DIRECTORY, GONE), "a/b/c": (V1, GONE)}

        assert kinds(changes, act(kind, "a")) == [OWN, OWN, OWN]

    def test_what_is_in_a_directory_does_not_change_with_it(self) -> None:
        assert kinds({"a/b": (V1, V2)}, act(DELETE, "a")) == [UNDECLARED]
        assert kinds({"a/b": (GONE, V2)}, act(DELETE, "a")) == [UNDECLARED]

    def test_what_is_in_a_directory_moves_with_it_and_must_be_the_same(self) -> None:
        changes = {
            "a": (DIRECTORY, GONE),
            "a/x": (V1, GONE),
            "a/y": (V1, GONE),
            "b": (GONE, DIRECTORY),
            "b/x": (GONE, V1),
            "b/y": (GONE, V2),
            "b/z": (GONE, V1),
        }

        found = kinds(changes, act(MOVE, "a", "b"))

        assert found == [OWN, OWN, OWN, OWN, OWN, UNDECLARED, UNDECLARED]

    def test_what_is_in_a_directory_is_copied_with_it_whatever_its_mode(self) -> None:
        changes = {
            "b": (GONE, OPEN_DIRECTORY),
            "b/sub": (GONE, OPEN_DIRECTORY),
            "b/x": (GONE, V1_RUN),
            "b/y": (GONE, V2),
        }
        stays = {"a": DIRECTORY, "a/sub": DIRECTORY, "a/x": V1, "a/y": V1}

        found = kinds(changes, act(COPY, "a", "b"), stays=stays)

        assert found == [OWN, OWN, OWN, UNDECLARED]

    def test_what_another_task_moved_in_a_directory_is_that_task_s(self) -> None:
        changes = {"a/x": (V1, GONE), "b/x": (GONE, V1)}
        others = (act(MOVE, "a", "b", by="other"),)

        found = accounts(changes, others=others)

        assert [one.account for one in found] == [FOREIGN, FOREIGN]
        assert {task for one in found for task in one.tasks} == {TaskId("other")}


def test_no_change_is_put_down_to_nobody() -> None:
    assert accounts({}, act(CREATE, "a")) == []


def scope(pattern: str, by: str | None = "task") -> FileOperation:
    return act(SCOPE, pattern, by=by)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("build/**", "build/a/b.o"),
        ("**/__pycache__/**", "src/__pycache__/a.pyc"),
        ("*.log", "a.log"),
        ("a?.txt", "a1.txt"),
    ],
)
def test_what_a_task_allows_itself_need_not_be_declared(pattern: str, path: str) -> None:
    assert kinds({path: (GONE, V1)}, scope(pattern)) == [ALLOWED]


@pytest.mark.parametrize(
    ("before", "after", "account"),
    [
        (GONE, DIRECTORY, ALLOWED),
        (DIRECTORY, GONE, ALLOWED),
        (DIRECTORY, OPEN_DIRECTORY, ALLOWED),
        (V1, DIRECTORY, UNDECLARED),
        (GONE, V1, UNDECLARED),
    ],
)
def test_with_what_is_in_a_directory_the_directory_is_allowed(
    before: PathState, after: PathState, account: Account
) -> None:
    assert kinds({"build": (before, after)}, scope("build/**")) == [account]
    assert kinds({"build": (before, after)}, scope("build/*")) == [UNDECLARED]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("build/*", "build/a/b.o"), ("build/*", "build"), ("*.log", "a/a.log"), ("a.c", "abc")],
)
def test_an_allowance_goes_as_far_as_its_pattern(pattern: str, path: str) -> None:
    assert kinds({path: (GONE, V1)}, scope(pattern)) == [UNDECLARED]


def test_a_directory_that_came_because_something_in_it_was_allowed_is_allowed() -> None:
    changes = {"out": (GONE, DIRECTORY), "out/logs": (GONE, DIRECTORY), "out/logs/a": (GONE, V1)}
    also = {"old": (GONE, DIRECTORY), "out": (DIRECTORY, OPEN_DIRECTORY), "out/logs/a": (GONE, V1)}

    assert kinds(changes, scope("out/logs/*")) == [ALLOWED] * 3
    assert kinds(also, scope("out/logs/*")) == [UNDECLARED, UNDECLARED, ALLOWED]


def test_what_another_task_allows_itself_is_put_down_to_it() -> None:
    scopes = (scope("build/**", "b"), scope("build/*", "b"), scope("**/a.o", "c"))
    [found] = accounts({"build/a.o": (GONE, V1)}, others=scopes)

    assert (found.account, found.tasks) == (FOREIGN, ["b", "c"])


def test_an_allowance_declares_nothing_at_the_path_that_it_looks_like() -> None:
    assert kinds({"a": (GONE, V1)}, scope("b"), others=(scope("c", "b"),)) == [UNDECLARED]


@pytest.mark.parametrize(
    ("found", "now", "is_open"),
    [(V1, V1, True), (V1, V2, False), (GONE, V1, False), (HIDDEN, V1, True), (V1, HIDDEN, True)],
)
def test_what_was_announced_is_open_for_as_long_as_nothing_has_changed(
    found: PathState, now: PathState, is_open: bool
) -> None:
    announced = replace(act(MODIFY, "a"), before=found)

    assert is_still_open(announced, lambda _: now) is is_open


def test_a_move_is_open_as_long_as_one_of_its_sides_is_as_it_was() -> None:
    there = Destination(path="b", before=GONE, after=NOT_OBSERVED)
    announced = replace(act(MOVE, "a"), before=V1, destination=there)

    assert is_still_open(announced, {"a": V2, "b": GONE}.__getitem__)
    assert not is_still_open(announced, {"a": GONE, "b": V1}.__getitem__)


def test_what_was_refused_declares_nothing() -> None:
    assert kinds({"a": (GONE, V1)}, act(CREATE, "a", phase=Phase.REFUSED)) == [UNDECLARED]


def done(kind: OperationKind, path: str, after: PathState, to: str | None = None) -> FileOperation:
    made = act(kind, path, to, phase=Phase.DONE)
    there = made.destination and replace(made.destination, after=after)
    return replace(made, after=GONE if there else after, destination=there)


def by_path(*given: object, **more: object) -> dict[str, Account]:
    found = accounts(*given, **more)  # type: ignore[arg-type]
    return {one.change.path: one.account for one in found}


def test_what_was_lost_on_the_way_with_a_directory_was_not_declared() -> None:
    changes = {
        "a": (DIRECTORY, GONE),
        "a/kept": (V1, GONE),
        "a/lost": (V2, GONE),
        "b": (GONE, DIRECTORY),
        "b/kept": (GONE, V1),
    }

    assert by_path(changes, act(MOVE, "a", "b")) == {
        **dict.fromkeys(changes, OWN),
        "a/lost": UNDECLARED,
    }


def test_what_was_moved_out_of_a_moved_directory_or_deleted_there_is_not_lost() -> None:
    changes = {
        "a/taken": (V1, GONE),
        "a/deleted": (V2, GONE),
        "a/x/deep": (V2, GONE),
        "out": (GONE, V1),
    }
    said = [
        act(MOVE, "a", "b"),
        act(MOVE, "b/taken", "out"),
        act(DELETE, "b/deleted"),
        act(RMDIR, "b/x"),
    ]

    assert set(by_path(changes, *said).values()) == {OWN}


def test_what_is_moved_twice_with_its_directory_comes_from_where_it_was_first() -> None:
    changes = {"a/x": (V1, GONE), "c/x": (GONE, V1)}
    twice = [act(MOVE, "a", "b"), act(MOVE, "b", "c")]

    assert set(by_path(changes, *twice).values()) == {OWN}
    changed = changes | {"c/x": (GONE, V2)}
    assert by_path(changed, *twice) == {"a/x": OWN, "c/x": UNDECLARED}


def test_two_directories_may_change_places() -> None:
    changes = {"a/x": (V1, V2), "b/x": (V2, V1), "a/y": (V1, GONE), "b/y": (GONE, V1)}
    swap = [act(MOVE, "a", "t"), act(MOVE, "b", "a"), act(MOVE, "t", "b")]

    assert set(by_path(changes, *swap).values()) == {OWN}
    assert by_path(changes | {"b/x": (V2, V2)}, *swap)["b/x"] is UNDECLARED


def test_what_was_written_before_its_directory_was_moved_comes_as_it_was_written() -> None:
    said = [done(CREATE, "a/x", V1), done(MOVE, "a", DIRECTORY, to="b")]

    assert by_path({"b/x": (GONE, V1)}, *said) == {"b/x": OWN}
    assert by_path({"b/x": (GONE, V2)}, *said) == {"b/x": UNDECLARED}


def test_what_was_deleted_before_its_directory_was_moved_does_not_come_along() -> None:
    said = [act(DELETE, "a/x"), act(MOVE, "a", "b")]
    gone = replace(said[0], after=GONE, phase=Phase.DONE)

    assert by_path({"b/x": (GONE, V1)}, gone, said[1]) == {"b/x": UNDECLARED}


def test_a_directory_that_two_tasks_moved_is_put_down_to_the_one_that_is_asked_for() -> None:
    changes = {"a/x": (V1, GONE), "c/x": (GONE, V1)}
    mine, theirs = act(MOVE, "a", "b"), act(MOVE, "b", "c", by="other")

    assert by_path(changes, mine, others=(theirs,)) == {"a/x": OWN, "c/x": OWN}
    assert by_path(changes, others=(replace(mine, task_id=TaskId("another")), theirs)) == {
        "a/x": FOREIGN,
        "c/x": FOREIGN,
    }


def test_what_was_lost_on_the_way_is_not_made_good_by_something_new_in_its_old_place() -> None:
    changes = {"a/x": (V1, V2), "b": (GONE, DIRECTORY)}
    said = [act(MOVE, "a", "b"), act(CREATE, "a/x")]

    assert by_path(changes, *said) == {"a/x": UNDECLARED, "b": OWN}
    assert by_path(changes | {"b/x": (GONE, V1)}, *said) == dict.fromkeys([*changes, "b/x"], OWN)
    deleted_before = [act(DELETE, "a/x"), *said]
    assert by_path(changes, *deleted_before) == {"a/x": OWN, "b": OWN}


def test_a_directory_may_come_where_a_file_was_taken_away_along() -> None:
    changes = {"a/x": (V1, DIRECTORY), "a/x/y": (GONE, V2), "b/x": (GONE, V1)}

    assert set(by_path(changes, act(MOVE, "a", "b"), act(CREATE, "a/x/y")).values()) == {OWN}
