"""What a task's operations come to, path by path."""

from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vespera.domain.changes import Change, ChangeKind
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    Destination,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.net_changes import NetChange, net_changes

CREATE, MODIFY, DELETE, READ, MOVE, COPY, *_ = OperationKind
ADDED, REMOVED, MODIFIED, UNKNOWN = ChangeKind
INTENT, CLAIM, DONE, *_ = Phase
TASK = TaskId("task")
GONE = Absent()
V1, V2, V3 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2, 3))
HIDDEN = UnknownState("unreadable")


class Workspace:
    """States at paths, and everything that was said of them."""

    def __init__(self, **states: PathState) -> None:
        self.there = dict(states)
        self.said: list[FileOperation] = []
        self.numbers = count()

    def do(self, kind: OperationKind, path: str, left: PathState, by: str = "task") -> None:
        """Something is done, and recorded with both states."""
        before, self.there[path] = self.there.get(path, GONE), left
        self.record(kind, DONE, path, before, left, by)

    def intend(self, kind: OperationKind, path: str, by: str = "task") -> None:
        self.record(kind, INTENT, path, self.there.get(path, GONE), NOT_OBSERVED, by)

    def claim(self, kind: OperationKind, path: str) -> None:
        self.record(kind, CLAIM, path, NOT_OBSERVED, self.there.get(path, GONE))

    def move(self, path: str, to: str, phase: Phase = DONE, by: str = "task") -> None:
        went, met = self.there.get(path, GONE), self.there.get(to, GONE)
        self.there[path], self.there[to] = GONE, went
        there = Destination(path=to, before=met, after=went, overwrites=True)
        if phase is CLAIM:
            there = Destination(path=to, before=NOT_OBSERVED, after=went, overwrites=True)
        before = NOT_OBSERVED if phase is CLAIM else went
        self.record(MOVE, phase, path, before, GONE, by, there)

    def record(
        self,
        kind: OperationKind,
        phase: Phase,
        path: str,
        before: PathState,
        after: PathState,
        by: str = "task",
        there: Destination | None = None,
    ) -> None:
        self.said.append(
            FileOperation(
                id=OperationId(f"{next(self.numbers):03}"),
                task_id=TaskId(by),
                kind=kind,
                phase=phase,
                path=path,
                before=before,
                after=after,
                recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
                destination=there,
            )
        )

    def net(self) -> dict[str, NetChange]:
        paths = {path for operation in self.said for path in operation.paths}
        found = {path: self.there.get(path, GONE) for path in paths}
        return {net.change.path: net for net in net_changes(TASK, self.said, found)}

    def kinds(self) -> dict[str, ChangeKind]:
        return {path: net.change.kind for path, net in self.net().items()}


def test_created_and_modified_is_added() -> None:
    files = Workspace()
    files.do(CREATE, "a", V1)
    files.do(MODIFY, "a", V2)

    assert [net.change for net in files.net().values()] == [Change("a", GONE, V2)]
    assert files.kinds() == {"a": ADDED}


@pytest.mark.parametrize("modified", [False, True])
def test_created_and_deleted_is_nothing(modified: bool) -> None:
    files = Workspace()
    files.do(CREATE, "a", V1)
    if modified:
        files.do(MODIFY, "a", V2)
    files.do(DELETE, "a", GONE)

    assert files.net() == {}


def test_deleted_and_created_is_a_modification() -> None:
    files = Workspace(a=V1)
    files.do(DELETE, "a", GONE)
    files.do(CREATE, "a", V2)

    assert files.kinds() == {"a": MODIFIED}


def test_deleted_and_created_as_it_was_is_nothing() -> None:
    files = Workspace(a=V1)
    files.do(DELETE, "a", GONE)
    files.do(CREATE, "a", V1)

    assert files.net() == {}


def test_modified_twice_is_modified_once() -> None:
    files = Workspace(a=V1)
    files.do(MODIFY, "a", V2)
    files.do(MODIFY, "a", V3)

    assert files.net()["a"].change == Change("a", V1, V3)


def test_a_move_is_a_removal_and_an_addition_that_know_of_each_other() -> None:
    files = Workspace(a=V1)
    files.move("a", "b")
    net = files.net()

    assert files.kinds() == {"a": REMOVED, "b": ADDED}
    assert (net["a"].moved_to, net["b"].moved_from) == ("b", "a")


@pytest.mark.parametrize("modified", [False, True])
def test_moved_twice_is_moved_once(modified: bool) -> None:
    files = Workspace(a=V1)
    files.move("a", "b")
    if modified:
        files.do(MODIFY, "b", V2)
    files.move("b", "c")
    net = files.net()

    assert files.kinds() == {"a": REMOVED, "c": ADDED}
    assert (net["a"].moved_to, net["c"].moved_from) == ("c", "a")


def test_moved_there_and_back_is_nothing() -> None:
    files = Workspace(a=V1)
    files.move("a", "b")
    files.move("b", "a")

    assert files.net() == {}


def test_a_move_that_is_said_before_and_after_is_one() -> None:
    files = Workspace(a=V1)
    files.record(
        MOVE, INTENT, "a", V1, NOT_OBSERVED, there=Destination(path="b", before=GONE, after=HIDDEN)
    )
    files.move("a", "b", CLAIM)
    net = files.net()

    assert (net["a"].moved_to, net["b"].moved_from) == ("b", "a")


def test_what_was_moved_away_and_made_anew_was_not_moved_away() -> None:
    files = Workspace(a=V1)
    files.move("a", "b")
    files.do(CREATE, "a", V2)

    assert files.kinds() == {"a": MODIFIED, "b": ADDED}
    assert files.net()["b"].moved_from is None


def test_a_move_over_another_file_modifies_that() -> None:
    files = Workspace(a=V1, b=V2)
    files.move("a", "b")

    assert files.kinds() == {"a": REMOVED, "b": MODIFIED}
    assert files.net()["b"].moved_from == "a"


def test_what_was_moved_and_deleted_was_removed() -> None:
    files = Workspace(a=V1)
    files.move("a", "b")
    files.do(DELETE, "b", GONE)

    assert files.kinds() == {"a": REMOVED}
    assert files.net()["a"].moved_to is None


def test_an_intent_that_was_carried_out_counts_by_what_is_there() -> None:
    files = Workspace()
    files.intend(CREATE, "a")
    files.there["a"] = V1

    assert files.net()["a"].change == Change("a", GONE, V1)


def test_an_intent_that_was_not_carried_out_is_no_change() -> None:
    files = Workspace(a=V1)
    files.intend(MODIFY, "a")

    assert files.net() == {}


def test_to_read_and_to_copy_from_is_no_change() -> None:
    files = Workspace(a=V1)
    files.do(READ, "a", V1)
    there = Destination(path="b", before=GONE, after=V1)
    files.record(COPY, DONE, "a", V1, V1, there=there)
    files.there["b"] = V1

    assert files.kinds() == {"b": ADDED}


def test_where_nobody_saw_what_was_there_the_kind_is_unknown() -> None:
    files = Workspace(a=V1)
    files.claim(CREATE, "a")

    assert files.kinds() == {"a": UNKNOWN}


@pytest.mark.parametrize(
    ("seen", "kind"), [(GONE, ADDED), (V2, MODIFIED), (HIDDEN, UNKNOWN), (V1, None)]
)
def test_what_no_operation_tells_a_snapshot_may(seen: PathState, kind: ChangeKind | None) -> None:
    files = Workspace(a=V1, b=V1)
    files.record(READ, DONE, "a", seen, NOT_OBSERVED, by="nobody")  # see ``witnessed``
    files.claim(CREATE, "a")
    files.do(MODIFY, "b", V2)
    found = net_changes(TASK, files.said, {"a": V1, "b": V2})

    assert {net.change.path: net.change.kind for net in found} == {
        **({"a": kind} if kind else {}),
        "b": MODIFIED,
    }


def test_where_nobody_can_see_what_is_there_the_kind_is_unknown_and_nobody_says_as_left() -> None:
    files = Workspace(a=V1)
    files.intend(MODIFY, "a")
    files.there["a"] = HIDDEN
    net = files.net()["a"]

    assert (net.change.kind, net.as_left) == (UNKNOWN, False)


def test_an_act_that_nobody_saw_the_end_of_leaves_something_unknown() -> None:
    files = Workspace(a=V1)
    files.intend(MODIFY, "a")
    files.record(MODIFY, CLAIM, "a", NOT_OBSERVED, V2, by="other")
    files.there["a"] = V2

    assert files.net()["a"].change == Change("a", V1, NOT_OBSERVED)


def test_what_others_did_afterwards_is_not_the_task_s() -> None:
    files = Workspace(a=V1)
    files.do(MODIFY, "a", V2)
    files.do(MODIFY, "a", V3, by="other")
    net = files.net()["a"]

    assert net.change == Change("a", V1, V2)
    assert (net.now, net.as_left, net.disturbed) == (V3, False, False)


@pytest.mark.parametrize("said", [True, False])
def test_what_others_did_in_between_is_told(said: bool) -> None:
    files = Workspace(a=V1)
    files.do(MODIFY, "a", V2)
    if said:
        files.do(MODIFY, "a", V3, by="other")
    files.there["a"] = V3
    files.do(MODIFY, "a", V1.__class__("b3:4", 4, 0o644))

    assert files.net()["a"].disturbed


def test_what_others_read_in_between_is_no_matter() -> None:
    files = Workspace(a=V1)
    files.do(MODIFY, "a", V2)
    files.do(READ, "a", V2, by="other")
    files.do(MODIFY, "a", V3)

    assert not files.net()["a"].disturbed


def test_paths_of_others_are_left_out() -> None:
    files = Workspace(a=V1)
    files.do(MODIFY, "a", V2, by="other")
    files.move("a", "b", by="other")
    files.do(CREATE, "c", V1)

    assert files.kinds() == {"c": ADDED}


def test_a_path_that_nobody_looked_at_is_left_out() -> None:
    files = Workspace(a=V1)
    files.move("a", "b")

    assert [n.change.path for n in net_changes(TASK, files.said, {"b": V1})] == ["b"]


def test_paths_come_in_the_order_of_their_bytes() -> None:
    files = Workspace()
    for path in ("b", "\udcff", "é", "a/b", "a"):
        files.do(CREATE, path, V1)

    assert list(files.net()) == ["a", "a/b", "b", "é", "\udcff"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([GONE, V1, V2, V3]))))
def test_whatever_a_task_writes_the_first_and_the_last_state_count(
    writes: list[tuple[str, PathState]],
) -> None:
    files = Workspace(a=V1)
    for path, left in writes:
        before = files.there.get(path, GONE)
        if before == left == GONE:
            continue
        kind = DELETE if left == GONE else CREATE if before == GONE else MODIFY
        files.do(kind, path, left)
    start = {"a": V1}

    assert {path: net.change for path, net in files.net().items()} == {
        path: Change(path, start.get(path, GONE), state)
        for path, state in files.there.items()
        if start.get(path, GONE) != state
    }
