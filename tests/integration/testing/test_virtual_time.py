"""Virtual time beside what is real: database threads, sockets, processes, files."""

import asyncio
import socketserver
import sys
import threading
from datetime import timedelta
from pathlib import Path

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from vespera import Container, TaskOrchestrator
from vespera.application.runtime.specialists import Specialists

pytestmark = pytest.mark.virtual_time
BUSY = (
    "with recursive r(i) as (select 1 union all select i+1 from r where i<2000)"
    " select sum(i) from r"
)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_two_hundred_timeouts_around_aiosqlite_s_thread_and_none_comes(tmp_path):
    late = 0
    async with aiosqlite.connect(tmp_path / "own.db") as connection:
        await connection.execute("create table t (x)")
        for number in range(200):
            try:
                async with asyncio.timeout(5):
                    await connection.execute("insert into t values (?)", [number])
                    await (await connection.execute(BUSY)).fetchall()
                    await connection.commit()
            except TimeoutError:
                late += 1
        rows = await (await connection.execute("select count(*) from t")).fetchall()
    assert (late, rows, now()) == (0, [(200,)], 0)


async def test_an_engine_of_the_user_s_own_is_waited_for(tmp_path):
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/own.db")

    async def work(number):
        async with asyncio.timeout(5), engine.begin() as connection:
            await connection.execute(text("insert into t values (:n)"), {"n": number})
            await connection.execute(text(BUSY))

    async with engine.begin() as connection:
        await connection.execute(text("create table t (x)"))
    for number in range(50):
        await work(number)
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from t"))).scalar() == 50
    await engine.dispose()
    assert now() == 0


@pytest.mark.parametrize("where", ["memory", "file"])
async def test_a_container_of_the_user_s_own_is_waited_for(tmp_path, where):
    url = ":memory:" if where == "memory" else f"{tmp_path}/tasks.db"
    settings = {"database_url": f"sqlite+aiosqlite:///{url}", "workspace": str(tmp_path)}
    async with Container(settings) as container:

        async def nap(task):
            await task.step("nap", asyncio.sleep, 3600)
            await task.files.write_text(f"{task.id}.txt", "rested")
            return "rested"

        container.get(Specialists).register("nap", nap)
        orchestrator = container.get(TaskOrchestrator)
        requests = [{"title": str(n), "specialist_type": "nap"} for n in range(10)]
        async with asyncio.timeout(2 * 3600):
            results = await orchestrator.run_all(requests)
    assert all(result.completed for result in results), results
    assert 3600 <= now() < 3700
    assert len(list(tmp_path.glob("*.txt"))) == 10


async def test_all_time_of_the_engine_is_virtual(async_container, clock, async_task_orchestrator):
    attempts = []

    async def flaky(task):
        attempts.append(clock.now())
        if len(attempts) < 4:
            raise ConnectionError("not yet")
        await asyncio.sleep(3600)
        return "done"

    async_container.get(Specialists).register("flaky", flaky)
    retry = {"max_attempts": 5, "delay": 86400, "multiplier": 1, "max_delay": 86400}
    start = clock.now()
    created = await async_task_orchestrator.create_task(
        {
            "title": "x",
            "specialist_type": "flaky",
            "retry": retry,
            "run_after": start + timedelta(days=7),
            "completion": "auto",
        }
    )
    await clock.advance(days=6)
    assert not attempts
    done = await async_task_orchestrator.wait_for_completion(created.task_id, timeout=30 * 86400)
    assert done.result == "done"
    assert attempts[0] == start + timedelta(days=7)
    assert attempts[-1] - attempts[0] >= timedelta(days=1)


async def test_a_server_and_its_client_on_the_same_loop_talk_without_time_passing():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    async with server:
        for _ in range(20):
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
                writer.close()
                await writer.wait_closed()
        assert now() == 0
        await asyncio.sleep(3600)
    assert now() == 3600


async def test_a_server_in_a_thread_is_given_the_time_it_needs():
    class Echo(socketserver.StreamRequestHandler):
        def handle(self):
            while line := self.rfile.readline():
                self.wfile.write(line)

    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        asyncio.get_running_loop().grace = 2.0  # the machine may be slow
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(*server.server_address)
            for _ in range(5):
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
        assert now() == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):  # nothing more will come
                await reader.readline()
        writer.close()
        await writer.wait_closed()
        await asyncio.to_thread(server.shutdown)
        serving.join()


async def test_a_child_process_is_waited_for():
    asyncio.get_running_loop().patience = 60.0  # the machine may be slow
    async with asyncio.timeout(50):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(input() * 2)", stdin=-1, stdout=-1
        )
        output, _ = await child.communicate(b"ab\n")
    assert (output, child.returncode) == (b"abab\n", 0)


async def test_a_file_may_be_read_in_a_thread(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("text")
    async with asyncio.timeout(1):
        assert await asyncio.to_thread(Path.read_text, path) == "text"
    assert now() == 0
