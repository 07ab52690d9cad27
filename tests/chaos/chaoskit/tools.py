"""What the specialists of all stages have in common."""

import asyncio
import itertools
import os

from chaoskit.life import ChaosContainer, Place, append
from vespera import TaskContext, TaskOrchestrator, TaskResult
from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.clock import Clock
from vespera.application.runtime.specialists import Specialists

_serial = itertools.count(1)
MOST_LOOKS = 10_000


class Tools:
    """Tells what was promised, leaves effects behind, asks for tasks.

    A subclass names its specialists in ``trades``: each is a method, and a type.
    """

    trades: tuple[str, ...] = ()

    def __init__(self, place: Place, container: ChaosContainer) -> None:
        self.place = place
        self.stalled = asyncio.Event()
        self.offer_to(container)

    def offer_to(self, container: ChaosContainer) -> None:
        """Be the container's specialists; again, if its parts were made anew."""
        self.clock = container.get(Clock)
        self.specialists = container.get(Specialists)
        self.orchestrator = container.get(TaskOrchestrator)
        self.archive = container.get(TaskArchive)
        for kind in type(self).__mro__:
            for trade in vars(kind).get("trades", ()):
                self.specialists.register(trade, getattr(self, trade))

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

    async def stands(self, orchestrator: TaskOrchestrator, task_id: str) -> TaskResult:
        """Ask how the task stands, and tell of it."""
        return self.told(await orchestrator.get_task_status(task_id))

    async def until_it_waits(self, orchestrator: TaskOrchestrator, task_id: str) -> bool:
        """Whether the task waits for something, once it does; or else it has come further."""
        for _ in range(MOST_LOOKS):
            stands = await orchestrator.get_task_status(task_id)
            if stands.status not in {"pending", "running"}:
                return stands.status == "waiting"
            await self.clock.sleep(0.25)
        raise AssertionError(f"{task_id} does not come to wait")

    async def did(self, task: TaskContext, name: str) -> str:
        """Do the task's step, which is an effect, and tell of it once it is recorded."""
        token = await task.step(name, self.effect, task.id, name)
        self.place.tell(what="step", task=task.id, name=name, token=token)
        return token

    def tell_begun(self, task: TaskContext) -> None:
        self.place.tell(what="begun", task=task.id, attempt=task.attempt)

    def effect(self, task_id: str, name: str) -> str:
        token = f"{os.getpid()}.{next(_serial)}"
        self.place.reach("before the effect")
        append(self.place.effects, f"{task_id}\t{name}\t{token}")
        self.place.reach("after the effect")
        return token

    async def slow_effect(self, task_id: str, name: str) -> str:
        await self.clock.sleep(0.05)
        return self.effect(task_id, name)

    def fail_once(self, task_id: str, name: str) -> str:
        if self.is_first_time(f"{task_id}.{name}.failed"):
            raise ConnectionError("not yet")
        return self.effect(task_id, name)

    def is_first_time(self, name: str) -> bool:
        """Whether nobody has asked this before, in any life."""
        marker = self.place.directory / name
        if marker.exists():
            return False
        marker.touch()
        return True
