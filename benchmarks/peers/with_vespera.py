"""Vespera: each task through the public ``run()``, proof gate and leases on.

Three durable points: created and claimed, the step's result, completed.
"""

import asyncio

from measuring import Question, asked, measure

from vespera import Container, TaskContext, TaskExecutionWorkflow, providers


async def work(task: TaskContext) -> object:
    return await task.step("work", same, task.payload["number"])


async def same(number: object) -> object:
    return number


class PeerContainer(Container):
    specialists = providers.Aggregate(worker=providers.Object(work))


async def main(question: Question) -> None:
    path = question.directory / "tasks.db"
    settings = {"database_url": str(path), "durability": question.durability}
    async with PeerContainer(settings) as container:
        run = container.get(TaskExecutionWorkflow).run

        async def one(number: int) -> object:
            return (
                await run(title="peer", specialist_type="worker", payload={"number": number})
            ).result

        await measure(question, one)


if __name__ == "__main__":
    asyncio.run(main(asked()))
