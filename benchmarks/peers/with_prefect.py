"""Prefect: one flow, each task a task run of it with its result persisted, on a server of its own.

The server keeps its states in SQLite; it sets WAL and ``synchronous=NORMAL`` itself, and has no
other setting. Alone, a task is a flow of one task run, as no task run stands without a flow.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import import_module
from pathlib import Path

from measuring import Meter, Question, asked

PATIENCE = 90
WARM_UP_TASKS = 5


def main(question: Question) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    os.environ.update(settings(question.directory, url))
    log = question.directory / "server.log"
    server = start_server(url, log)
    try:
        wait_for(url, server, log)
        asyncio.run(measured(question, server.pid))
    finally:
        server.terminate()
        server.wait(30)


async def measured(question: Question, server: int) -> None:
    prefect = import_module("prefect")

    @prefect.task
    async def same(number: int) -> int:
        return number

    @prefect.flow
    async def many(count: int) -> int:
        limit = asyncio.Semaphore(question.callers)

        async def one(number: int) -> int:
            async with limit:
                return await same(number)

        return sum(await asyncio.gather(*(one(number) for number in range(count))))

    await many(WARM_UP_TASKS)
    taken, meter = [], Meter([server])
    if question.callers == 1:
        for _ in range(question.tasks):
            started = time.perf_counter()
            await many(1)
            taken.append(time.perf_counter() - started)
    elif await many(question.tasks) != sum(range(question.tasks)):
        raise AssertionError("the tasks gave something else")
    meter.answer(question.tasks, taken)


def settings(directory: Path, url: str) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(directory),
        "PREFECT_API_URL": url,
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
        "PREFECT_LOCAL_STORAGE_PATH": str(directory / "storage"),
        "DO_NOT_TRACK": "1",
    }


def start_server(url: str, log: Path) -> subprocess.Popen[bytes]:
    port = url.rpartition(":")[2].partition("/")[0]
    options = ["server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui"]
    command = [sys.executable, "-m", "prefect", *options]
    with log.open("wb") as written_to:
        return subprocess.Popen(command, stdout=written_to, stderr=subprocess.STDOUT)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                told = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
                raise RuntimeError(f"Prefect's server did not start: {told}") from error
            time.sleep(0.25)
        else:
            return


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main(asked())
