"""What operations on directories say of what is in them."""

from datetime import UTC, datetime

from vespera.domain.carried import directories_of, goals_of, with_legs
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
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, judge

GONE, DIRECTORY, V1, V2 = (
    Absent(),
    DirectoryState(0o755),
    FileState("b3:1", 1, 0),
    FileState("b", 2, 0),
)
CREATE, MOVE, RMDIR = OperationKind.CREATE, OperationKind.MOVE, OperationKind.RMDIR


def act(
    kind: OperationKind, path: str, before: PathState, after: PathState, to: str | None = None
) -> FileOperation:
    there = to and Destination(path=to, before=GONE, after=after)
    return FileOperation(
        id=OperationId("an id"),
        task_id=TaskId("task"),
        kind=kind,
        phase=Phase.INTENT if after == NOT_OBSERVED else Phase.DONE,
        path=path,
        before=before,
        after=GONE if there and after != NOT_OBSERVED else after,
        recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
        destination=there or None,
    )


def legs(acts: list[FileOperation], **found: PathState) -> list[tuple[str, ...]]:
    seen = {path.replace("_", "/"): state for path, state in found.items()}
    return [
        (one.operation.kind, *one.operation.paths)
        for one in with_legs(acts, seen)
        if not one.recorded
    ]


MADE = act(CREATE, "n/x", GONE, V1)
MOVED = act(MOVE, "n", DIRECTORY, DIRECTORY, "m")
AGAIN = act(MOVE, "m", DIRECTORY, DIRECTORY, "o")


def test_what_is_in_a_directory_goes_where_that_goes() -> None:
    assert set(goals_of([MADE, MOVED, AGAIN])) == {"m/x", "o/x"}
    assert goals_of([MOVED, MADE]) == set()
    assert legs([MADE, MOVED, AGAIN]) == [("move", "n/x", "m/x"), ("move", "m/x", "o/x")]


def test_a_file_that_is_moved_takes_nothing_along() -> None:
    assert legs([MADE, act(MOVE, "n", V1, V1, "m")]) == []


def test_a_leg_names_whose_work_it_carries() -> None:
    modified = act(OperationKind.MODIFY, "n/x", V1, V2)
    told = with_legs([MADE, modified, MOVED], {})

    [leg] = [one for one in told if not one.recorded]
    assert (leg.bearer, leg.operation.destination) == (
        1,
        Destination(path="m/x", before=NOT_OBSERVED, after=V2),
    )


def test_of_what_was_only_announced_it_is_seen_behind_what_was_there_before() -> None:
    announced = act(CREATE, "n/x", GONE, NOT_OBSERVED)
    later = act(OperationKind.MODIFY, "m/x", V1, NOT_OBSERVED)

    assert legs([announced, MOVED], m_x=V1) == [("read", "n/x"), ("move", "n/x", "m/x")]
    assert legs([announced, MOVED, later], m_x=V2) == [("read", "n/x"), ("move", "n/x", "m/x")]
    assert legs([announced, MOVED, AGAIN], o_x=V1)[:2] == [("read", "n/x"), ("move", "n/x", "m/x")]
    assert legs([announced, MOVED]) == []
    assert legs([announced, MOVED], m_x=GONE) == [("read", "n/x")]


def test_a_move_that_was_announced_and_not_done_takes_nothing_along() -> None:
    announced = act(MOVE, "n", DIRECTORY, NOT_OBSERVED, "m")

    assert legs([MADE, announced], n_x=V1) == []
    assert legs([MADE, announced], n_x=GONE) == [("move", "n/x", "m/x")]


def test_what_was_deleted_is_not_taken_along() -> None:
    deleted = act(OperationKind.DELETE, "n/x", V1, GONE)

    assert legs([MADE, deleted, MOVED]) == []


def test_what_is_put_into_a_directory_that_was_gone_makes_it_anew() -> None:
    removed = act(RMDIR, "n", DIRECTORY, GONE)

    assert legs([removed, MADE], n=DIRECTORY) == [("mkdir", "n")]
    assert legs([removed, MADE], n=V1) == []
    assert legs([MADE], n=DIRECTORY) == []


def test_what_is_put_into_a_directory_in_the_place_of_a_file_tells_that_the_file_went() -> None:
    announced = act(OperationKind.DELETE, "n", V1, NOT_OBSERVED)
    of_directory = act(RMDIR, "n", DIRECTORY, NOT_OBSERVED)

    assert legs([announced, MADE], n=DIRECTORY) == [("read", "n"), ("mkdir", "n")]
    assert legs([announced, MADE], n=V1) == []
    assert legs([of_directory, MADE], n=DIRECTORY) == []


def test_the_directories_of_paths_are_all_that_they_are_in() -> None:
    assert directories_of(["a/b/c", "a/b/d", "e", "f/g"]) == ["a", "a/b", "f"]


class TestWhatIsSaidOfIt:
    """The verdicts on what is in a directory that was moved."""

    GONE_ON = {"n/x": GONE, "n": GONE, "m": DIRECTORY}

    def judged(self, *acts: FileOperation, now: PathState) -> list[Finding]:
        return judge(acts, {**self.GONE_ON, "m/x": now})

    def test_only_what_was_recorded_is_judged(self) -> None:
        made, moved = self.judged(MADE, MOVED, now=V1)

        assert (made.path, made.verdict) == ("n/x", Verdict.VERIFIED)
        assert (moved.path, moved.verdict) == ("n", Verdict.VERIFIED)
        assert "taken along" not in made.reason
        assert moved.now == (GONE, DIRECTORY)

    def test_what_changed_where_it_was_taken_to_has_changed(self) -> None:
        made, _ = self.judged(MADE, MOVED, now=V2)

        assert made.verdict is Verdict.CHANGED_SINCE
        assert made.reason.startswith("it was taken along to 'm/x': true when done")

    def test_what_cannot_be_seen_where_it_was_taken_to_is_not_proven(self) -> None:
        made, moved = self.judged(MADE, MOVED, now=UnknownState("unreadable"))

        assert made.verdict is Verdict.UNVERIFIABLE
        assert "taken along to 'm/x': now there is something unknown (unreadable)" in made.reason
        assert moved.verdict is Verdict.VERIFIED

    def test_a_lie_stays_one_whatever_has_become_of_it(self) -> None:
        lie = act(CREATE, "n/x", V1, V2)

        assert self.judged(lie, MOVED, now=GONE)[0].verdict is Verdict.REFUTED
