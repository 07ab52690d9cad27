"""`vespera resource`, and what `vespera recover` says of resources."""

import asyncio
import json

import pytest

from vespera import Clock, Container
from vespera.application.ports.owners import Owners
from vespera.application.ports.resources import ResourceRepository
from vespera.domain.ids import OwnerId, ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, ResourceState


@pytest.fixture
def leave(workspace):
    """Leave a directory behind, and the row of it, as a process does that dies."""

    async def write(alive):
        database = workspace / ".vespera" / "vespera.db"
        async with Container(database_url=str(database), workspace=workspace) as container:
            owners, path = container.get(Owners), workspace / "vespera-r1"
            path.mkdir()
            record = ResourceRecord(
                id=ResourceId("r1"),
                resource_type="temporary_directory",
                owner=OwnerId("another-host") if alive else owners.register(),
                state=ResourceState.HELD,
                trace={"path": str(path)},
                created_at=container.get(Clock).now(),
                task_id=TaskId("t"),
            )
            await container.get(ResourceRepository).add(record)
            owners._close_locks()
            return record

    return lambda alive=False: asyncio.run(write(alive))


def test_what_the_dead_hold_is_listed_and_released(vespera, leave, workspace):
    held = leave()

    listed = vespera("resource", "list")
    assert listed.stdout.splitlines()[1].split()[:4] == [
        *(held.id, "temporary_directory", "held", "dead")
    ]
    verified = vespera("resource", "verify", held.id)
    assert (verified.exit_code, (workspace / "vespera-r1").exists()) == (1, True)
    assert "is not gone: the directory" in verified.stdout

    recovered = vespera("recover")
    assert recovered.exit_code == 0
    assert recovered.stdout.split() == ["released:", held.id, "temporary_directory"]
    assert not (workspace / "vespera-r1").exists()
    assert vespera("resource", "verify", held.id).exit_code == 0
    assert "nothing is held by the dead" in vespera("recover").stdout


def test_all_is_told_in_json(vespera, leave):
    held = leave()

    [row] = json.loads(vespera("resource", "list", "--json").stdout)["resources"]
    assert (row["id"], row["holder"], row["task_id"]) == (held.id, "dead", "t")
    assert row["trace"] == held.trace
    status = json.loads(vespera("resource", "verify", held.id, "--json").stdout)
    assert status["cleaned_up"] is False
    recovered = json.loads(vespera("recover", "--json").stdout)
    assert recovered["taken_back"] == []
    assert [one["state"] for one in recovered["resources"]] == ["released"]
    assert json.loads(vespera("resource", "list", "--json").stdout)["resources"] == []
    listed = vespera("resource", "list", "--all", "--limit", "1", "--json")
    [row] = json.loads(listed.stdout)["resources"]
    assert (row["state"], row["holder"]) == ("released", "nobody")


def test_what_is_not_known_is_told(vespera, leave):
    leave()
    verified = vespera("resource", "verify", "nobody")

    assert verified.exit_code == 1
    assert "No resource has the id 'nobody'" in verified.stdout


def test_what_cannot_be_told_is_released_by_hand(vespera, leave, workspace):
    held = leave(alive=True)
    assert "nothing is held by the dead" in vespera("recover").stdout
    assert vespera("resource", "list").stdout.splitlines()[1].split()[3] == "elsewhere"

    assert vespera("resource", "release", held.id, given="n").exit_code != 0
    assert (workspace / "vespera-r1").exists()
    released = vespera("resource", "release", held.id, "--yes")
    assert (released.exit_code, released.stdout) == (0, f"{held.id}: is gone\n")
    assert not (workspace / "vespera-r1").exists()
    assert vespera("resource", "release", "nobody", "--yes").exit_code == 1
