"""A real process with real requests, which is stopped and killed in the middle of them."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from project_service.__main__ import main
from project_service.container import ServiceContainer
from project_service.offline import offline_model
from vespera import TaskOrchestrator

KEY = {"X-API-Key": "key"}
REQUESTS = 30
EXAMPLES = Path(__file__).parents[2]


class Server:
    """The service, started by its own command."""

    def __init__(self, home):
        self.home = home

    async def start(self):
        command = [sys.executable, "-m", "project_service", "--home", self.home, "--port", "0"]
        self.process = await asyncio.create_subprocess_exec(
            *command,
            cwd=EXAMPLES,
            env={**os.environ, "PROJECT_SERVICE_API_KEYS": "key"},
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        self.log = ""
        while not (found := re.search(r"running on (http://[\d.:]+)", self.log)):
            line = await self.process.stderr.readline()
            assert line, self.log
            self.log += line.decode()
        return found[1]

    async def stop(self, number):
        self.process.send_signal(number)
        self.log += (await self.process.stderr.read()).decode()
        return await self.process.wait()


@pytest.fixture
async def server(tmp_path):
    server = Server(tmp_path)
    yield server
    if server.process.returncode is None:
        await server.stop(signal.SIGKILL)


def test_a_home_that_cannot_be_made_is_told_in_a_line(tmp_path):
    (tmp_path / "file").write_text("in the way")

    told = CliRunner().invoke(main, ["--home", str(tmp_path / "file/home")])

    assert told.exit_code == 1
    assert "it cannot be made" in told.output


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--api-key", ""], 2, "an empty key would let nobody in"),
        (["--api-key", "key"], 1, "service.db: the file is no database"),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_a_line(tmp_path, options, status, told):
    (tmp_path / "service.db").write_text("no database, however long this is; " * 10)

    said = CliRunner().invoke(main, ["--home", str(tmp_path), "--port", "0", *options])

    assert said.exit_code == status
    assert told in said.output
    assert "Traceback" not in said.output


async def acknowledged(caller, stop):
    """Ask for many things at once, and stop the service in the middle; gives what it took."""
    taken = []

    async def ask(number):
        form = {"kind": "summary", "title": f"t{number}", "text": "A ship came in."}
        try:
            answer = await caller.post("/projects/harbour/tasks", json=form)
        except httpx.TransportError:
            return
        if answer.status_code == 201:
            taken.append(answer.json()["id"])
        if len(taken) == REQUESTS // 3 and not stop.done():
            stop.set_result(None)

    await asyncio.gather(*[ask(number) for number in range(REQUESTS)])
    return taken


KILLED = pytest.param(signal.SIGKILL, -9, marks=pytest.mark.chaos)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), KILLED])
async def test_nothing_that_was_acknowledged_is_lost(server, tmp_path, number, status):
    url = await server.start()
    reached, begun = (asyncio.get_running_loop().create_future() for _ in range(2))

    async def end():
        await asyncio.gather(reached, begun)
        return await server.stop(number)

    limits = httpx.Limits(max_connections=5)
    async with httpx.AsyncClient(base_url=url, headers=KEY, verify=False, limits=limits) as caller:
        form = {"name": "harbour", "title": "The harbour"}
        assert (await caller.post("/projects", json=form)).status_code == 201
        following = asyncio.create_task(follow(caller, begun))
        ending = asyncio.create_task(end())
        taken = await acknowledged(caller, reached)
        assert await following == (status == 0)

    assert await ending == status, server.log
    assert "timeout graceful shutdown exceeded" not in server.log
    assert len(taken) >= REQUESTS // 3
    assert await unfinished(tmp_path, taken) == []


async def follow(caller, begun):
    """Follow a task that has no end; whether the stream was ended in good order."""
    form = {"kind": "minutes", "title": "A meeting"}
    task = (await caller.post("/projects/harbour/tasks", json=form)).headers["Location"]
    try:
        async with caller.stream("GET", f"{task}/events") as answer:
            async for _ in answer.aiter_lines():
                if not begun.done():
                    begun.set_result(task)
    except httpx.TransportError:
        return False
    return True


async def unfinished(home, taken):
    """What the next life does not bring to its end."""
    async with (
        offline_model() as model,
        ServiceContainer(
            database_url=f"sqlite+aiosqlite:///{home / 'service.db'}",
            workspace=str(home / "workspace"),
            model_url=model.base_url,
            api_keys=("key",),
        ) as container,
    ):
        orchestrator = container.get(TaskOrchestrator)
        stands = [await orchestrator.wait_for_completion(task_id, timeout=60) for task_id in taken]
        return [stand for stand in stands if not stand.completed]
