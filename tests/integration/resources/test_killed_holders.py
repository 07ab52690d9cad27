"""A real process dies while it holds one resource of each type; another one releases them."""

import signal
import subprocess
import sys

import pytest

from vespera import AsyncResourceManager, Container, TaskOrchestrator
from vespera.domain.errors import ResourceBusy
from vespera.infrastructure.resources.processes import (
    ProcessMark,
    boot_of_this_machine,
    living,
)

pytestmark = pytest.mark.crash

HOLDER = """
import asyncio, sys
from pathlib import Path
from vespera import AsyncResourceManager, Container

async def main():
    place = Path(sys.argv[1])
    async with Container(database_url=str(place / "work.db"), workspace=place) as container:
        async with container.get(AsyncResourceManager).create_session() as session:
            kinds = {
                "temporary_directory": {"directory": str(place / "scratch")},
                "file_lock": {"path": str(place / "lock")},
                "subprocess": {
                    "program": ["sh", "-c", "trap '' TERM; setsid sleep 300 & wait"],
                    "grace": 0.1,
                },
                "http_session": {},
                "database_session": {},
            }
            for kind, configuration in kinds.items():
                held = await session.create_resource(
                    resource_type=kind, configuration=configuration
                )
                if kind == "temporary_directory":
                    (held.value / "file").write_text("x")
                print(held.id, flush=True)
            print("held", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def killed(tmp_path):
    """The ids of what a process held when it was killed."""
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    lines = []
    try:
        for line in process.stdout:
            if line.strip() == "held":
                break
            lines.append(line.strip())
        else:
            pytest.fail("it ended before it held all")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
    return lines


def running_with(resource_id):
    return living(ProcessMark(resource_id, boot_of_this_machine()))


async def test_another_process_releases_what_a_killed_one_held(killed, tmp_path):
    process = killed[2]
    assert len(running_with(process)) >= 2

    async with Container(database_url=str(tmp_path / "work.db"), workspace=tmp_path) as container:
        manager = container.get(AsyncResourceManager)
        before = [await manager.verify_cleanup(each) for each in killed]
        assert [status.cleaned_up for status in before] == [False] * 5
        assert "is there" in before[0].error

        await container.get(TaskOrchestrator).run_until_idle()

        after = [await manager.verify_cleanup(each) for each in killed]
        assert [(status.cleaned_up, status.error) for status in after] == [(True, None)] * 5
        assert running_with(process) == []
        assert list((tmp_path / "scratch").iterdir()) == []
        async with manager.create_resource(
            resource_type="file_lock", configuration={"path": tmp_path / "lock", "timeout": 0}
        ):
            assert await manager.list_resources() != []


async def test_what_a_living_process_holds_is_left_to_it(tmp_path):
    settings = {"database_url": str(tmp_path / "work.db"), "workspace": tmp_path}
    lock = {"resource_type": "file_lock", "configuration": {"path": tmp_path / "l", "timeout": 0}}
    async with (
        Container(**settings) as one,
        Container(**settings) as other,
        one.get(AsyncResourceManager).create_resource(**lock) as held,
    ):
        await other.get(TaskOrchestrator).run_until_idle()
        assert list(await other.get(AsyncResourceManager).reclaim()) == []

        with pytest.raises(ResourceBusy):
            async with other.get(AsyncResourceManager).create_resource(**lock):
                pass
        status = await other.get(AsyncResourceManager).verify_cleanup(held.id)
        assert status.found
