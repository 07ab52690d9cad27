"""What a task's file work replaces can be had again."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from vespera import (
    Container,
    FileStore,
    TaskContext,
    TaskResult,
    TrackFileOperationsUseCase,
)
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.persistence import FileOperationRepository
from vespera.domain.errors import ContentMissing

Run = Callable[[Callable[[TaskContext], Awaitable[object]]], Awaitable[TaskResult]]


def digest(content: bytes) -> str:
    return f"b3:{blake3(content).hexdigest()}"


async def rewrite(task: TaskContext) -> None:
    await task.files.write_text("a.txt", "new")


async def append(task: TaskContext) -> None:
    await task.files.append("a.txt", ", more")


async def delete(task: TaskContext) -> None:
    await task.files.delete("a.txt")


async def overwrite_by_a_move(task: TaskContext) -> None:
    await task.files.move("b.txt", "a.txt", overwrite=True)


async def overwrite_by_a_copy(task: TaskContext) -> None:
    await task.files.copy("b.txt", "a.txt", overwrite=True)


async def announce_and_write(task: TaskContext) -> None:
    await task.files.track_file_modify("a.txt")
    Path(task.payload["root"], "a.txt").write_text("by hand")


async def rewrite_a_secret(task: TaskContext) -> None:
    await task.files.write_text("id_rsa", "another key")


class TestTasks:
    """By default, everything that a tracked act takes away is kept."""

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Path:
        (tmp_path / "a.txt").write_bytes(b"old")
        (tmp_path / "b.txt").write_bytes(b"other")
        (tmp_path / "id_rsa").write_bytes(b"a key")
        return tmp_path

    @pytest.mark.parametrize(
        "handler", [rewrite, append, delete, overwrite_by_a_move, overwrite_by_a_copy]
    )
    @pytest.mark.usefixtures("workspace")
    async def test_what_an_act_replaces_is_in_the_store(
        self, container: Container, run: Run, handler: Any
    ) -> None:
        result = await run(handler)

        assert result.success, result.error
        assert await container.get(ContentStore).get(digest(b"old")) == b"old"

    async def test_what_is_announced_is_kept_before_the_task_does_it(
        self, container: Container, run: Any, workspace: Path
    ) -> None:
        result = await run(announce_and_write, payload={"root": str(workspace)})

        assert result.success, result.error
        assert (workspace / "a.txt").read_text() == "by hand"
        assert await container.get(ContentStore).get(digest(b"old")) == b"old"

    @pytest.mark.usefixtures("workspace")
    async def test_a_secret_is_not_kept(self, container: Container, run: Run) -> None:
        result = await run(rewrite_a_secret)

        assert result.success, result.error
        with pytest.raises(ContentMissing):
            await container.get(ContentStore).get(digest(b"a key"))

    @pytest.mark.usefixtures("workspace")
    async def test_a_store_that_is_full_holds_no_task_up(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with Container(workspace=str(tmp_path), store_quota=1) as container:
            container.get("registry").register("worker", rewrite)
            result = await container.get("workflow").run(title="A", specialist_type="worker")

        assert result.success, result.error
        assert "What 'a.txt' contains is not kept" in caplog.text

    @pytest.mark.usefixtures("workspace")
    async def test_where_it_is_not_wanted_no_store_is_made(self, tmp_path: Path) -> None:
        async with Container(workspace=str(tmp_path), store_replaced=False) as container:
            container.get("registry").register("worker", rewrite)
            result = await container.get("workflow").run(title="A", specialist_type="worker")
            usage = await container.get(ContentStore).usage()

        assert result.success, result.error
        assert usage.directory is None


async def test_intents_of_others_keep_what_they_replace_and_claims_cannot(
    container: Container, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(b"before")
    (tmp_path / "b.txt").write_bytes(b"changed already")
    tracking = container.get(TrackFileOperationsUseCase)

    await tracking.track_file_modification("a.txt", task_id="t")
    await tracking.track_file_modification("b.txt", task_id="t", after=True)

    known = await container.get(ContentStore).has([digest(b"before"), digest(b"changed already")])
    assert set(known) == {digest(b"before")}


class TestReadingAgain:
    """A replay reads what was read, whatever the task has done to it since."""

    @pytest.mark.parametrize(
        ("act", "port", "method"),
        [
            (lambda files: files.move("a.txt", "b.txt"), FileOperationRepository, "save"),
            (lambda files: files.move("a.txt", "b.txt"), FileStore, "move"),
            (lambda files: files.delete("a.txt"), FileOperationRepository, "save"),
            (lambda files: files.write_bytes("a.txt", b"new"), FileOperationRepository, "save"),
        ],
        ids=["moved", "just moved", "deleted", "rewritten"],
    )
    async def test_after_a_crash_behind_the_next_act(
        self, lives: Any, act: Any, port: type, method: str
    ) -> None:
        (lives.workspace / "a.txt").write_bytes(b"old")
        seen = []

        async def handler(task: TaskContext) -> None:
            seen.append(await task.files.read_bytes("a.txt"))
            await act(task.files)

        result = await lives.run(handler, port, method, nth=1, behind=True)

        assert result.success, result.error
        assert seen == [b"old", b"old"]

    async def test_what_somebody_else_has_changed_is_read_as_it_is_now(self, lives: Any) -> None:
        (lives.workspace / "a.txt").write_bytes(b"old")
        seen = []

        async def handler(task: TaskContext) -> None:
            seen.append(await task.files.read_bytes("a.txt"))
            if task.attempt > 1:
                return
            (lives.workspace / "a.txt").write_bytes(b"by others")
            await task.files.write_bytes("b.txt", b"never")

        await lives.run(handler, FileOperationRepository, "add", nth=2, behind=False)

        assert seen == [b"old", b"by others"]
