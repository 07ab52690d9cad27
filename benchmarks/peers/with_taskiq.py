"""Taskiq on its InMemoryBroker: nothing is stored. What is lost with the process costs less."""

import asyncio

from measuring import Question, asked, measure
from taskiq import InMemoryBroker

POLL = 0.0005


async def main(question: Question) -> None:
    broker = InMemoryBroker(
        max_stored_results=question.tasks + 1000, max_async_tasks=question.callers
    )

    @broker.task
    async def same(number: int) -> int:
        return number

    async def one(number: int) -> int:
        asked_for = await same.kiq(number)
        return (await asked_for.wait_result(check_interval=POLL)).return_value

    await broker.startup()
    await measure(question, one)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main(asked()))
