"""Stages in which somebody looks after the work: gates, schedules, pauses, purges, drains."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from chaoskit.tools import Tools
from vespera import TaskContext, TaskOrchestrator
from vespera.application.runtime.schedule_book import ScheduleResult

HOUR, DAY = 3600.0, 86_400.0
MANY = 5
MOST_ROUNDS = 100
LARGE = 3000


class Keepers(Tools):
    """Specialists whose work is looked after."""

    trades = ("helper", "halting", "counting", "bulky")

    async def helper(self, task: TaskContext) -> str:
        self.tell_begun(task)
        return await self.did(task, "only")

    async def halting(self, task: TaskContext) -> str:
        """Is paused in the middle of a step, and goes on behind it."""
        self.tell_begun(task)
        token = await task.step("first", self._pausing, task.id)
        self.place.tell(what="step", task=task.id, name="first", token=token)
        return await self.did(task, "last")

    async def counting(self, task: TaskContext) -> str:
        self.tell_begun(task)
        task.progress(1, 3)
        token = await task.step("beating", self._beating, task)
        self.place.tell(what="step", task=task.id, name="beating", token=token)
        task.progress(2, 3)
        return await self.did(task, "last")

    async def bulky(self, task: TaskContext) -> str:
        """Has large results, and no effect: it is done again if it was purged."""
        self.tell_begun(task)
        return await task.step("large", lambda: "r" * LARGE)

    async def _pausing(self, task_id: str) -> str:
        token = self.effect(task_id, "first")
        if self.is_first_time(f"{task_id}.paused"):
            await self.orchestrator.pause_task(task_id)
        return token

    async def _beating(self, task: TaskContext) -> str:
        await task.heartbeat("half")
        token = self.effect(task.id, "beating")
        await task.heartbeat("all")
        return token


async def gate(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """A type that is limited, and paused for a while."""
    hands.specialists.register("limited", hands.helper, max_concurrent=1)
    paused = hands.place.tell
    paused(what="changing", subject="limited")
    assert (await orchestrator.pause_type("limited")).success
    paused(what="gate", subject="limited", paused=True)
    for number in range(3):
        await hands.create(orchestrator, f"limited {number}", "limited", completion="auto")
    await orchestrator.run_until_idle()
    paused(what="changing", subject="limited")
    assert (await orchestrator.resume_type("limited")).success
    paused(what="gate", subject="limited", paused=False)
    await orchestrator.run_until_idle()
    for number in range(3):
        await hands.stands(orchestrator, f"limited {number}")


async def pause(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """One task is paused before it begins, the other in its middle."""
    await hands.create(orchestrator, "held back", "helper", completion="auto")
    await hands.create(orchestrator, "halted", "halting", completion="auto")
    hands.told(await orchestrator.pause_task("held back"))
    for _ in range(MOST_ROUNDS):
        await orchestrator.run_until_idle()
        stand = [await hands.stands(orchestrator, name) for name in ("held back", "halted")]
        if all(task.finished for task in stand):
            return
        for task in stand:
            hands.told(await orchestrator.resume_task(str(task.task_id)))
    raise AssertionError("they do not come to their end")


async def schedule(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """Days pass: the moments of a schedule get their tasks; then it is removed."""
    marker = hands.place.directory / "unscheduling"
    if not marker.exists():
        rounds = {"every": DAY, "catch_up": "all", "specialist_type": "helper", "title": "round"}
        _told(hands, await orchestrator.schedule("rounds", **rounds))
        hands.clock.set_ahead(2.5 * DAY)  # type: ignore[attr-defined]
        await orchestrator.run_until_idle()
        if len((await orchestrator.tasks()).tasks) < 3:
            hands.told(await orchestrator.trigger("rounds"))
        hands.place.tell(what="changing", subject="rounds")
        _told(hands, await orchestrator.pause_schedule("rounds"))
        hands.place.tell(what="changing", subject="rounds")
        _told(hands, await orchestrator.resume_schedule("rounds"))
        marker.touch()
    hands.clock.set_ahead(2.5 * DAY)  # type: ignore[attr-defined]
    hands.place.tell(what="changing", subject="rounds")
    await orchestrator.unschedule("rounds")
    hands.place.tell(what="schedule", subject="rounds", stands="gone")
    await orchestrator.run_until_idle()


def _told(hands: Keepers, done: ScheduleResult) -> None:
    """A schedule that an earlier life had paused stays so, though it is put there again."""
    assert done.success, done.error
    assert done.schedule is not None
    stands = "paused" if done.schedule.paused else "there"
    hands.place.tell(what="schedule", subject="rounds", stands=stands)


async def purge(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """What is over is removed by hand: tasks with all that hangs on them, and events."""
    marker = hands.place.directory / "purging"
    await hands.create(orchestrator, "kept", "a person")
    if not marker.exists():
        for number in range(MANY):
            before = [f"old {number - 1}"] if number else []
            how = {"completion": "auto", "depends_on": before}
            await hands.create(orchestrator, f"old {number}", "counting", **how)
        await orchestrator.run_until_idle()
        marker.touch()
    hands.place.tell(what="purging", task="old")
    await hands.clock.sleep(1)
    purged = await orchestrator.purge(timedelta(seconds=0.5))
    assert purged.success, purged.error
    hands.place.tell(what="purged", task="old")


async def retention(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """The same by the worker, beside its work."""
    await hands.create(orchestrator, "kept", "a person")
    for number in range(MANY):
        await hands.create(orchestrator, f"passing {number}", "helper", completion="auto")
    await orchestrator.run_until_idle()
    hands.place.tell(what="purging", task="passing")
    hands.clock.set_ahead(HOUR)  # type: ignore[attr-defined]
    await orchestrator.start()
    for _ in range(MOST_ROUNDS):
        if len((await orchestrator.tasks()).tasks) == 1:
            break
        await hands.clock.sleep(1)
    await orchestrator.stop(drain=10)
    hands.place.tell(what="purged", task="passing")


async def progress(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """Progress, heartbeats, and all events, which are told on once they are read."""
    await hands.create(orchestrator, "counted", "counting", completion="auto")
    await orchestrator.run_until_idle()
    async for event in orchestrator.events("counted"):
        hands.place.tell(what="event", task="counted", id=event.id, type=event.type)
    await hands.stands(orchestrator, "counted")


async def drain(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """What is under way may end; what does not is interrupted, and pending again."""
    await hands.create(orchestrator, "may end", "worker", completion="auto")
    await orchestrator.start()
    await orchestrator.stop(drain=100.0)
    hands.told(await orchestrator.wait_for_completion("may end"))  # if it had not begun
    await hands.create(orchestrator, "broken off", "stalling")
    await orchestrator.start()
    await hands.stalled.wait()  # alone: one that has crashed twice is run so
    await orchestrator.stop(drain=1.0)
    await hands.stands(orchestrator, "broken off")


async def large(hands: Keepers, orchestrator: TaskOrchestrator) -> None:
    """Values in files beside the database, until nothing refers to them; then the same again."""
    payload = {"payload": {"large": "v" * LARGE}}
    await hands.create(orchestrator, "kept large", "a person", payload={"large": "k" * LARGE})
    await hands.create(orchestrator, "passing large", "bulky", completion="auto", **payload)
    await orchestrator.run_until_idle()
    hands.place.tell(what="purging", task="passing large")
    await hands.clock.sleep(1)
    purged = await orchestrator.purge(timedelta(seconds=0.5))
    assert purged.success, purged.error
    hands.place.tell(what="purged", task="passing large")
    await hands.archive.sweep(datetime.now(UTC) + timedelta(hours=1))
    await hands.create(orchestrator, "large again", "a person", **payload)
    await orchestrator.run_until_idle()


STAGES = {
    "gate": gate,
    "pause": pause,
    "schedule": schedule,
    "purge": purge,
    "retention": retention,
    "progress": progress,
    "drain": drain,
    "large": large,
}
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "retention": {"retention": {"completed": 0.5 * HOUR, "events": 0.5 * HOUR}},
    "progress": {"events": "all"},
    "purge": {"events": "all"},
    "large": {"spill_above": LARGE // 2},
}
"""With which settings of the container a stage is lived, beside the usual ones."""
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "gate": {f"limited {number}": "completed" for number in range(3)},
    "pause": {"held back": "completed", "halted": "completed"},
    "schedule": {"round 1": "completed", "round 2": "completed", "round 3": "completed"},
    "purge": {"kept": "assigned"},
    "retention": {"kept": "assigned"},
    "progress": {"counted": "completed"},
    "drain": {"broken off": "pending", "may end": "completed"},
    "large": {"kept large": "assigned", "large again": "assigned"},
}
