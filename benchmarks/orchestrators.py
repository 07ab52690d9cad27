"""What a crew costs over the plain durable steps, or tasks, that do the same.

    python benchmarks/orchestrators.py [--agents N] [--rounds R] [--json FILE]

A ``ParallelOrchestrator`` runs N agents that do nothing: as steps of a task, and as a task of its
own. Two baselines do as much without it: a handler with N steps in a ``TaskGroup``, so many
at a time; and N tasks with one step each. All measures take turns in each round, each in a file of
its own; ratios are medians of the rounds' own ratios.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from machine import machine, show

from vespera import (
    Container,
    DirectAdapter,
    ParallelOrchestrator,
    TaskContext,
    TaskExecutionWorkflow,
    TaskOrchestrator,
    providers,
)

BUILD = Path("build")
AT_A_TIME = 100


async def answer(_given: object = None) -> int:
    return 42


async def one_step(task: TaskContext) -> int:
    return await task.step("work", answer)


async def plain_steps(task: TaskContext) -> None:
    turns = asyncio.Semaphore(AT_A_TIME)

    async def one(number: int) -> None:
        async with turns:
            await task.step(f"agent {number}", answer)

    async with asyncio.TaskGroup() as group:
        for number in range(task.payload["agents"]):
            group.create_task(one(number))


async def crew_steps(task: TaskContext) -> None:
    adapter = crew_of(task.payload["agents"])
    result = await ParallelOrchestrator(max_concurrent=AT_A_TIME).execute(
        "it", adapter, within=task
    )
    assert result.success, result.error


def crew_of(agents: int) -> DirectAdapter:
    adapter = DirectAdapter("crew")
    for number in range(agents):
        adapter.register_agent(f"agent {number}", answer)
    return adapter


class BenchContainer(Container):
    specialists = providers.Aggregate(
        one=providers.Object(one_step),
        plain=providers.Object(plain_steps),
        steps=providers.Object(crew_steps),
    )


async def as_steps(container: Container, agents: int, kind: str) -> None:
    workflow = container.get(TaskExecutionWorkflow)
    ended = await workflow.run(title="bench", specialist_type=kind, payload={"agents": agents})
    assert ended.completed, ended.error


async def as_tasks(container: Container, agents: int) -> None:
    requests = [{"title": "bench", "specialist_type": "one"} for _ in range(agents)]
    ended = await container.get(TaskOrchestrator).run_all(requests)
    assert all(each.completed for each in ended)


async def as_its_own_task(container: Container, agents: int) -> None:
    result = await container.get(ParallelOrchestrator).execute("it", crew_of(agents))
    assert result.success, result.error


MEASURES: dict[str, Callable[[Container, int], Awaitable[None]]] = {
    "plain steps": lambda container, agents: as_steps(container, agents, "plain"),
    "crew, as steps": lambda container, agents: as_steps(container, agents, "steps"),
    "crew, as a task of its own": as_its_own_task,
    "plain tasks": as_tasks,
}


async def measured(path: Path, durability: str, name: str, agents: int) -> float:
    """Seconds of wall time."""
    settings = {"database_url": str(path), "durability": durability, "concurrency": AT_A_TIME}
    async with BenchContainer(settings) as container:
        workflow = container.get(TaskExecutionWorkflow)
        await workflow.run(title="warm", specialist_type="one")
        started = time.perf_counter()
        await MEASURES[name](container, agents)
        return time.perf_counter() - started


def one_round(agents: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    for durability in ("full", "normal"):
        seconds = {}
        for name in MEASURES:
            with tempfile.TemporaryDirectory(dir=BUILD, prefix="orchestrators-") as directory:
                path = Path(directory) / "bench.db"
                seconds[name] = asyncio.run(measured(path, durability, name, agents))
            figures[f"{durability}: {name}, ms"] = seconds[name] * 1000
        for name in ("crew, as steps", "crew, as a task of its own"):
            for baseline in ("plain steps", "plain tasks"):
                ratio = seconds[name] / seconds[baseline]
                figures[f"{durability}: {name} over {baseline}"] = ratio
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every round's figures")
    given = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    described = machine(BUILD)
    show(described)
    rounds = [one_round(given.agents) for _ in range(given.rounds)]
    for name in rounds[0]:
        print(f"{name:58} {statistics.median(r[name] for r in rounds):12,.3f}")
    if given.json:
        kept = {"machine": described, "agents": given.agents, "rounds": rounds}
        given.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
