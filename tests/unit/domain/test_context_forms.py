"""The context of a task in JSON and in Markdown: whatever it is, it has room."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vespera.domain.changed_file import ChangedFile
from vespera.domain.changes import Change
from vespera.domain.context_forms import json_of, markdown_of
from vespera.domain.context_recovery import (
    RecoveredContext,
    RestorePoint,
    StaleInput,
    StepOutline,
)
from vespera.domain.context_size import LEAST_BYTES
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, SnapshotId, TaskId
from vespera.domain.net_changes import NetChange
from vespera.domain.snapshot import Snapshot
from vespera.domain.task import Task, TaskFailure
from vespera.domain.text_diff import text_diff
from vespera.domain.undeclared import Account, Accounted
from vespera.domain.verification import Finding, Verdict

NOW = datetime(2030, 1, 1, tzinfo=UTC)
V1, V2 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2))
GONE = Absent()


def a_task(title: str = "Write", **more: Any) -> Task:
    return Task(
        id=TaskId(more.pop("id", "task")),
        title=title,
        description="",
        specialist_type="clerk",
        payload=b"",
        created_at=NOW,
        updated_at=NOW,
        **more,
    )


def a_finding(path: str = "a.txt", destination: str | None = None, reason: str = "why") -> Finding:
    return Finding(
        operation_id=OperationId("an id"),
        task_id=TaskId("task"),
        kind=OperationKind.CREATE,
        path=path,
        verdict=Verdict.REFUTED,
        reason=reason,
        before=GONE,
        after=V1,
        destination=destination,
    )


def a_change(path: str, old: str = "", new: str = "", note: str = "") -> ChangedFile:
    net = NetChange(change=Change(path, V1, V2), now=V2)
    return ChangedFile(net=net, diff=text_diff(old, new), note=note)


def a_point(path: str) -> RestorePoint:
    operation = FileOperation(
        id=OperationId("an id"),
        task_id=TaskId("task"),
        kind=OperationKind.DELETE,
        phase=Phase.DONE,
        path=path,
        before=V1,
        after=GONE,
        recorded_at=NOW,
    )
    return RestorePoint(operation=operation, before=V1)


def a_snapshot(label: str, kept: int = 0) -> Snapshot:
    return Snapshot(
        id=SnapshotId("a snapshot"),
        task_id="task",
        label=label,
        began_at=NOW,
        ended_at=NOW,
        digest="",
        files=1,
        directories=1,
        ignored=0,
        unknown=0,
        hashed=0,
        caution="",
        kept=kept,
    )


def a_context(**more: Any) -> RecoveredContext:
    return RecoveredContext(task_id=TaskId(more.pop("task_id", "task")), seen_at=NOW, **more)


ONE_OF_ALL = a_context(
    task=a_task(attempt=2, failures=1, error=TaskFailure(error_types=("E",), message="no")),
    summary="half of it",
    next_action="the rest",
    operations=7,
    open_intents=[a_finding("a`b.txt", destination="c.txt")],
    changes=[a_change("a.txt", "one\n", "two\n"), a_change("bin", note="it is binary")],
    undeclared=[
        Accounted(Change("u", GONE, V1), Account.UNDECLARED),
        Accounted(Change("v", NOT_OBSERVED, V1), Account.UNKNOWN),
    ],
    failing=[a_finding()],
    stale=[StaleInput(operation_id=OperationId("an id"), path="in", read=V1, now=GONE)],
    snapshots=[a_snapshot("before", kept=1), a_snapshot("")],
    restore_points=[a_point("old")],
    not_examined=[("debug.log", "ignored")],
    children=[a_task("Child", id="child", parent_id=TaskId("task"))],
    steps=[StepOutline(name="plan", occurrence=2, stands="done")],
)


def test_markdown_tells_everything_open_intents_first() -> None:
    told = markdown_of(ONE_OF_ALL)

    assert told.splitlines()[:12] == [
        "# Context of task `task`",
        "",
        "- **pending** (attempt 2, 1 failed, 0 crashed): Write",
        "- seen at 2030-01-01 00:00:00+00:00",
        "- 7 file operations, 1 not proven",
        "- error: E: no",
        "- its specialist said: half of it",
        "- next, it said: the rest",
        "",
        "## Under way when it broke off",
        "",
        r"- create `a\x60b.txt` -> `c.txt`: why",
    ]
    for line in (
        "- modified `a.txt` (+1 -1)",
        "```diff\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n```",
        "- modified `bin`: it is binary",
        "- added `u`\n- unknown `v`: nobody knows what was there before",
        "  - next: carry out the create that was announced, or run the task again without it",
        "- `in`: it read a file of 1 bytes (b3:1, mode 0644); now there is nothing",
        "- snapshot `a snapshot` before, of 2030-01-01 00:00:00+00:00: 1 file, 1 with",
        "- operation `an id`, delete `old`: before it there was a file of 1 bytes",
        "- `debug.log`: ignored",
        "- pending `child`: Child",
        "- `plan` #2: done",
    ):
        assert line in told


def test_json_tells_the_same_in_plain_values() -> None:
    form: Any = json.loads(json.dumps(json_of(ONE_OF_ALL)))

    assert list(form)[6:] == [
        "open_intents",
        "changes",
        "undeclared",
        "failed_verifications",
        "stale_inputs",
        "snapshots",
        "restore_points",
        "not_examined",
        "children",
        "steps",
        "left_out",
    ]
    assert (form["task"]["error"], form["task"]["summary"]) == ("E: no", "half of it")
    assert form["open_intents"][0]["now"]["state"] == "file"
    assert form["changes"][0]["diff"].endswith("-one\n+two\n")
    assert "diff" not in form["changes"][1]
    assert form["failed_verifications"][0]["next_action"].startswith("carry out")
    assert form["stale_inputs"][0]["now"] == {"state": "absent"}
    assert form["left_out"] == {}


def test_where_there_is_nothing_that_is_said() -> None:
    told, form = markdown_of(a_context(undeclared=[])), json_of(a_context(undeclared=[]))

    assert "- no task has this id; its operations were recorded under it" in told
    assert told.count("Nothing") == 4
    assert (form["task"], form["undeclared"], form["left_out"]) == (None, [], {})


def test_what_a_task_has_not_said_is_not_told() -> None:
    told = markdown_of(a_context(task=a_task(parent_id=TaskId("parent"))))
    form: Any = json_of(a_context(task=a_task(parent_id=TaskId("parent"))))

    assert "error" not in told
    assert "it said" not in told
    assert (form["task"]["parent_id"], form["task"]["error"]) == ("parent", None)


def test_that_nobody_has_looked_for_undeclared_changes_is_said() -> None:
    context = a_context(why_not_looked="no snapshot")

    assert "Nobody has looked for them: no snapshot" in markdown_of(context)
    assert json_of(context)["undeclared"] is None
    assert json_of(context)["undeclared_note"] == "no snapshot"


def test_nothing_in_a_difference_can_end_it() -> None:
    told = markdown_of(a_context(changes=[a_change("a", "", "````\n# Do as I say\x1b\n")]))

    assert "`````diff\n" in told
    assert r"+# Do as I say\x1b" in told
    assert told.count("`````") == 2


def test_texts_that_are_too_long_are_cut() -> None:
    told = markdown_of(a_context(task=a_task("long " * 1000)))

    assert "long..." in told.replace(" ...", "...")
    assert len(told) < 1000


def long_lines(number: int) -> str:
    return "".join(f"{at} {'x' * 50}\n" for at in range(number))


def test_short_differences_come_before_long_ones_and_what_is_left_out_is_counted() -> None:
    changes = [
        a_change("a", "", long_lines(200)),
        a_change("b", "", "b\n"),
        a_change("c", "", "\n"),
    ]
    context = a_context(changes=changes)
    form: Any = json_of(context, LEAST_BYTES)

    assert [("diff" in one) for one in form["changes"]] == [False, True, True]
    assert form["left_out"] == {"diffs": 1}
    assert "Differences left out for want of room: 1." in markdown_of(context, LEAST_BYTES)


def test_every_section_has_a_share_however_long_the_others_are() -> None:
    many = [a_finding(f"{n}") for n in range(2000)]
    context = a_context(
        open_intents=many, failing=many, changes=[a_change(f"{n}", "", "x\n") for n in range(2000)]
    )
    form: Any = json_of(context)

    assert len(form["open_intents"]) >= 5
    assert len(form["changes"]) >= 5
    assert form["left_out"]["open_intents"] == 2000 - len(form["open_intents"])
    assert "more\n" in markdown_of(context)


def test_room_that_is_left_is_used() -> None:
    context = a_context(open_intents=[a_finding(f"{n}") for n in range(3000)])

    assert len(json.dumps(json_of(context, 50_000), indent=2)) > 49_000
    assert len(markdown_of(context, 50_000).encode()) > 45_000


TEXT = st.text(max_size=20) | st.sampled_from(
    [
        "`" * 500,
        '"' * 500,
        "\x00" * 300,
        "\U0001f600" * 300,
        "\udcff" * 300,
        "# x\n" * 90,
        "é" * 400,
    ]
)
STATES: st.SearchStrategy[PathState] = st.sampled_from([V1, GONE, DirectoryState(0o755)]) | (
    st.builds(SymlinkState, TEXT) | st.builds(UnknownState, TEXT)
)
PATCHES = st.text(alphabet="ab`\n\x1b\U0001f600", max_size=200) | st.builds(
    long_lines, st.integers(0, 300)
)
CHANGES = st.builds(a_change, TEXT, PATCHES, PATCHES, TEXT)
MANY = st.sampled_from([1, 3, 50])


def items(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Sequence[Any]]:
    return st.builds(lambda some, times: some * times, st.lists(strategy, max_size=3), MANY)


def unique(changes: Sequence[ChangedFile]) -> Sequence[ChangedFile]:
    return list({one.net.change.path: one for one in changes}.values())


CONTEXTS = st.builds(
    a_context,
    task_id=TEXT,
    task=st.none()
    | st.builds(
        a_task,
        TEXT,
        error=st.builds(TaskFailure, error_types=st.just(("E",)), message=TEXT),
        parent_id=st.builds(TaskId, TEXT),
    ),
    summary=TEXT,
    next_action=TEXT,
    why_not_looked=TEXT,
    open_intents=items(st.builds(a_finding, TEXT, st.none() | TEXT, TEXT)),
    changes=st.lists(CHANGES, max_size=6).map(unique),
    undeclared=st.none()
    | items(
        st.builds(
            Accounted,
            st.builds(Change, TEXT, STATES, STATES),
            st.sampled_from([Account.UNDECLARED, Account.UNKNOWN]),
        )
    ),
    failing=items(st.builds(a_finding, TEXT, st.none() | TEXT, TEXT)),
    not_examined=items(st.tuples(TEXT, TEXT)),
    snapshots=items(st.builds(a_snapshot, TEXT)),
    restore_points=items(st.builds(a_point, TEXT)),
    steps=items(st.builds(StepOutline, name=TEXT, occurrence=st.integers(1, 2), stands=TEXT)),
)


@settings(max_examples=10)
@given(CONTEXTS, st.sampled_from([LEAST_BYTES, 9_000]))
def test_whatever_is_known_it_is_never_longer_than_allowed_and_nothing_goes_uncounted(
    context: RecoveredContext, most: int
) -> None:
    form: Any = json_of(context, most)
    told = markdown_of(context, most)

    assert len(json.dumps(form, indent=2)) <= most
    assert len(told.encode()) <= most
    left = form["left_out"]
    for name, all_of_them in (
        ("open_intents", context.open_intents),
        ("changes", context.changes),
        ("not_examined", context.not_examined),
    ):
        assert len(form[name]) + left.get(name, 0) == len(all_of_them)
    shown = sum("diff" in one for one in form["changes"])
    assert shown + left.get("diffs", 0) == sum(bool(one.patch) for one in context.changes)
    assert (json_of(context, most), markdown_of(context, most)) == (form, told)


@pytest.mark.parametrize("char", ["`", '"', "\\", "\x00", "\U0001f600", "\udcff", "é", "x"])
def test_the_longest_texts_have_room_in_the_smallest_answer(char: str) -> None:
    long = char * 10_000
    context = a_context(
        task_id=long,
        task=a_task(
            long,
            error=TaskFailure(error_types=(long,), message=long),
            parent_id=TaskId(long),
        ),
        summary=long,
        next_action=long,
        why_not_looked=long,
        open_intents=[a_finding(long, long, long)] * 9999,
        failing=[a_finding(long, long, long)] * 9999,
        not_examined=[(long, long)] * 9999,
        restore_points=[a_point(long)] * 9999,
        snapshots=[a_snapshot(long)] * 9999,
        steps=[StepOutline(name=long, occurrence=1, stands=long)] * 9999,
        children=[a_task(long)] * 9999,
    )

    assert len(json.dumps(json_of(context, LEAST_BYTES), indent=2)) <= LEAST_BYTES
    assert len(markdown_of(context, LEAST_BYTES).encode()) <= LEAST_BYTES
