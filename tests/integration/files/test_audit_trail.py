"""What is entered into the audit trail, and what is not."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, TaskContext, TaskOrchestrator
from vespera.application.ports.audit import AuditTrail
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.audit_tasks import AuditTasksUseCase

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[Container]:
    where = {"database_url": str(tmp_path / "work.db"), "workspace": str(tmp_path)}
    async with Container(**where, audit=True) as container:
        yield container


async def told(container: Container) -> list[tuple[str, Any]]:
    assert (await container.get(AuditTasksUseCase).verify()).sound
    entries = await container.get(AuditTrail).page()
    return [(entry.kind, json.loads(entry.payload)) for entry in entries]


async def run(container: Container, handler: Any) -> None:
    container.get(Specialists).register("clerk", handler)
    await container.get(TaskOrchestrator).run(
        title="Write", specialist_type="clerk", task_id="task"
    )


async def mover(task: TaskContext) -> None:
    await task.files.write_text("a", "x")
    await task.files.move("a", "b")


async def test_operations_reports_and_completions_are_entered_in_their_order(
    container: Container,
) -> None:
    await run(container, mover)
    entries = await told(container)

    assert [kind for kind, _ in entries] == [*["file_operation"] * 4, "report", "completion"]
    assert entries[3][1]["destination"]["path"] == "b"
    assert entries[3][1]["expected"]["state"] == "file"
    assert entries[4][1]["report_id"] == entries[5][1]["report_id"]
    assert entries[5][1]["outcome"].startswith("sha256:")


async def test_metadata_is_entered_as_a_digest_only(container: Container) -> None:
    async def clerk(task: TaskContext) -> None:
        await task.files.track_file_read("in", {"token": "hunter2"})

    await run(container, clerk)

    assert "hunter2" not in str(await told(container))


async def test_what_a_retried_task_withdraws_is_entered(container: Container) -> None:
    async def clerk(task: TaskContext) -> None:
        await task.files.track_file_create("never")

    await run(container, clerk)
    result = await container.get(TaskOrchestrator).retry_task("task")
    assert result.success, result.error
    entries = await told(container)
    [operation] = [one for kind, one in entries if kind == "file_operation"]

    assert dict(entries)["withdrawal"]["operation_id"] == operation["operation_id"]


async def test_a_task_that_comes_from_elsewhere_is_entered_as_such(
    container: Container, tmp_path: Path
) -> None:
    await run(container, mover)
    history = await container.get(TaskOrchestrator).export_task("task")
    async with Container(workspace=str(tmp_path), audit=True) as other:
        imported = await other.get(TaskOrchestrator).import_task(history)
        assert imported.success, imported.error
        [(kind, payload)] = await told(other)

    assert (kind, payload["task_id"], len(payload["operations"])) == ("import", "task", 2)


async def test_nothing_is_entered_if_nobody_wants_it(tmp_path: Path) -> None:
    async with Container(workspace=str(tmp_path)) as container:
        await run(container, mover)
        await container.get(AuditTrail).append("waiver", NOW, {})

        assert not container.get(AuditTrail).is_on
        assert await told(container) == []


async def test_two_that_write_to_one_database_make_one_chain(
    container: Container, tmp_path: Path
) -> None:
    where = {"database_url": str(tmp_path / "work.db"), "workspace": str(tmp_path)}
    async with Container(**where, audit=True) as other:
        trails = [container.get(AuditTrail), other.get(AuditTrail)]
        await asyncio.gather(
            *(trails[n % 2].append("waiver", NOW, {"number": n}) for n in range(50))
        )

    assert len(await told(container)) == 50


async def test_what_is_purged_stays_in_the_trail(container: Container) -> None:
    await run(container, mover)
    purged = await container.get("purge_tasks").purge(0)
    assert purged.success

    assert not await container.get(FileOperationRepository).all_paths()
    assert len(await told(container)) == 6
