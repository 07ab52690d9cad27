"""What is recorded of file operations, and what a verification says of them."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from vespera.application.ports.clock import Clock
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    TaskRepository,
)
from vespera.application.ports.waivers import Waivers
from vespera.application.usecases.excusing import Excusing
from vespera.application.usecases.families import Families
from vespera.application.usecases.track_file_operations import (
    FileTracker,
    TrackFileOperationsUseCase,
)
from vespera.application.usecases.workspace_surveys import NOTHING, WorkspaceSurveys
from vespera.domain.errors import DatabaseFull, InvalidRequest, OperationNotFound, PathRefused
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    PathState,
    Phase,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId
from vespera.domain.policy import proof_policies_of
from vespera.domain.verdict import Verdict

NOW = datetime(2030, 1, 1, tzinfo=UTC)
GONE = Absent()
V1, V2, V3 = (FileState(f"b3:{n}", n, 0o644) for n in (1, 2, 3))

Disk = dict[str, PathState]


@pytest.fixture
def disk() -> Disk:
    """What is at each path; absent where nothing is said."""
    return {}


@pytest.fixture
def files(disk: Disk) -> AsyncMock:
    files = AsyncMock(spec=FileStore)
    files.locate.side_effect = str
    files.observe.side_effect = lambda paths: [disk.get(path, GONE) for path in paths]
    return files


@pytest.fixture
def recorded() -> list[FileOperation]:
    return []


@pytest.fixture
def operations(recorded: list[FileOperation]) -> AsyncMock:
    """A mocked repository that answers from one list."""

    def get(operation_id: OperationId) -> FileOperation:
        for operation in recorded:
            if operation.id == operation_id:
                return operation
        raise OperationNotFound(operation_id)

    def find(ids: Collection[OperationId]) -> Mapping[OperationId, FileOperation]:
        return {operation.id: operation for operation in recorded if operation.id in ids}

    def of_task(task_id: TaskId) -> Sequence[FileOperation]:
        return [operation for operation in recorded if operation.task_id == task_id]

    def on_paths(paths: Collection[str]) -> Sequence[FileOperation]:
        return [operation for operation in recorded if operation.path in paths]

    operations = AsyncMock(spec=FileOperationRepository)
    operations.add.side_effect = recorded.append
    operations.get.side_effect = get
    operations.find.side_effect = find
    operations.of_task.side_effect = of_task
    operations.on_paths.side_effect = on_paths
    operations.all_paths.side_effect = lambda: sorted({o.path for o in recorded})
    operations.refused.side_effect = lambda: [o for o in recorded if o.phase is Phase.REFUSED]
    return operations


@pytest.fixture
def reports() -> AsyncMock:
    return AsyncMock(spec=ReportRepository)


@pytest.fixture
def use_case(
    operations: AsyncMock, reports: AsyncMock, files: AsyncMock
) -> TrackFileOperationsUseCase:
    clock = Mock(spec=Clock)
    clock.now.return_value = NOW
    numbers = count(1)
    return TrackFileOperationsUseCase(
        operations=operations,
        reports=reports,
        files=files,
        clock=clock,
        new_id=lambda: f"id-{next(numbers)}",
        excusing=Excusing(
            tasks=AsyncMock(spec=TaskRepository),
            waivers=AsyncMock(spec=Waivers, **{"of_tasks.return_value": ()}),
            policies=proof_policies_of("strict"),
        ),
        tasks=AsyncMock(spec=TaskRepository, **{"find.return_value": {}}),
        surveys=AsyncMock(spec=WorkspaceSurveys, **{"of.return_value": NOTHING}),
        families=Families(tasks=AsyncMock(spec=TaskRepository)),
    )


@pytest.fixture
def tracker(use_case: TrackFileOperationsUseCase) -> FileTracker:
    return use_case.tracker_for("task")


Track = Callable[..., Any]
METHODS = [
    ("track_file_creation", OperationKind.CREATE),
    ("track_file_modification", OperationKind.MODIFY),
    ("track_file_deletion", OperationKind.DELETE),
    ("track_file_read", OperationKind.READ),
]


class TestRecording:
    """Each ``track_*`` stores one operation with what is there at that moment."""

    @pytest.mark.parametrize(("method", "kind"), METHODS)
    async def test_an_intent_keeps_what_was_there_before(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        disk: Disk,
        method: str,
        kind: OperationKind,
    ) -> None:
        disk["a.txt"] = V1
        result = await getattr(use_case, method)(
            file_path="a.txt",
            operation_context={"test": "context"},
            metadata={"by": "a user"},
            task_id="task",
        )

        assert result.success, result.error
        assert recorded == [
            FileOperation(
                id=result.operation_id,
                task_id=TaskId("task"),
                kind=kind,
                phase=Phase.INTENT,
                path="a.txt",
                before=V1,
                after=NOT_OBSERVED,
                recorded_at=NOW,
                context={"test": "context"},
                metadata={"by": "a user"},
            )
        ]

    @pytest.mark.parametrize(("method", "kind"), METHODS)
    async def test_a_claim_keeps_what_was_left(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        disk: Disk,
        method: str,
        kind: OperationKind,
    ) -> None:
        disk["a.txt"] = V1
        await getattr(use_case, method)("a.txt", after=True)

        [claim] = recorded
        assert (claim.kind, claim.phase) == (kind, Phase.CLAIM)
        assert (claim.before, claim.after) == (NOT_OBSERVED, V1)

    async def test_the_result_gives_the_path_as_it_was_given(
        self, use_case: TrackFileOperationsUseCase, files: AsyncMock
    ) -> None:
        files.locate.side_effect = None
        files.locate.return_value = "a.txt"
        path = Path("/workspace/./a.txt")

        assert (await use_case.track_file_creation(path)).file_path is path

    async def test_the_task_may_be_named_in_the_context(
        self, use_case: TrackFileOperationsUseCase, recorded: list[FileOperation]
    ) -> None:
        await use_case.track_file_creation("a.txt", {"task_id": "from the context"})
        await use_case.track_file_creation("b.txt", {"task_id": "context"}, task_id="argument")
        await use_case.track_file_creation("c.txt")

        assert [o.task_id for o in recorded] == ["from the context", "argument", None]

    async def test_a_file_that_cannot_be_seen_is_recorded_as_unknown(
        self, use_case: TrackFileOperationsUseCase, recorded: list[FileOperation], disk: Disk
    ) -> None:
        disk["a.txt"] = UnknownState("unreadable")

        assert (await use_case.track_file_modification("a.txt")).success
        assert recorded[0].before == UnknownState("unreadable")

    async def test_an_expected_state_is_kept(
        self, use_case: TrackFileOperationsUseCase, recorded: list[FileOperation]
    ) -> None:
        await use_case.track_file_creation("a.txt", expected=V1)

        assert recorded[0].expected == V1


class TestRefusals:
    """What cannot be recorded is refused by value, and nothing is stored."""

    async def test_a_path_outside_the_workspace(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        files: AsyncMock,
    ) -> None:
        files.locate.side_effect = PathRefused("../secret", "it lies outside the workspace")
        result = await use_case.track_file_creation("../secret")

        assert not result.success
        assert result.error == "file_path: '../secret': it lies outside the workspace"
        assert (result.operation_id, result.file_path) == (None, "../secret")
        assert recorded == []

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("task_id", ""),
            ("task_id", 7),
            ("task_id", "a\0b"),
            ("operation_context", {"task_id": 7}),
            ("operation_context", "text"),
            ("operation_context", {"open": object()}),
            ("metadata", ["a", "list"]),
            ("metadata", {1: "one"}),
            ("metadata", {"path": Path("a")}),
            ("metadata", {"number": float("nan")}),
            ("metadata", {"text": "\ud800"}),
            ("expected", "a string"),
            ("after", "yes"),
        ],
    )
    async def test_an_argument_of_the_wrong_type_is_named(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        field: str,
        given: object,
    ) -> None:
        arguments: dict[str, Any] = {field: given}
        result = await use_case.track_file_creation("a.txt", **arguments)

        assert not result.success
        named = "task_id" if given == {"task_id": 7} else field
        assert result.error is not None
        assert result.error.startswith(f"{named}: ")
        assert recorded == []

    @pytest.mark.parametrize("field", ["operation_context", "metadata"])
    async def test_a_note_too_large_to_keep_is_named(
        self, use_case: TrackFileOperationsUseCase, recorded: list[FileOperation], field: str
    ) -> None:
        note: dict[str, Any] = {field: {"log": "é" * 40_000}}
        result = await use_case.track_file_creation("a.txt", **note)

        assert not result.success
        assert str(result.error).startswith(f"{field}: 80,011 bytes are more than 65,536")
        assert recorded == []

    async def test_metadata_that_holds_itself(self, use_case: TrackFileOperationsUseCase) -> None:
        metadata: dict[str, object] = {}
        metadata["self"] = metadata

        assert not (await use_case.track_file_creation("a.txt", metadata=metadata)).success

    async def test_a_failing_database_is_an_error_and_no_refusal(
        self, use_case: TrackFileOperationsUseCase, operations: AsyncMock
    ) -> None:
        operations.add.side_effect = DatabaseFull()
        with pytest.raises(DatabaseFull):
            await use_case.track_file_creation("a.txt")


class TestRepeatedIntents:
    """An attempt after a crash announces again what the one before announced."""

    async def test_a_creation_announced_again_before_it_was_carried_out(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        first = await tracker.track_file_create("a.txt")
        again = await tracker.track_file_create("a.txt")
        disk["a.txt"] = V1

        assert again.operation_id == first.operation_id
        assert again.success
        assert (await tracker.verify_all_operations()).all_verified

    async def test_a_creation_announced_again_after_it_was_carried_out(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        first = await tracker.track_file_create("a.txt")
        disk["a.txt"] = V1
        again = await tracker.track_file_create("a.txt")
        disk["a.txt"] = V2
        summary = await tracker.verify_all_operations()

        assert again.operation_id == first.operation_id
        assert (summary.all_verified, summary.total_operations) == (True, 1)

    async def test_a_deletion_announced_again_after_it_was_carried_out(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        first = await tracker.track_file_delete("a.txt")
        del disk["a.txt"]

        assert (await tracker.track_file_delete("a.txt")).operation_id == first.operation_id
        assert (await tracker.verify_all_operations()).all_verified

    async def test_a_deletion_that_did_not_last_is_announced_anew(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        first = await tracker.track_file_delete("a.txt")
        disk["a.txt"] = V2

        assert (await tracker.track_file_delete("a.txt")).operation_id != first.operation_id

    async def test_a_modification_announced_again_before_it_was_carried_out(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        first = await tracker.track_file_modify("a.txt")

        assert (await tracker.track_file_modify("a.txt")).operation_id == first.operation_id

    async def test_a_modification_after_one_that_was_carried_out_is_another(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        await tracker.track_file_modify("a.txt")
        disk["a.txt"] = V2
        await tracker.track_file_modify("a.txt")
        disk["a.txt"] = V3
        summary = await tracker.verify_all_operations()

        assert (summary.all_verified, summary.total_operations) == (True, 2)

    async def test_a_modification_that_never_happened_hides_behind_no_other(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        await tracker.track_file_modify("a.txt")
        disk["a.txt"] = V2
        await tracker.track_file_modify("a.txt")
        summary = await tracker.verify_all_operations()

        assert [finding.verdict for finding in summary.findings] == [
            Verdict.VERIFIED,
            Verdict.NO_EFFECT,
        ]

    async def test_two_readings_are_two(self, tracker: FileTracker, disk: Disk) -> None:
        disk["a.txt"] = V1
        first = await tracker.track_file_read("a.txt")

        assert (await tracker.track_file_read("a.txt")).operation_id != first.operation_id

    async def test_a_file_that_cannot_be_seen_shows_no_repetition(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = UnknownState("unreadable")
        first = await tracker.track_file_create("a.txt")

        assert (await tracker.track_file_create("a.txt")).operation_id != first.operation_id

    async def test_the_same_intent_of_another_task_is_another(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker
    ) -> None:
        first = await tracker.track_file_create("a.txt")
        other = await use_case.tracker_for("other").track_file_create("a.txt")

        assert other.operation_id != first.operation_id

    async def test_the_same_intent_of_nobody_is_another(
        self, use_case: TrackFileOperationsUseCase
    ) -> None:
        first = await use_case.track_file_creation("a.txt")

        assert (await use_case.track_file_creation("a.txt")).operation_id != first.operation_id


class TestVerifyingOneOperation:
    """``success`` says that the verification ran, ``verified`` what it found."""

    async def test_a_file_that_was_written_is_verified(
        self, use_case: TrackFileOperationsUseCase, disk: Disk
    ) -> None:
        tracked = await use_case.track_file_creation("a.txt")
        disk["a.txt"] = V1
        result = await use_case.verify_operation(str(tracked.operation_id))

        assert (result.success, result.verified, result.verdict) == (True, True, Verdict.VERIFIED)
        assert (result.before, result.after, result.file_path) == (GONE, V1, "a.txt")
        assert result.reason
        assert result.error is None

    async def test_a_file_that_was_never_written_is_refuted_by_a_verification_that_ran(
        self, use_case: TrackFileOperationsUseCase
    ) -> None:
        tracked = await use_case.track_file_creation(
            file_path="test_file.txt",
            operation_context={"test": "creation", "task_id": "test_001"},
            metadata={"created_by": "test_user"},
        )
        result = await use_case.verify_operation(str(tracked.operation_id))

        assert tracked.file_path == "test_file.txt"
        assert result.success
        assert not result.verified
        assert result.verdict is Verdict.REFUTED

    async def test_an_operation_is_judged_among_all_on_its_path(
        self, use_case: TrackFileOperationsUseCase, disk: Disk
    ) -> None:
        first = await use_case.track_file_creation("a.txt", task_id="a")
        disk["a.txt"] = V1
        await use_case.track_file_modification("a.txt", task_id="b")
        disk["a.txt"] = V2

        result = await use_case.verify_operation(str(first.operation_id))
        assert result.verdict is Verdict.SUPERSEDED

    @pytest.mark.parametrize("unknown", ["no-such-id", "", None, 5])
    async def test_an_unknown_id_is_refused_by_name(
        self, use_case: TrackFileOperationsUseCase, unknown: Any
    ) -> None:
        result = await use_case.verify_operation(unknown)

        assert not result.success
        assert not result.verified
        assert result.error is not None
        assert repr(unknown) in result.error


class TestVerifyingATask:
    """All operations of a task, judged at one moment."""

    async def test_each_operation_gets_a_finding_in_the_order_of_recording(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker, disk: Disk
    ) -> None:
        for path in ("b.txt", "a.txt"):
            await tracker.track_file_create(path)
            disk[path] = V1
        await tracker.track_file_modify("b.txt")
        disk["b.txt"] = V2
        result = await use_case.verify_task("task")

        assert [finding.path for finding in result.findings] == ["b.txt", "a.txt", "b.txt"]
        assert result.verified
        assert (result.total_operations, result.failed_verifications) == (3, ())

    async def test_operations_of_other_tasks_are_not_reported(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker, disk: Disk
    ) -> None:
        await tracker.track_file_create("a.txt")
        disk["a.txt"] = V1
        await use_case.track_file_modification("a.txt", task_id="other")
        result = await use_case.verify_task("task")

        assert [finding.verdict for finding in result.findings] == [Verdict.VERIFIED]

    async def test_what_does_not_pass_is_listed(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker
    ) -> None:
        await tracker.track_file_create("a.txt")
        result = await use_case.verify_task("task")

        assert result.success
        assert not result.verified
        assert result.failed_verifications == result.findings

    async def test_the_report_is_stored_and_nothing_else_is_changed(
        self,
        use_case: TrackFileOperationsUseCase,
        tracker: FileTracker,
        operations: AsyncMock,
        reports: AsyncMock,
    ) -> None:
        await tracker.track_file_create("a.txt")
        operations.add.reset_mock()
        result = await use_case.verify_task("task")

        reports.add.assert_awaited_once_with(result.report)
        operations.add.assert_not_awaited()
        operations.save.assert_not_awaited()
        assert result.report is not None
        assert (result.report.task_id, result.report.verified_at) == ("task", NOW)

    async def test_an_examination_stores_nothing(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker, reports: AsyncMock
    ) -> None:
        await tracker.track_file_create("a.txt")
        report = await use_case.examine(TaskId("task"))

        assert [finding.verdict for finding in report.findings] == [Verdict.REFUTED]
        reports.add.assert_not_awaited()

    async def test_two_queries_and_one_look_at_the_disk_are_enough(
        self,
        use_case: TrackFileOperationsUseCase,
        tracker: FileTracker,
        operations: AsyncMock,
        files: AsyncMock,
    ) -> None:
        for number in range(20):
            await tracker.track_file_create(f"{number}.txt")
        operations.on_paths.reset_mock()
        files.observe.reset_mock()
        await use_case.examine(TaskId("task"))

        operations.of_task.assert_awaited_once()
        operations.on_paths.assert_awaited_once()
        files.observe.assert_awaited_once()

    async def test_a_change_that_another_task_declares_meanwhile_is_no_fault(
        self,
        use_case: TrackFileOperationsUseCase,
        tracker: FileTracker,
        disk: Disk,
        operations: AsyncMock,
        recorded: list[FileOperation],
    ) -> None:
        disk["a.txt"] = V1
        await tracker.track_file_read("a.txt")
        answer = operations.of_task.side_effect

        async def changed_behind_our_back(task_id: TaskId) -> Sequence[FileOperation]:
            own: Sequence[FileOperation] = answer(task_id)
            await use_case.track_file_modification("a.txt", task_id="other")
            disk["a.txt"] = V2
            return own

        operations.of_task.side_effect = changed_behind_our_back
        report = await use_case.examine(TaskId("task"))

        assert len(recorded) == 2
        assert [finding.verdict for finding in report.findings] == [Verdict.SUPERSEDED]

    async def test_a_task_without_operations_is_verified_without_a_look_at_the_disk(
        self, use_case: TrackFileOperationsUseCase, files: AsyncMock
    ) -> None:
        result = await use_case.verify_task("idle")

        assert (result.verified, result.total_operations) == (True, 0)
        files.observe.assert_not_awaited()

    @pytest.mark.parametrize("wrong", ["", None, 5])
    async def test_an_id_that_is_none_is_refused(
        self, use_case: TrackFileOperationsUseCase, reports: AsyncMock, wrong: Any
    ) -> None:
        result = await use_case.verify_task(wrong)

        assert not result.success
        assert str(result.error).startswith("task_id: ")
        assert (result.findings, result.total_operations) == ((), 0)
        reports.add.assert_not_awaited()

    async def test_a_failing_database_is_an_error(
        self, use_case: TrackFileOperationsUseCase, operations: AsyncMock
    ) -> None:
        operations.of_task.side_effect = DatabaseFull()
        with pytest.raises(DatabaseFull):
            await use_case.verify_task("task")


async def test_everything_recorded_can_be_verified_at_once(
    use_case: TrackFileOperationsUseCase, tracker: FileTracker, disk: Disk
) -> None:
    await use_case.track_file_creation("b.txt")
    await tracker.track_file_create("a.txt")
    disk["a.txt"] = V1
    result = await use_case.verify_all()

    assert [(f.path, f.verdict) for f in result.findings] == [
        ("b.txt", Verdict.REFUTED),
        ("a.txt", Verdict.VERIFIED),
    ]
    assert not result.verified


class TestTracker:
    """The operations of one task."""

    async def test_create_modify_read_and_delete_are_proven_as_a_chain(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        await tracker.track_file_create("a.txt", {"test": "creation"})
        disk["a.txt"] = V1
        await tracker.track_file_modify("a.txt", {"test": "modification"})
        disk["a.txt"] = V2
        await tracker.track_file_read("a.txt")
        assert (await tracker.verify_all_operations()).all_verified

        await tracker.track_file_delete("a.txt")
        del disk["a.txt"]
        summary = await tracker.verify_all_operations()

        assert (summary.total_operations, summary.all_verified) == (4, True)

    async def test_operations_are_recorded_for_its_task(
        self, tracker: FileTracker, recorded: list[FileOperation]
    ) -> None:
        await tracker.track_file_create("a.txt", {"by": "me"}, after=True)

        [operation] = recorded
        assert (operation.task_id, operation.metadata, operation.phase) == (
            "task",
            {"by": "me"},
            Phase.CLAIM,
        )

    async def test_a_summary_can_be_read_by_key(self, tracker: FileTracker) -> None:
        await tracker.track_file_create("a.txt")
        summary = await tracker.verify_all_operations()

        assert summary["all_verified"] is summary.all_verified is False
        assert summary["total_operations"] == 1
        assert summary["failed_verifications"] == summary.failed_verifications
        assert set(summary) == set(dict(summary)) >= {"success", "findings"}
        assert len(summary) == len(list(summary))

    async def test_a_summary_has_no_other_keys(self, tracker: FileTracker) -> None:
        summary = await tracker.verify_all_operations()
        with pytest.raises(KeyError):
            summary["__class__"]


@pytest.mark.parametrize("wrong", ["", "\ud800", "a\nb", None, 5])
class TestTrackerOfNoTask:
    """An id that is none is refused by every method, as that method refuses."""

    @pytest.mark.parametrize("kind", ["create", "modify", "delete", "read"])
    async def test_tracking_gives_a_refusal_and_records_nothing(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        kind: str,
        wrong: Any,
    ) -> None:
        result = await getattr(use_case.tracker_for(wrong), f"track_file_{kind}")("a.txt")

        assert not result.success
        assert str(result.error).startswith("task_id: ")
        assert result.file_path == "a.txt"
        assert recorded == []

    async def test_a_verification_gives_a_refusal(
        self, use_case: TrackFileOperationsUseCase, wrong: Any
    ) -> None:
        result = await use_case.tracker_for(wrong).verify_all_operations()

        assert not result.success
        assert not result.all_verified
        assert str(result.error).startswith("task_id: ")

    async def test_recovery_info_raises(
        self, use_case: TrackFileOperationsUseCase, operations: AsyncMock, wrong: Any
    ) -> None:
        with pytest.raises(InvalidRequest, match="task_id: "):
            await use_case.tracker_for(wrong).get_context_recovery_info()

        operations.of_task.assert_not_awaited()


class TestRecovery:
    """What whoever takes a task over is told of its files."""

    async def test_open_intents_are_told(self, tracker: FileTracker, disk: Disk) -> None:
        await tracker.track_file_create("done.txt")
        disk["done.txt"] = V1
        opened = await tracker.track_file_create("open.txt")
        info: Any = await tracker.get_context_recovery_info()

        assert [told["operation_id"] for told in info["open_intents"]] == [opened.operation_id]
        assert (info["total_operations"], info["all_verified"]) == (2, False)

    async def test_files_are_told_with_their_operations_and_verdicts(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        await tracker.track_file_create("a.txt")
        disk["a.txt"] = V1
        await tracker.track_file_modify("a.txt")
        disk["a.txt"] = V2
        info: Any = await tracker.get_context_recovery_info()

        assert [(told["kind"], told["verdict"]) for told in info["files_affected"]["a.txt"]] == [
            ("create", "verified"),
            ("modify", "verified"),
        ]

    async def test_failing_claims_are_told_with_what_to_do_next(
        self, tracker: FileTracker, disk: Disk
    ) -> None:
        disk["a.txt"] = V1
        await tracker.track_file_read("a.txt", after=True)
        disk["a.txt"] = V2
        info: Any = await tracker.get_context_recovery_info()

        [failed] = info["failed_verifications"]
        assert failed["verdict"] == "changed_since"
        assert "restore" in failed["next_action"]
        assert info["open_intents"] == []

    async def test_it_is_plain_json_and_stores_nothing(
        self, tracker: FileTracker, reports: AsyncMock
    ) -> None:
        await tracker.track_file_create("invalid-\udcff.txt")
        info = await tracker.get_context_recovery_info()

        assert json.loads(json.dumps(info)) == info
        reports.add.assert_not_awaited()


class TestAllowances:
    """``track_file_scope`` records where a task need not declare what it does."""

    async def test_an_allowance_is_recorded_without_a_look_at_the_disk(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        files: AsyncMock,
    ) -> None:
        result = await use_case.track_file_scope("build/**", {"a": 1}, {"by": "make"}, "task")

        [allowance] = recorded
        assert (result.success, result.operation_id) == (True, allowance.id)
        assert (allowance.kind, allowance.path) == (OperationKind.SCOPE, "build/**")
        assert (allowance.before, allowance.after) == (NOT_OBSERVED, NOT_OBSERVED)
        assert (allowance.context, allowance.metadata) == ({"a": 1}, {"by": "make"})
        assert not files.observe.called

    async def test_the_same_allowance_again_is_not_recorded_twice(
        self, tracker: FileTracker, recorded: list[FileOperation]
    ) -> None:
        first = await tracker.track_file_scope("build/**")
        again = await tracker.track_file_scope("build/**")
        other = await tracker.track_file_scope("dist/**")

        assert again.operation_id == first.operation_id
        assert other.operation_id != first.operation_id
        assert len(recorded) == 2

    async def test_it_claims_nothing_so_that_nothing_is_found_of_it(
        self, use_case: TrackFileOperationsUseCase, tracker: FileTracker
    ) -> None:
        said = await tracker.track_file_scope("build/**")
        verified = await use_case.verify_task("task")
        one = await use_case.verify_operation(str(said.operation_id))

        assert (verified.verified, verified.findings) == (True, ())
        assert verified.report is not None
        assert verified.report.operations == 1
        assert not one.success
        assert str(one.error).endswith("is an allowance ('build/**'); it claims nothing")

    @pytest.mark.parametrize(
        ("pattern", "told"),
        [
            ("", "must be a pattern"),
            (None, "must be a pattern"),
            (b"build/**", "must be a pattern"),
            ("a\0b", "must be a pattern"),
            ("/etc/**", "must be relative"),
            ("../**", "must be relative"),
            ("a/../b", "must be relative"),
            ("./a", "must be relative"),
            ("build/", "must be relative"),
            ("\ud800", "characters that no file name can have"),
        ],
    )
    async def test_what_is_no_pattern_in_the_workspace_is_refused(
        self,
        use_case: TrackFileOperationsUseCase,
        recorded: list[FileOperation],
        pattern: Any,
        told: str,
    ) -> None:
        result = await use_case.track_file_scope(pattern, task_id="task")

        assert not result.success
        assert str(result.error).startswith("pattern: ")
        assert told in str(result.error)
        assert recorded == []
