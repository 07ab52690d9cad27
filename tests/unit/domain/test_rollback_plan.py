"""How a task's changes can be taken back without hurting anybody else's work."""

from itertools import count
from typing import Any

import pytest

from vespera.domain.file_operation import (
    DIGEST,
    NOT_OBSERVED,
    Absent,
    Destination,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SpecialState,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.rollback import TAKES_BACK, Obstacle, RollbackPlan
from vespera.domain.rollback_plan import changed_paths, plan_rollback, taken_back
from vespera.testing.conformance.samples import NOW

CREATE, MODIFY, DELETE, READ, MOVE, COPY, MKDIR, RMDIR, SYMLINK, CHMOD, SCOPE = OperationKind
INTENT, CLAIM, DONE, *_ = Phase
GONE, FOLDER, SHUT = Absent(), DirectoryState(0o755), DirectoryState(0o500)
V0, V1, V2, V3 = (FileState(f"b3:{n}", n, 0o644) for n in range(4))
HIDDEN = UnknownState("unreadable")
_numbers = count(1)


def act(
    kind: OperationKind,
    before: PathState,
    after: PathState = NOT_OBSERVED,
    *,
    path: str = "a",
    by: str | None = "mine",
    phase: Phase = DONE,
    **fields: Any,
) -> FileOperation:
    return FileOperation(
        id=OperationId(f"{next(_numbers):06}"),
        task_id=None if by is None else TaskId(by),
        kind=kind,
        phase=phase,
        path=path,
        before=before,
        after=after,
        recorded_at=NOW,
        **fields,
    )


def back(taken: list[FileOperation], before: PathState, after: PathState, **more: Any) -> Any:
    kind = DELETE if after == GONE else CREATE if before == GONE else MODIFY
    context = {TAKES_BACK: [one.id for one in taken]}
    return act(kind, before, after, by="rollback:r", context=context, expected=after, **more)


def plan(
    operations: list[FileOperation],
    now: PathState | dict[str, PathState],
    *,
    mine: str = "mine",
    kept: Any = lambda _: True,
    inside: Any = None,
) -> RollbackPlan:
    found = now if isinstance(now, dict) else {"a": now}
    own = {one.id for one in operations if one.task_id == mine}
    return plan_rollback(operations, found, mine=own, kept=kept, inside=inside or {})


def steps(planned: RollbackPlan) -> list[tuple[str, PathState, PathState]]:
    assert planned.conflicts == ()
    return [(step.path, step.found, step.wanted) for step in planned.steps]


def obstacles(planned: RollbackPlan) -> dict[str, Obstacle]:
    return {conflict.path: conflict.obstacle for conflict in planned.conflicts}


def told(planned: RollbackPlan) -> str:
    [conflict] = planned.conflicts
    assert planned.steps == ()
    return conflict.told


def test_a_path_is_wanted_as_it_was_before_the_first_change():
    one, two = act(MODIFY, V0, V1), act(MODIFY, V1, V2)
    planned = plan([one, two], V2)

    assert steps(planned) == [("a", V2, V0)]
    assert planned.steps[0].takes_back == (one.id, two.id)


def test_what_is_as_wanted_needs_nothing():
    assert plan([act(MODIFY, V0, V1)], V0) == RollbackPlan()
    assert plan([act(MODIFY, V0, V0)], V1) == RollbackPlan()
    assert plan([act(READ, V0, V0)], V1) == RollbackPlan()
    assert plan([], {}) == RollbackPlan()


def test_an_intent_that_was_not_carried_out_needs_nothing():
    assert plan([act(MODIFY, V0, phase=INTENT)], V0) == RollbackPlan()


def test_an_intent_that_was_carried_out_is_taken_back():
    assert steps(plan([act(MODIFY, V0, phase=INTENT)], V1)) == [("a", V1, V0)]


def test_both_ends_of_a_move_are_taken_back():
    there = Destination(path="b", before=GONE, after=V1)
    moved = act(MOVE, V1, GONE, destination=there)
    planned = plan([moved], {"a": GONE, "b": V1})

    assert changed_paths([moved]) == ["a", "b"]
    assert steps(planned) == [("b", V1, GONE), ("a", GONE, V1)]


def test_what_a_copy_was_made_of_is_left_alone():
    there = Destination(path="b", before=GONE, after=V1)
    copied = act(COPY, V1, V1, destination=there)

    assert changed_paths([copied]) == ["b"]
    assert steps(plan([copied], {"b": V1})) == [("b", V1, GONE)]


def test_what_is_not_as_it_was_left_stays():
    planned = plan([act(MODIFY, V0, V1)], V2)

    assert obstacles(planned) == {"a": Obstacle.EDITED}
    assert told(planned).startswith("it was left as a file of 1 bytes")


@pytest.mark.parametrize("then", [V2, V1])
def test_what_another_task_has_written_since_stays(then):
    planned = plan([act(MODIFY, V0, V1), act(MODIFY, V1, then, by="other", attempt=2)], then)

    assert obstacles(planned) == {"a": Obstacle.TASK}
    assert told(planned) == "changed later by task 'other', attempt 2"


def test_all_who_changed_it_since_are_named_but_not_too_many():
    others = [act(MODIFY, V1, V1, by=name) for name in (None, "b", "b", "c", "d")]
    planned = plan([act(MODIFY, V0, V1), *others], V1)

    named = "somebody who named no task, task 'b', task 'c' and 1 more"
    assert told(planned) == f"changed later by {named}"


def test_another_attempt_of_the_same_task_is_somebody_else():
    one, two = act(MODIFY, V0, V1, attempt=1), act(MODIFY, V1, V2, attempt=2)
    facts: Any = {"kept": lambda _: True, "inside": {}}
    planned = plan_rollback([one, two], {"a": V2}, mine={one.id}, **facts)

    assert told(planned) == "changed later by task 'mine', attempt 2"
    assert steps(plan_rollback([one, two], {"a": V2}, mine={two.id}, **facts)) == [("a", V2, V1)]


def test_what_another_task_changed_in_between_stays():
    operations = [act(MODIFY, V0, V1), act(MODIFY, V1, V2, by="other"), act(MODIFY, V2, V3)]

    assert obstacles(plan(operations, V3)) == {"a": Obstacle.TASK}


def test_what_another_task_changed_before_is_what_is_wanted():
    operations = [act(MODIFY, V0, V1, by="other"), act(MODIFY, V1, V2)]

    assert steps(plan(operations, V2)) == [("a", V2, V1)]


def test_what_another_task_read_or_only_announced_is_no_obstacle():
    others = [
        act(READ, V1, V1, by="reader"),
        act(MODIFY, V1, by="dreamer", phase=INTENT),
    ]

    assert steps(plan([act(MODIFY, V0, V1), *others], V1)) == [("a", V1, V0)]


def test_an_edit_between_two_changes_of_the_task_is_not_undone():
    planned = plan([act(MODIFY, V0, V1), act(MODIFY, V2, V3)], V3)

    assert obstacles(planned) == {"a": Obstacle.EDITED}
    assert "then, undeclared, there was a file of 2 bytes" in told(planned)


@pytest.mark.parametrize(
    ("operation", "now"),
    [
        (act(MODIFY, V0, phase=INTENT, expected=V1), V2),
        (act(MODIFY, V0, phase=INTENT, context={DIGEST: "b3:1"}), V2),
        (act(MODIFY, V0, phase=INTENT, context={DIGEST: "b3:1"}), SymlinkState("away")),
        (act(DELETE, V0, phase=INTENT), V2),
    ],
)
def test_what_cannot_be_what_was_announced_is_somebody_else_s(operation, now):
    planned = plan([operation], now)

    assert obstacles(planned) == {"a": Obstacle.EDITED}
    assert "cannot have left" in told(planned)


@pytest.mark.parametrize(
    "operation",
    [
        act(MODIFY, V0, phase=INTENT, expected=V1),
        act(MODIFY, V0, phase=INTENT, context={DIGEST: "b3:1"}),
    ],
)
def test_what_is_just_what_was_announced_is_taken_back(operation):
    assert steps(plan([operation], V1)) == [("a", V1, V0)]


@pytest.mark.parametrize(
    ("operation", "now", "reason"),
    [
        (act(MODIFY, V0, V1), HIDDEN, "what is there now is not known: unreadable"),
        (act(MODIFY, HIDDEN, V1), V1, "what was there before is not known: unreadable"),
        (act(MODIFY, V0, HIDDEN), V1, "what was left there is not known: nobody looked"),
        (act(MODIFY, NOT_OBSERVED, V1, phase=CLAIM), V1, "before is not known: not_observed"),
    ],
)
def test_what_is_not_known_is_not_guessed(operation, now, reason):
    planned = plan([operation], now)

    assert obstacles(planned) == {"a": Obstacle.NOT_KNOWN}
    assert reason in told(planned)


def test_what_nobody_saw_between_two_operations_is_taken_back_with_them():
    operations = [act(CREATE, GONE, phase=INTENT), act(CREATE, NOT_OBSERVED, V1, phase=CLAIM)]

    assert steps(plan(operations, V1)) == [("a", V1, GONE)]


def test_changes_that_are_claimed_late_and_in_any_order_are_taken_back_once():
    operations = [
        act(MODIFY, V0, phase=INTENT),
        act(MODIFY, V1, phase=INTENT),
        act(MODIFY, NOT_OBSERVED, V2, phase=CLAIM),
        act(MODIFY, NOT_OBSERVED, V2, phase=CLAIM),
    ]

    assert steps(plan(operations, V2)) == [("a", V2, V0)]


def test_a_change_to_and_fro_is_taken_back():
    operations = [act(MODIFY, V0, V1), act(MODIFY, V1, V0), act(MODIFY, V0, V1)]

    assert steps(plan(operations, V1)) == [("a", V1, V0)]


def test_what_was_announced_and_then_done_by_vespera_itself_is_taken_back():
    operations = [act(MODIFY, V0, phase=INTENT), act(MODIFY, V0, V1, expected=V1)]

    assert steps(plan(operations, V1)) == [("a", V1, V0)]


def test_what_is_unseen_before_a_claim_of_another_kind_is_bridged():
    operations = [
        act(CREATE, GONE, phase=INTENT),
        act(MODIFY, NOT_OBSERVED, V1, phase=CLAIM),
    ]
    planned = plan(operations, V1)

    assert steps(planned) == [("a", V1, GONE)]


def test_a_content_that_was_not_kept_cannot_be_put_back():
    planned = plan([act(MODIFY, V0, V1)], V1, kept=lambda _: False)

    assert obstacles(planned) == {"a": Obstacle.NOT_KEPT}
    assert told(planned) == "the content that was there (b3:0) was not kept"


def test_a_mode_is_put_back_without_any_content():
    shut = FileState("b3:1", 1, 0o400)

    assert steps(plan([act(CHMOD, V1, shut)], shut, kept=lambda _: False)) == [("a", shut, V1)]


def test_a_fifo_can_be_removed_and_not_be_made_again():
    fifo = SpecialState("fifo")

    assert steps(plan([act(CREATE, GONE, fifo, phase=DONE)], fifo)) == [("a", fifo, GONE)]
    planned = plan([act(DELETE, fifo, GONE)], GONE)
    assert obstacles(planned) == {"a": Obstacle.REFUSED}
    assert told(planned) == "a fifo cannot be made again"


class TestTakenBack:
    def test_what_was_taken_back_is_not_taken_back_again(self):
        one = act(MODIFY, V0, V1)

        assert plan([one, back([one], V1, V0)], V0) == RollbackPlan()
        assert plan([one, back([one], V1, V0), act(MODIFY, V0, V3, by="me")], V3) == RollbackPlan()

    def test_those_that_were_taken_back_are_known(self):
        one, two = act(MODIFY, V0, V1), act(CREATE, GONE, V2, path="b")
        undone = back([one], V1, V0)

        assert taken_back([one, two, undone]) == {one.id}
        assert taken_back([one, two, undone, back([undone], V0, V1)]) == {undone.id}
        assert taken_back([]) == set()

    def test_an_announced_taking_back_takes_nothing_back_yet(self):
        one = act(MODIFY, V0, V1)
        announced = act(
            MODIFY, V1, by="rollback:r", phase=INTENT, context={TAKES_BACK: [one.id]}, expected=V0
        )

        assert steps(plan([one, announced], V1)) == [("a", V1, V0)]

    def test_what_was_put_there_again_is_taken_back_again(self):
        one = act(MODIFY, V0, V1)
        undone = back([one], V1, V0)
        redone = back([undone], V0, V1)

        assert steps(plan([one, undone, redone], V1)) == [("a", V1, V0)]
        planned = plan([one, undone, redone], V1, mine="rollback:r")
        assert steps(planned) == [("a", V1, V0)]

    def test_a_rollback_is_taken_back_as_a_task_is(self):
        one = act(MODIFY, V0, V1)

        assert steps(plan([one, back([one], V1, V0)], V0, mine="rollback:r")) == [("a", V0, V1)]

    def test_who_changed_it_after_the_rollback_is_in_its_way(self):
        one = act(MODIFY, V0, V1)
        operations = [one, back([one], V1, V0), act(MODIFY, V0, V3, by="other")]

        assert obstacles(plan(operations, V3, mine="rollback:r")) == {"a": Obstacle.TASK}

    def test_what_another_task_did_and_was_taken_back_is_no_obstacle(self):
        one, other = act(MODIFY, V0, V1), act(MODIFY, V1, V2, by="other")

        assert steps(plan([one, other, back([other], V2, V1)], V1)) == [("a", V1, V0)]

    def test_a_context_of_somebody_else_that_only_looks_like_it_takes_nothing_back(self):
        one = act(MODIFY, V0, V1)
        odd = act(MODIFY, V1, V1, by="rollback:r", context={TAKES_BACK: 7})

        assert steps(plan([one, odd], V1)) == [("a", V1, V0)]


class TestDirectories:
    def made(self) -> list[FileOperation]:
        return [
            act(MKDIR, GONE, FOLDER, path="d"),
            act(MKDIR, GONE, FOLDER, path="d/e"),
            act(CREATE, GONE, V1, path="d/e/a"),
        ]

    NOW = {"d": FOLDER, "d/e": FOLDER, "d/e/a": V1}

    def test_what_was_made_goes_from_below_to_above(self):
        planned = plan(self.made(), self.NOW, inside={"d": ["e"], "d/e": ["a"]})

        assert [path for path, _, _ in steps(planned)] == ["d/e/a", "d/e", "d"]
        assert planned.emptied == ()

    def test_what_was_removed_comes_from_above_to_below(self):
        operations = [
            act(DELETE, V1, GONE, path="d/e/a"),
            act(RMDIR, FOLDER, GONE, path="d/e"),
            act(RMDIR, FOLDER, GONE, path="d"),
        ]
        planned = plan(operations, dict.fromkeys(self.NOW, GONE))

        assert [path for path, _, _ in steps(planned)] == ["d", "d/e", "d/e/a"]

    def test_a_directory_in_which_something_would_be_left_stays(self):
        names = ["a", *(f"mine {n}" for n in range(5))]
        planned = plan(self.made(), self.NOW, inside={"d": ["e"], "d/e": names})

        assert obstacles(planned) == {"d": Obstacle.NOT_EMPTY, "d/e": Obstacle.NOT_EMPTY}
        assert [step.path for step in planned.steps] == ["d/e/a"]
        above, below = planned.conflicts
        assert above.told == "the directory is not empty: there is 'e'"
        assert below.told.endswith("there is 'mine 0', 'mine 1', 'mine 2' and 2 more")

    def test_a_directory_that_cannot_be_listed_stays(self):
        planned = plan(self.made(), self.NOW, inside={"d": ["e"]})

        assert obstacles(planned) == {"d": Obstacle.NOT_EMPTY, "d/e": Obstacle.REFUSED}

    def test_where_its_directory_has_gone_nothing_comes_back(self):
        planned = plan([act(DELETE, V1, GONE, path="d/a")], {"d/a": GONE})

        assert obstacles(planned) == {"d/a": Obstacle.NO_DIRECTORY}

    def test_where_its_directory_does_not_come_back_nothing_does(self):
        operations = [
            act(DELETE, V1, GONE, path="d/a"),
            act(RMDIR, HIDDEN, GONE, path="d"),
        ]
        planned = plan(operations, {"d": GONE, "d/a": GONE})

        assert obstacles(planned) == {"d": Obstacle.NOT_KNOWN, "d/a": Obstacle.NO_DIRECTORY}

    def test_where_a_file_takes_the_place_of_its_directory_nothing_comes_back(self):
        operations = [
            act(DELETE, V1, GONE, path="d/a"),
            act(CREATE, V1, FOLDER, path="d"),
        ]
        planned = plan(operations, {"d": FOLDER, "d/a": GONE}, inside={"d": []})

        assert obstacles(planned) == {"d/a": Obstacle.NO_DIRECTORY}

    def test_in_a_directory_that_is_there_it_comes_back(self):
        operation = act(DELETE, V1, GONE, path="d/a")

        assert steps(plan([operation], {"d/a": GONE}, inside={"d": []})) == [("d/a", GONE, V1)]

    def test_directories_that_nothing_is_left_in_and_that_nobody_tells_of_are_told(self):
        operations = [act(CREATE, GONE, V1, path="d/e/a"), act(CREATE, GONE, V1, path="f/a")]
        inside = {"d": ["e"], "d/e": ["a"], "f": ["a", "b"]}
        planned = plan(operations, {"d/e/a": V1, "f/a": V1}, inside=inside)

        assert planned.emptied == ("d", "d/e")

    def test_one_in_whose_place_a_file_comes_back_is_not_told(self):
        operations = [
            act(DELETE, V1, GONE, path="d"),
            act(MKDIR, GONE, FOLDER, path="d"),
            act(CREATE, GONE, V1, path="d/a"),
        ]
        planned = plan(operations, {"d": FOLDER, "d/a": V1}, inside={"d": ["a"]})

        assert steps(planned) == [("d/a", V1, GONE), ("d", FOLDER, V1)]
        assert planned.emptied == ()

    def test_one_into_which_something_comes_back_is_not_told(self):
        operations = [act(CREATE, GONE, V1, path="d/a"), act(DELETE, V1, GONE, path="d/b")]
        planned = plan(operations, {"d/a": V1, "d/b": GONE}, inside={"d": ["a"]})

        assert planned.emptied == ()

    def test_modes_that_open_come_first_and_those_that_close_last(self):
        operations = [
            act(CHMOD, FOLDER, SHUT, path="open again"),
            act(CHMOD, SHUT, FOLDER, path="shut again"),
            act(CREATE, GONE, V1, path="a"),
            act(MODIFY, V1, V2, path="b"),
        ]
        found = {"open again": SHUT, "shut again": FOLDER, "a": V1, "b": V2}

        assert [step.path for step in plan(operations, found).steps] == [
            "open again",
            "a",
            "b",
            "shut again",
        ]

    def test_a_directory_that_is_to_be_shut_is_shut_when_all_is_in_it(self):
        operations = [
            act(DELETE, V1, GONE, path="d/a"),
            act(RMDIR, SHUT, GONE, path="d"),
            act(RMDIR, SHUT, GONE, path="e"),
        ]
        planned = plan(operations, dict.fromkeys(("d", "d/a", "e"), GONE))

        assert steps(planned) == [
            ("d", GONE, DirectoryState(0o700)),
            ("e", GONE, SHUT),
            ("d/a", GONE, V1),
            ("d", DirectoryState(0o700), SHUT),
        ]
