"""The stages of a task's life, each a small program.

A stage that was interrupted can be run again, and then goes on. It ``tell``s what the engine has
promised to it by returning, and its handlers leave ``effects`` in a file that the engine knows
nothing of. ``EXPECTED`` says how its tasks stand in the end.
"""

import asyncio
import itertools
import os
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from datetime import timedelta

from chaoskit.life import ChaosContainer, Place, append, container_at
from vespera import RetryPolicy, TaskContext, TaskOrchestrator, TaskResult
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists
from vespera.infrastructure.persistence.schema import APPLICATION_ID

Stage = Callable[["Hands", TaskOrchestrator], Awaitable[None]]
_serial = itertools.count(1)
LARGE = 350_000


class Hands:
    """The specialists of all stages; and what stages have in common."""

    def __init__(self, place: Place, container: ChaosContainer) -> None:
        self.place, self.clock = place, container.get(Clock)
        self.stalled = asyncio.Event()
        self.offer_to(container)

    def offer_to(self, container: ChaosContainer) -> None:
        """Be the container's specialists; again, if its parts were made anew."""
        known = container.get(Specialists)
        for handler in (self.worker, self.flaky, self.stalling, self.writer):
            known.register(handler.__name__, handler)

    async def worker(self, task: TaskContext) -> object:
        self._tell_begun(task)
        for name in ("first", "second"):
            token = await task.step(name, self._effect, task.id, name)
            self.place.tell(what="step", task=task.id, name=name, token=token)
        return await task.step("third", self._slow_effect, task.id, "third")

    async def flaky(self, task: TaskContext) -> object:
        """Fails twice: the first time in a step that is tried again, then as a whole."""
        self._tell_begun(task)
        again = RetryPolicy(max_attempts=2, delay=0.1)
        token = await task.step("tried twice", self._fail_once, task.id, "inside", retry=again)
        self.place.tell(what="step", task=task.id, name="tried twice", token=token)
        return await task.step("tried again", self._fail_once, task.id, "outside")

    async def stalling(self, task: TaskContext) -> None:
        self._tell_begun(task)
        token = await task.step("first", self._effect, task.id, "first")
        self.place.tell(what="step", task=task.id, name="first", token=token)
        self.stalled.set()
        await asyncio.Event().wait()

    async def writer(self, task: TaskContext) -> object:
        self._tell_begun(task)
        await task.files.write_text("report/one.txt", "one")
        self.place.tell(what="file", task=task.id, path="report/one.txt", text="one")
        await task.files.write_text("passing.txt", "passing")
        await task.files.delete("passing.txt")
        self.place.tell(what="file", task=task.id, path="passing.txt", text=None)
        return await task.step("last", self._effect, task.id, "last")

    async def create(
        self, orchestrator: TaskOrchestrator, task_id: str, specialist_type: str, **more: object
    ) -> TaskResult:
        """Create the task, however often this is asked for, and tell of it."""
        fields = self.request(task_id, specialist_type, **more)
        created = await orchestrator.create_task(fields)
        return self.told(created)

    def request(self, task_id: str, specialist_type: str, **more: object) -> dict[str, object]:
        return {
            "task_id": task_id,
            "title": task_id,
            "specialist_type": specialist_type,
            "idempotency_key": task_id,
            **more,
        }

    def told(self, result: TaskResult) -> TaskResult:
        """Pass on what the engine has said of a task."""
        assert result.task_id, result.error
        self.place.tell(what="task", task=result.task_id, status=result.status)
        return result

    def _tell_begun(self, task: TaskContext) -> None:
        self.place.tell(what="begun", task=task.id, attempt=task.attempt)

    def _effect(self, task_id: str, name: str) -> str:
        token = f"{os.getpid()}.{next(_serial)}"
        self.place.reach("before the effect")
        append(self.place.effects, f"{task_id}\t{name}\t{token}")
        self.place.reach("after the effect")
        return token

    async def _slow_effect(self, task_id: str, name: str) -> str:
        await self.clock.sleep(0.05)
        return self._effect(task_id, name)

    def _fail_once(self, task_id: str, name: str) -> str:
        marker = self.place.directory / f"{task_id}.{name}.failed"
        if not marker.exists():
            marker.touch()
            raise ConnectionError("not yet")
        return self._effect(task_id, name)


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
}


async def live(stage: str, place: Place, kind: type[ChaosContainer] = ChaosContainer) -> None:
    """Go through the stage, from opening the container to closing it."""
    async with container_at(place, kind) as container:
        await STAGES[stage](Hands(place, container), container.get(TaskOrchestrator))


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
