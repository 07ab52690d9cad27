"""Whoever tries to leave the workspace is refused, and it is not forgotten."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskResult
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase
from vespera.domain.errors import PathRefused
from vespera.domain.file_operation import FileOperation, OperationKind, Phase, UnknownState
from vespera.domain.ids import TaskId
from vespera.domain.verdict import Verdict
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads

Run = Callable[..., Awaitable[TaskResult]]
ESCAPES = [
    *("../a.txt", "a/../../b.txt", "/etc/passwd", "/proc/self/fd/1", "link/a.txt", "", "a\0b"),
    *(".vespera/a", "x" * 256, b"../\xff", "NUL", "sub/con.txt"),
]


@pytest.fixture
async def refused(container: Container, tmp_path: Path, outside: Path) -> "Refused":
    (tmp_path / "link").symlink_to(outside)
    (tmp_path / "a.txt").write_text("a")
    return Refused(container)


class Refused:
    """What is recorded of refused attempts of the task "t"."""

    def __init__(self, container: Container) -> None:
        self._operations = container.get(FileOperationRepository)

    async def attempts(self) -> list[FileOperation]:
        recorded = await self._operations.of_task(TaskId("t"))
        return [one for one in recorded if one.phase is Phase.REFUSED]


@pytest.mark.parametrize("path", ESCAPES, ids=repr)
async def test_a_handler_that_goes_on_after_it_is_refused_by_the_gate(
    run: Run, refused: Refused, path: Any
) -> None:
    async def sly(task: TaskContext) -> None:
        with suppress(PathRefused):
            await task.files.write_text(path, "escaped")

    result = await run(sly)
    [finding] = result.findings
    [attempt] = await refused.attempts()

    assert result.status == "executed"
    assert (finding.verdict, finding.operation_id) == (Verdict.REFUSED, attempt.id)
    assert finding.reason.startswith("it was attempted and not done: ")
    assert isinstance(attempt.after, UnknownState)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda files: files.write_bytes("../a", b""), "create"),
        (lambda files: files.append("../a", ""), "create"),
        (lambda files: files.read_text("../a"), "read"),
        (lambda files: files.delete("../a"), "delete"),
        (lambda files: files.move("a.txt", "../a"), "move"),
        (lambda files: files.copy("../a", "a.txt"), "copy"),
        (lambda files: files.mkdir("../a"), "mkdir"),
        (lambda files: files.rmdir("../a"), "rmdir"),
        (lambda files: files.symlink("../a", "x"), "symlink"),
        (lambda files: files.chmod("../a", 0o644), "chmod"),
        (lambda files: files.track_file_modify("../a"), "modify"),
        (lambda files: files.track_file_move("a.txt", "../a"), "move"),
    ],
)
async def test_every_act_and_every_note_is_recorded_as_what_it_was(
    run: Run, refused: Refused, act: Any, kind: str
) -> None:
    async def sly(task: TaskContext) -> None:
        with suppress(PathRefused):
            await act(task.files)

    result = await run(sly)
    [attempt] = await refused.attempts()

    assert (attempt.kind, attempt.path) == (OperationKind(kind), "../a")
    assert [finding.verdict for finding in result.findings] == [Verdict.REFUSED]


async def test_it_is_recorded_once_however_often_it_is_tried(run: Run, refused: Refused) -> None:
    async def stubborn(task: TaskContext) -> None:
        for _ in range(2):
            with suppress(PathRefused):
                await task.files.delete("../a")
            assert not (await task.files.track_file_delete("../b")).success
        await task.files.write_text("b.txt", "fine")
        if task.attempt == 1:
            raise OSError("again")

    result = await run(stubborn, retry={"max_attempts": 2, "delay": 0})

    assert {finding.path for finding in result.findings} == {"../a", "../b"}
    assert len(await refused.attempts()) == 2


async def test_what_an_attempt_that_failed_had_tried_is_not_forgotten(
    run: Run, refused: Refused
) -> None:
    async def reformed(task: TaskContext) -> None:
        if task.attempt == 1:
            await task.files.delete("../a")

    result = await run(reformed, retry={"max_attempts": 2, "delay": 0})

    assert result.status == "executed"
    assert len(await refused.attempts()) == 1


async def test_a_person_can_answer_for_it(run: Run, refused: Refused, container: Container) -> None:
    async def sly(task: TaskContext) -> None:
        said = await task.files.track_file_read("../a")
        assert said.operation_id

    await run(sly)
    [attempt] = await refused.attempts()
    waived = await container.get(WaiveFindingsUseCase).waive(
        "t", attempt.id, by="ada", reason="it looked for its settings there"
    )

    assert waived.success, waived.error
    assert (await container.get(TaskExecutionWorkflow).complete_task("t")).completed


async def test_a_policy_can_tolerate_it(tmp_path: Path) -> None:
    async def sly(task: TaskContext) -> None:
        await task.files.track_file_read("../a")

    async with Container(workspace=str(tmp_path), proof=["refused"]) as container:
        container.get(Specialists).register("worker", sly)
        result = await container.get(TaskExecutionWorkflow).run(title="A", specialist_type="worker")

    assert result.status == "completed"


async def test_without_a_task_there_is_nobody_whose_completion_it_could_keep(
    container: Container,
) -> None:
    tracking = container.get(TrackFileOperationsUseCase)
    said = await tracking.track_file_read("../a")
    named = await tracking.track_file_read("../a", task_id="the build")
    again = await tracking.track_file_read("../a", task_id="the build")

    assert (said.success, said.operation_id) == (False, None)
    assert named.operation_id == again.operation_id is not None
    one = await tracking.verify_operation(str(named.operation_id))
    assert (one.success, one.verdict) == (True, Verdict.REFUSED)
    [finding] = (await tracking.verify_all()).findings
    assert (finding.operation_id, finding.verdict) == (named.operation_id, Verdict.REFUSED)


async def test_it_declares_no_change_of_the_path_that_was_tried(
    run: Run, refused: Refused, tmp_path: Path, container: Container
) -> None:
    async def sly(task: TaskContext) -> None:
        with suppress(PathRefused):
            await task.files.write_text("link/a.txt", "escaped")
        (tmp_path / "link").unlink()
        await task.files.write_text("link/a.txt", "in the workspace now")

    result = await run(sly)

    assert [(f.path, f.verdict) for f in result.findings] == [("link/a.txt", Verdict.REFUSED)]


class Swapped(LocalFileStore):
    """The path became a way out when it had been located."""

    async def write(self, path: str, *args: Any, **more: Any) -> Any:
        raise PathRefused(path, "it goes through a symbolic link")

    async def read(self, path: str) -> bytes:
        raise PathRefused(path, "it goes through a symbolic link")


async def test_a_way_out_that_opens_in_between_is_recorded_too(
    tmp_path: Path, threads: Threads
) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def sly(task: TaskContext) -> None:
        with suppress(PathRefused):
            await task.files.write_text("b.txt", "escaped")
        with suppress(PathRefused):
            await task.files.read_text("a.txt")

    container = Container(workspace=str(tmp_path))
    container.override("files", Swapped(tmp_path, threads))
    async with container:
        container.get(Specialists).register("worker", sly)
        result = await container.get(TaskExecutionWorkflow).run(
            title="A", specialist_type="worker", task_id="t"
        )
        attempts = await Refused(container).attempts()

    assert [(one.kind, one.path) for one in attempts] == [
        (OperationKind.CREATE, "b.txt"),
        (OperationKind.READ, "a.txt"),
    ]
    assert {finding.verdict for finding in result.findings} == {Verdict.REFUSED}


async def test_no_act_reaches_what_is_outside_by_a_hard_link(
    run: Run, refused: Refused, tmp_path: Path, outside: Path
) -> None:
    secret = outside / "secret.txt"
    for name in ("written", "appended", "deleted", "moved", "mode"):
        (tmp_path / name).hardlink_to(secret)
    before = (secret.read_text(), secret.stat().st_mode)

    async def sly(task: TaskContext) -> None:
        await task.files.write_text("written", "mine")
        await task.files.append("appended", "mine")
        await task.files.delete("deleted")
        await task.files.move("moved", "elsewhere")
        with suppress(PathRefused):
            await task.files.chmod("mode", 0o777)

    result = await run(sly)
    [attempt] = await refused.attempts()

    assert (secret.read_text(), secret.stat().st_mode) == before
    assert (attempt.kind, attempt.path) == (OperationKind.CHMOD, "mode")
    assert {finding.path for finding in result.findings} == {"mode"}
    assert Verdict.REFUSED in [finding.verdict for finding in result.findings]
