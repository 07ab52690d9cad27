"""Files for code that wants one: what is written is there when the block has ended, once."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vespera import TaskContext, TaskResult
from vespera.application.ports.persistence import FileOperationRepository

Run = Callable[[Callable[[TaskContext], Awaitable[object]]], Awaitable[TaskResult]]


async def test_text_and_bytes_are_written_read_and_appended(run: Run, tmp_path: Path) -> None:
    async def handler(task: TaskContext) -> object:
        async with task.files.open("a/rows.csv", "w") as file:
            file.write("one\r\n")
            file.write("zwei \u00fc\n")
        async with task.files.open("a/rows.csv", "a", encoding="utf-8") as file:
            file.write("three\n")
        async with task.files.open("raw.bin", "wb") as raw:
            raw.write(b"\x00\xff")
        async with task.files.open("raw.bin", "ab") as raw:
            raw.write(b"\x01")
        async with task.files.open("a/rows.csv") as file, task.files.open("raw.bin", "rb") as raw:
            return {"lines": list(file), "bytes": len(raw.read())}

    result = await run(handler)

    assert result.success, result.error
    assert result.outcome is not None
    assert result.outcome.result == {"lines": ["one\r\n", "zwei \u00fc\n", "three\n"], "bytes": 3}
    assert (tmp_path / "a/rows.csv").read_bytes() == "one\r\nzwei \u00fc\nthree\n".encode()


async def test_a_block_that_raises_leaves_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    async def handler(task: TaskContext) -> None:
        async with task.files.open("a.txt", "w") as file:
            file.write("half")
            raise ValueError("no more")

    result = await run(handler)

    assert "no more" in str(result.error)
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("mode", ["x", "r+", "", "bw", "wt", 5, None, ["r"]])
async def test_what_is_no_mode_is_refused_by_name(run: Run, mode: Any) -> None:
    async def handler(task: TaskContext) -> None:
        async with task.files.open("a.txt", mode):
            pytest.fail("nothing is opened")

    result = await run(handler)

    assert f"mode: must be one of r, w, a, rb, wb, ab, not {mode!r}" in str(result.error)


async def test_what_a_crash_interrupted_is_appended_once(lives: Any) -> None:
    (lives.workspace / "log").write_text("one, ")

    async def handler(task: TaskContext) -> None:
        async with task.files.open("log", "a") as file:
            file.write("two")

    result = await lives.run(handler, FileOperationRepository, "save", nth=1, behind=False)

    assert result.success, result.error
    assert (lives.workspace / "log").read_text() == "one, two"
