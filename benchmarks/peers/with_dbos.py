"""DBOS: a workflow of one step, on its SQLite store.

``full``: as documented. DBOS sets no journal pragma, so SQLite keeps a rollback journal and flushes
at each commit. ``normal``: WAL and synchronous=NORMAL, which DBOS does not document; we set both
from outside. Variant ``threads``: synchronous workflows in up to four threads.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy
from dbos import DBOS
from measuring import Question, asked, measure

MOST_THREADS = 4


@DBOS.step()
async def step(number: int) -> int:
    return number


@DBOS.workflow()
async def workflow(number: int) -> int:
    return await step(number)


@DBOS.step()
def blocking_step(number: int) -> int:
    return number


@DBOS.workflow()
def blocking_workflow(number: int) -> int:
    return blocking_step(number)


def set_light_durability(path: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=wal")

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
    def _light(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")


async def main(question: Question) -> None:
    path = str(question.directory / "dbos.sqlite")
    if question.durability == "normal":
        set_light_durability(path)
    url = f"sqlite:///{path}"
    config = {"name": "peer", "system_database_url": url, "log_level": "ERROR"}
    DBOS(config={**config, "run_admin_server": False})
    DBOS.launch()
    try:
        if question.variant == "threads":
            await with_threads(question)
        else:
            await measure(question, workflow)
    finally:
        DBOS.destroy()


async def with_threads(question: Question) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(min(question.callers, MOST_THREADS)) as threads:

        async def one(number: int) -> int:
            return await loop.run_in_executor(threads, blocking_workflow, number)

        await measure(question, one)


if __name__ == "__main__":
    asyncio.run(main(asked()))
