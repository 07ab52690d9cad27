"""Signals, schedules, pauses, purges, children, waits, undoing and drains, cancelled at each of
their suspensions: all or nothing, and nothing is left over.
"""

import asyncio

import pytest
from chaoskit.cancelling import Stage, swept, unfinished

from vespera.application.runtime.specialists import Specialists

EVERY = {"every": 3600, "title": "round", "specialist_type": "helper", "task_id": None}


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    known = stage.container.get(Specialists)
    known.register("parents", parents)
    known.register("napper", napper)
    return stage


async def parents(task):
    """Has two children of its own."""
    children = [
        await task.spawn(task_id=f"{task.id} {n}", title=f"child {n}", specialist_type="part")
        for n in range(2)
    ]
    return await task.gather(*children)


async def napper(task):
    await task.sleep(0.25)
    return await task.step("after", lambda: "rested")


# What is done to them, and what is there before.


async def signal(stage, name):
    await stage.orchestrator.signal(name, "go", 17, signal_id=name)


async def approve(stage, name):
    await stage.orchestrator.approve(name, by="a person")


async def reject(stage, name):
    await stage.orchestrator.reject(name, by="a person")


async def schedule(stage, name):
    await stage.orchestrator.schedule(name, **EVERY)


async def unschedule(stage, name):
    await stage.orchestrator.unschedule(name)


async def pause_schedule(stage, name):
    await stage.orchestrator.pause_schedule(name)


async def resume_schedule(stage, name):
    await stage.orchestrator.resume_schedule(name)


async def trigger(stage, name):
    await stage.orchestrator.trigger(name)


async def fire(stage, name):
    """A worker sees that many moments have come."""
    stage.hands.clock.set_ahead(stage.hands.clock.set_by + 3 * 3600)
    await stage.orchestrator.run_until_idle()


async def pause_type(stage, name):
    await stage.orchestrator.pause_type(name)


async def resume_type(stage, name):
    await stage.orchestrator.resume_type(name)


async def pause_task(stage, name):
    await stage.orchestrator.pause_task(name)


async def resume_task(stage, name):
    await stage.orchestrator.resume_task(name)


async def look(stage, name):
    orchestrator = stage.orchestrator
    await orchestrator.tasks(status="completed", limit=3)
    await orchestrator.count_tasks()
    await orchestrator.schedules()
    await orchestrator.paused_types()
    await orchestrator.newest_event()
    async for _ in orchestrator.events(name):
        """Until the task is finished."""


async def purge(stage, name):
    await stage.orchestrator.purge(0.0)


async def execute(stage, name):
    await stage.orchestrator.execute_task(name)


async def complete(stage, name):
    await stage.orchestrator.wait_for_completion(name)


async def drain(stage, name):
    await stage.orchestrator.stop(drain=0.5)


async def nothing_before(stage, name):
    """The use case begins with nothing."""


async def listening(stage, name):
    await stage.created(name, "listener", completion="auto")


async def signalled(stage, name):
    await stage.created(name, "listener")
    for number in range(2):
        await stage.orchestrator.signal(name, "go", number)


async def asking(stage, name):
    await stage.created(name, "asker", completion="auto")


async def planned(stage, name):
    await schedule(stage, name)


async def planned_and_paused(stage, name):
    await schedule(stage, name)
    await pause_schedule(stage, name)


async def paused_type(stage, name):
    await pause_type(stage, name)


async def pending(stage, name):
    await stage.created(name, "helper", completion="auto")


async def paused(stage, name):
    await pending(stage, name)
    await pause_task(stage, name)


async def over(stage, name):
    await pending(stage, name)
    await stage.orchestrator.wait_for_completion(name)


async def several_over(stage, name):
    for number in range(3):
        await over(stage, f"{name} {number}")


async def family(stage, name):
    await stage.created(name, "parents", completion="auto")


async def napping(stage, name):
    await stage.created(name, "napper")


async def in_vain(stage, name):
    await stage.created(name, "traveller")


async def counted(stage, name):
    await stage.created(name, "counting")


async def at_work(stage, name):
    """A worker stands in the middle of one task, and there are others."""
    stage.hands.stalled.clear()
    await stage.created(name, "stalling")
    await pending(stage, f"{name} too")
    await stage.orchestrator.start()
    await stage.hands.stalled.wait()


async def at_rest(stage, name):
    """Whoever has given up draining asks again."""
    await stage.orchestrator.stop(drain=0)
    await stage.orchestrator.cancel_task(name, "it stalls")


# Whether a use case that is one commit was done.


def signal_is_there(stage, name):
    return bool(stage.rows("SELECT 1 FROM signals WHERE task_id = ?", name))


def schedule_is_there(stage, name):
    return bool(stage.rows("SELECT 1 FROM schedules WHERE name = ?", name))


def schedule_is_gone(stage, name):
    return not schedule_is_there(stage, name)


def schedule_is_paused(stage, name):
    return bool(stage.rows("SELECT 1 FROM schedules WHERE name = ? AND paused", name))


def schedule_is_resumed(stage, name):
    return not schedule_is_paused(stage, name)


def schedule_has_a_task(stage, name):
    query = (
        "SELECT 1 FROM schedules s JOIN tasks t ON t.id = s.last_task_id WHERE name = ?"
        " AND CAST(t.payload AS TEXT) LIKE '%scheduled_at%'"
    )
    return bool(stage.rows(query, name))


def type_is_paused(stage, name):
    query = "SELECT 1 FROM gates WHERE specialist_type = ? AND paused_at NOT NULL"
    return bool(stage.rows(query, name))


def type_is_resumed(stage, name):
    return not type_is_paused(stage, name)


def task_is_paused(stage, name):
    return bool(stage.rows("SELECT 1 FROM tasks WHERE id = ? AND paused_at NOT NULL", name))


def task_is_resumed(stage, name):
    return not task_is_paused(stage, name)


CASES = [
    (signal, listening, signal_is_there),
    (approve, asking, signal_is_there),
    (reject, asking, signal_is_there),
    (schedule, nothing_before, schedule_is_there),
    (unschedule, planned, schedule_is_gone),
    (pause_schedule, planned, schedule_is_paused),
    (resume_schedule, planned_and_paused, schedule_is_resumed),
    (trigger, planned, schedule_has_a_task),
    (fire, planned, None),
    (pause_type, nothing_before, type_is_paused),
    (resume_type, paused_type, type_is_resumed),
    (pause_task, pending, task_is_paused),
    (resume_task, paused, task_is_resumed),
    (look, over, None),
    (purge, several_over, None),
    (execute, signalled, None),
    (execute, napping, None),
    (execute, in_vain, None),
    (execute, counted, None),
    (complete, family, None),
    (drain, at_work, None),
]
READS_ON = {pause_type, resume_type, pause_task, resume_task}
AFTER = {drain: at_rest}
WHOLE = {purge: 3}
"""Of so many tasks of one call all go, or none."""


async def go_on(stage):
    """Whatever was cancelled: what waits for people gets its answers, what is paused goes on."""
    orchestrator = stage.orchestrator
    for each in await orchestrator.schedules():
        await orchestrator.unschedule(each.name)
    for kind in await orchestrator.paused_types():
        await orchestrator.resume_type(kind)
    for task, status in stage.stands().items():
        await orchestrator.resume_task(task)
        if status not in {"completed", "failed", "cancelled"}:
            await orchestrator.approve(task)
            for number in range(2):
                await orchestrator.signal(task, "go", number)
    return await unfinished(stage)


@pytest.mark.parametrize(
    ("use_case", "prepare", "telling"), CASES, ids=lambda f: getattr(f, "__name__", "")
)
@pytest.mark.parametrize(
    ("again", "late"),
    [
        ((0,), False),
        pytest.param((0,), True, marks=pytest.mark.chaos),
        pytest.param((0, 1), False, marks=pytest.mark.chaos),
        pytest.param((0, 2), True, marks=pytest.mark.chaos),
    ],
    ids=["once", "late", "twice in a row", "twice, late"],
)
async def test_a_cancelled_use_case_is_done_or_not(stage, use_case, prepare, telling, again, late):
    async with stage.container:
        points, complaints = await swept(
            stage,
            use_case,
            prepare,
            again,
            late=late,
            telling=telling,
            reads_on=use_case in READS_ON,
            together=WHOLE.get(use_case),
            after=AFTER.get(use_case),
        )
        left = await asyncio.wait_for(go_on(stage), timeout=60)

    assert complaints == []
    assert left == {}
    assert points >= 1
