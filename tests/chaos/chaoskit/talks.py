"""Stages in which tasks wait: for moments, for signals and people, for their children; and take
back what they have done.
"""

from collections.abc import Mapping

from chaoskit.tools import Tools
from vespera import TaskContext, TaskOrchestrator


class Waiters(Tools):
    """Specialists who wait."""

    trades = ("sleeper", "listener", "asker", "parent", "part", "traveller")

    async def sleeper(self, task: TaskContext) -> object:
        """Rests for a moment, and then for so long that it is let go of."""
        self.tell_begun(task)
        await self.did(task, "first")
        await task.sleep(0.25)
        await self.did(task, "between")
        await task.sleep(5, name="sleep for long")
        return await self.did(task, "last")

    async def listener(self, task: TaskContext) -> object:
        self.tell_begun(task)
        await self.did(task, "first")
        said = [await task.wait_for_signal("go", returns=int) for _ in range(2)]
        await self.did(task, "last")
        return said

    async def asker(self, task: TaskContext) -> object:
        self.tell_begun(task)
        await self.did(task, "first")
        decided = await task.wait_for_approval("May I?", timeout=36_000)
        return await self.did(task, "go" if decided.approved else "stay")

    async def parent(self, task: TaskContext) -> object:
        """Has two children that come to their end, and one that it outlives."""
        self.tell_begun(task)
        children = [
            await task.spawn(
                task_id=name, title=name, specialist_type="part", priority=n, returns=str
            )
            for n, name in enumerate(("one part", "another part"))
        ]
        left = await task.spawn(task_id="left", title="left", specialist_type="listener")
        for child in (*children, left):
            self.place.tell(what="task", task=child.id, status="pending")
        await task.gather(*children)
        return await self.did(task, "whole")

    async def part(self, task: TaskContext) -> str:
        self.tell_begun(task)
        return await self.did(task, "part")

    async def traveller(self, task: TaskContext) -> None:
        """Books what it cannot use."""
        self.tell_begun(task)
        for name in ("hotel", "train"):

            def undo(_token: str, name: str = name) -> None:
                self.effect(task.id, f"undo {name}")

            token = await task.step(name, self.effect, task.id, name, undo=undo)
            self.place.tell(what="step", task=task.id, name=name, token=token)
        if task.payload.get("patient"):
            await task.wait_for_signal("never")
        raise RuntimeError("the flight is full")


async def sleep(hands: Waiters, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "sleeping", "sleeper", completion="auto")
    hands.told(await orchestrator.wait_for_completion("sleeping"))


async def signal(hands: Waiters, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "listening", "listener", completion="auto")
    await _send(hands, orchestrator, "listening", "before it asks")
    await orchestrator.start()
    if await hands.until_it_waits(orchestrator, "listening"):
        await _send(hands, orchestrator, "listening", "while it waits")
    hands.told(await orchestrator.wait_for_completion("listening"))


async def _send(
    hands: Waiters, orchestrator: TaskOrchestrator, task_id: str, signal_id: str
) -> None:
    sent = await orchestrator.signal(task_id, "go", 17, signal_id=signal_id)
    assert sent.success, sent.error
    hands.place.tell(what="signal", task=task_id, id=sent.signal_id)


async def approval(hands: Waiters, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "allowed", "asker", completion="auto")
    await hands.create(orchestrator, "forbidden", "asker", completion="auto")
    await orchestrator.start()
    for task_id, decide in (("allowed", orchestrator.approve), ("forbidden", orchestrator.reject)):
        if await hands.until_it_waits(orchestrator, task_id):
            said = await decide(task_id, by="a person")
            assert said.success, said.error
            hands.place.tell(what="signal", task=task_id, id=said.signal_id)
        hands.told(await orchestrator.wait_for_completion(task_id))


async def children(hands: Waiters, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "family", "parent", completion="auto")
    await orchestrator.run_until_idle()
    for task_id in ("family", "one part", "another part", "left"):
        await hands.stands(orchestrator, task_id)


async def undo(hands: Waiters, orchestrator: TaskOrchestrator) -> None:
    await hands.create(orchestrator, "in vain", "traveller", completion="auto")
    patient = {"payload": {"patient": True}, "completion": "auto"}
    await hands.create(orchestrator, "called back", "traveller", **patient)
    await orchestrator.start()
    hands.told(await orchestrator.wait_for_completion("in vain"))
    if await hands.until_it_waits(orchestrator, "called back"):
        hands.told(await orchestrator.cancel_task("called back", "he stays at home"))
    hands.told(await orchestrator.wait_for_completion("called back"))


STAGES = {
    "sleep": sleep,
    "signal": signal,
    "approval": approval,
    "children": children,
    "undo": undo,
}
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "sleep": {"sleeping": "completed"},
    "signal": {"listening": "completed"},
    "approval": {"allowed": "completed", "forbidden": "completed"},
    "children": {
        "family": "completed",
        "one part": "completed",
        "another part": "completed",
        "left": "cancelled",
    },
    "undo": {"in vain": "failed", "called back": "cancelled"},
}
