"""The stages of a task's life, each a small program.

A stage that was interrupted can be run again, and then goes on. It ``tell``s what the engine has
promised to it by returning, and its handlers leave ``effects`` in a file that the engine knows
nothing of. ``EXPECTED`` says how its tasks stand in the end.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from datetime import timedelta

from chaoskit import rounds, talks
from chaoskit.life import ChaosContainer, Place, container_at
from chaoskit.rounds import Keepers
from chaoskit.talks import Waiters
from vespera import RetryPolicy, TaskContext, TaskOrchestrator
from vespera.infrastructure.persistence.schema import APPLICATION_ID

Stage = Callable[["Hands", TaskOrchestrator], Awaitable[None]]
LARGE = 350_000


class Hands(Waiters, Keepers):
    """The specialists of all stages."""

    trades = ("worker", "flaky", "stalling", "writer")

    async def worker(self, task: TaskContext) -> object:
        self.tell_begun(task)
        for name in ("first", "second"):
            await self.did(task, name)
        return await task.step("third", self.slow_effect, task.id, "third")

    async def flaky(self, task: TaskContext) -> object:
        """Fails twice: the first time in a step that is tried again, then as a whole."""
        self.tell_begun(task)
        again = RetryPolicy(max_attempts=2, delay=0.1)
        token = await task.step("tried twice", self.fail_once, task.id, "inside", retry=again)
        self.place.tell(what="step", task=task.id, name="tried twice", token=token)
        return await task.step("tried again", self.fail_once, task.id, "outside")

    async def stalling(self, task: TaskContext) -> None:
        self.tell_begun(task)
        await self.did(task, "first")
        self.stalled.set()
        await asyncio.Event().wait()

    async def writer(self, task: TaskContext) -> object:
        self.tell_begun(task)
        await task.files.write_text("report/one.txt", "one")
        self.place.tell(what="file", task=task.id, path="report/one.txt", text="one")
        await task.files.write_text("passing.txt", "passing")
        await task.files.delete("passing.txt")
        self.place.tell(what="file", task=task.id, path="passing.txt", text=None)
        return await task.step("last", self.effect, task.id, "last")


async def create(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "alone", "worker")
    chain = [
        hands.request("parent", "worker"),
        hands.request("child", "worker", depends_on=["parent"], parent_id="alone"),
    ]
    for created in await orchestrator.create_tasks(chain):
        hands.told(created)


async def claim(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "claimed", "worker")
    await hands.create(orchestrator, "claimed too", "worker")
    hands.told(await orchestrator.execute_task("claimed"))
    await orchestrator.run_until_idle()


async def step(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    hands.told(await orchestrator.run(hands.request("stepping", "worker")))


async def retry(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    policy = {"max_attempts": 4, "delay": 0.2}
    hands.told(await orchestrator.run(hands.request("retried", "flaky", retry=policy)))


async def timer(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    known = await orchestrator.get_task_status("delayed")
    if known.task_id is None:
        due = hands.clock.now() + timedelta(seconds=0.5)
        request = {**hands.request("delayed", "worker"), "run_after": due, "completion": "auto"}
        del request["idempotency_key"]
        known = await orchestrator.create_task(request)
    hands.told(known)
    await orchestrator.run_until_idle()
    hands.told(await orchestrator.get_task_status("delayed"))


async def complete(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "signed", "worker")
    await hands.create(orchestrator, "after it", "worker", depends_on=["signed"], completion="auto")
    hands.told(await orchestrator.execute_task("signed"))
    hands.told(await orchestrator.complete_task("signed", summary="done"))
    hands.told(await orchestrator.wait_for_completion("after it"))


async def hand_over(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    hands.told(await orchestrator.run(hands.request("handed over", "a person")))
    hands.told(await orchestrator.complete_task("handed over", summary="a person did it"))


async def cancel(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "never begun", "worker")
    hands.told(await orchestrator.cancel_task("never begun", "not wanted"))
    created = await hands.create(orchestrator, "called off", "stalling")
    if created.status != "cancelled":
        await orchestrator.start()
        await hands.stalled.wait()
        await orchestrator.stop()
    hands.told(await orchestrator.cancel_task("called off", "enough"))


async def files(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    hands.told(await orchestrator.run(hands.request("writing", "writer")))


async def shutdown(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "broken off", "stalling")
    await orchestrator.start()
    await hands.stalled.wait()


async def checkpoint(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    """The log grows so large that it is moved into the file in the middle of the work."""
    for number in range(14):
        payload = {"large": "x" * LARGE}
        await hands.create(orchestrator, f"large {number}", "a person", payload=payload)


async def migrate(hands: Hands, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "first", "worker")


STAGES: Mapping[str, Stage] = {
    "create": create,
    "claim": claim,
    "step": step,
    "retry": retry,
    "timer": timer,
    "complete": complete,
    "hand-over": hand_over,
    "cancel": cancel,
    "files": files,
    "shutdown": shutdown,
    "migrate": migrate,
    "checkpoint": checkpoint,
    **talks.STAGES,
    **rounds.STAGES,
}
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "create": {"alone": "pending", "parent": "pending", "child": "pending"},
    "claim": {"claimed": "executed", "claimed too": "executed"},
    "step": {"stepping": "completed"},
    "retry": {"retried": "completed"},
    "timer": {"delayed": "completed"},
    "complete": {"signed": "completed", "after it": "completed"},
    "hand-over": {"handed over": "completed"},
    "cancel": {"never begun": "cancelled", "called off": "cancelled"},
    "files": {"writing": "completed"},
    "shutdown": {"broken off": "pending"},
    "migrate": {"first": "pending"},
    "checkpoint": {f"large {number}": "pending" for number in range(14)},
    **talks.EXPECTED,
    **rounds.EXPECTED,
}


async def live(stage: str, place: Place, kind: type[ChaosContainer] = ChaosContainer) -> None:
    """Go through the stage, from opening the container to closing it."""
    async with stage_set(stage, place, kind) as container:
        await STAGES[stage](Hands(place, container), container.get(TaskOrchestrator))


def stage_set(stage: str, place: Place, kind: type[ChaosContainer]) -> ChaosContainer:
    """The container that the stage is lived in."""
    return container_at(place, kind, **rounds.SETTINGS.get(stage, {}))


def prepare(stage: str, place: Place) -> None:
    """What is there before the stage: a database, a file of an older version, or none at all."""
    place.put_in_order()
    if stage == "create":
        return
    if stage != "migrate":
        asyncio.run(_opened(place))
        return
    with closing(sqlite3.connect(place.database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )


async def _opened(place: Place) -> None:
    async with container_at(place):
        """The database has its tables now."""
