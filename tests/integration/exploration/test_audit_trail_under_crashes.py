"""The process dies at every commit and every change of a file: the audit trail stays a chain."""

import json
from typing import Any

import pytest

from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.domain.audit import NO_ENTRY, AuditEntry, flaw_of, head_at
from vespera.testing import World, explore_crashes


async def writer(task: TaskContext) -> str:
    await task.files.write_text(f"{task.id}.txt", "one")
    return "written"


async def mover(task: TaskContext) -> str:
    await task.files.write_text(f"{task.id}.txt", "one")
    await task.step("think", str)
    await task.files.move(f"{task.id}.txt", f"{task.id}-moved.txt")
    return "moved"


def office() -> Container:
    container = Container(audit=True)
    container.get(Specialists).register("writer", writer)
    container.get(Specialists).register("mover", mover)
    return container


async def one_writes(app: Any) -> None:
    await app.orchestrator.create_task(
        title="Write", specialist_type="writer", task_id="a", completion="auto"
    )
    await app.run_until_idle()


async def two_move(app: Any) -> None:
    for name in ("a", "b"):
        await app.orchestrator.create_task(
            title="Move", specialist_type="mover", task_id=name, completion="auto"
        )
    await app.run_until_idle()


def the_trail_is_a_chain_that_tells_what_is_stored(app: Any) -> None:
    rows = app.db.all("SELECT number, at, kind, payload, hash FROM audit_entries ORDER BY number")
    head, told = NO_ENTRY, list[dict[str, Any]]()
    for row in rows:
        entry = AuditEntry(
            number=row.number, at=row.at, kind=row.kind, payload=row.payload, hash=row.hash
        )
        assert flaw_of(head, entry) is None, entry
        head = head_at(entry)
        told.append({"entry": entry.kind, **json.loads(entry.payload)})
    phases = {one["operation_id"]: one["phase"] for one in told if "operation_id" in one}
    stored = app.db.all("SELECT id, phase FROM file_operations")
    assert phases == {row.id: row.phase for row in stored}
    completed = app.db.all("SELECT id FROM tasks WHERE status = 'completed'")
    assert sorted(one["task_id"] for one in told if one["entry"] == "completion") == sorted(
        row.id for row in completed
    )


INVARIANTS = [the_trail_is_a_chain_that_tells_what_is_stored, "engine", "database"]


def test_the_trail_is_a_chain_at_whichever_commit_the_process_dies(world: World) -> None:
    report = explore_crashes(office, one_writes, world=world, invariants=INVARIANTS, at=("commit",))

    report.raise_for_failures()
    assert report.points >= 5


@pytest.mark.chaos
def test_the_trail_is_a_chain_whatever_dies_or_loses_its_power(world: World) -> None:
    report = explore_crashes(
        office,
        two_move,
        world=world,
        invariants=INVARIANTS,
        at=("commit", "file"),
        depth=2,
        power_loss=2,
    )

    report.raise_for_failures()
    assert report.points > 20
