"""Recorded file operations are replayed, and the disk is not touched."""

import asyncio
import json

import pytest

from vespera import Container, TaskOrchestrator
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import NonDeterministicTask, PathRefused
from vespera.testing import TestingError, replay


async def report(task):
    await task.files.write_text("out/./report.txt", "all is well")
    text = await task.files.read_text("out/report.txt")
    await task.files.track_file_create("notes.txt")
    await task.files.delete("out/report.txt")
    return text


async def history_of(directory, specialist):
    async with Container(workspace=directory) as container:
        container.get(Specialists).register("report", specialist)
        orchestrator = container.get(TaskOrchestrator)
        (directory / "notes.txt").unlink(missing_ok=True)
        done = await orchestrator.create_task(title="R", specialist_type="report")
        await orchestrator.execute_task(str(done.task_id))
        return await orchestrator.export_task(str(done.task_id))


@pytest.fixture
async def history(tmp_path):
    return json.loads(json.dumps(await history_of(tmp_path, report)))


async def test_files_are_neither_written_nor_looked_at(history, tmp_path):
    replayed = await replay(history, report, files={"out/report.txt": b"all is well"})

    assert replayed.outcome == replayed.recorded
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_history_may_be_a_file(history, tmp_path):
    file = tmp_path / "history.json"
    await asyncio.to_thread(file.write_text, json.dumps(history))
    replayed = await replay(file, report, files={"out/report.txt": b"all is well"})

    assert replayed.outcome == replayed.recorded


async def test_contents_are_not_known_unless_they_are_given(history):
    with pytest.raises(TestingError, match=r"Give files={'out/report.txt'"):
        await replay(history, report)


async def test_an_absolute_path_is_known_by_its_end(tmp_path):
    async def absolute(task):
        await task.files.write_text(str(tmp_path / "a" / "b.txt"), "b")

    replayed = await replay(await history_of(tmp_path, absolute), absolute)

    assert (replayed.stops_at, replayed.error) == ((), None)


async def test_another_file_is_told_with_the_one_that_is_recorded(history):
    async def other(task):
        await task.files.write_text("out/other.txt", "")

    with pytest.raises(NonDeterministicTask, match=r"'out/report.txt' .* 'out/other.txt' instead"):
        await replay(history, other)

    history["task"].update(status="running", outcome=None)
    with pytest.raises(NonDeterministicTask, match=r"'out/report.txt' .* 'out/other.txt' instead"):
        await replay(history, other)


async def test_a_file_that_is_new_is_told(history):
    async def more(task):
        text = await report(task)
        await task.files.write_text("more.txt", text)

    with pytest.raises(NonDeterministicTask, match=r"asks for the file 'more\.txt', which is not"):
        await replay(history, more, files={"out/report.txt": b"x"})

    history["task"].update(status="running", outcome=None)
    replayed = await replay(history, more, files={"out/report.txt": b"x"})
    assert replayed.stops_at == ("more.txt",)


async def test_a_note_that_is_new_is_told(history):
    async def more(task):
        await report(task)
        await task.files.track_file_create("later.txt")

    with pytest.raises(NonDeterministicTask, match=r"the file 'later\.txt'"):
        await replay(history, more, files={"out/report.txt": b"x"})


async def test_a_way_out_that_was_refused_is_refused_again(tmp_path):
    async def sly(task):
        try:
            await task.files.write_text("../out.txt", "escaped")
        except PathRefused as refusal:
            await task.files.write_text("in.txt", refusal.reason)

    replayed = await replay(await history_of(tmp_path, sly), sly)

    assert replayed.error is None
    assert replayed.outcome == replayed.recorded
