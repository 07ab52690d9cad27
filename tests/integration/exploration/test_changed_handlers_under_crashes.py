"""Handlers that are changed under running tasks, whenever the process dies or another one comes."""

from collections import defaultdict

import pytest

from vespera import versioned
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes, explore_schedules

KIND = "parcel"
ALWAYS = ("engine", "database")
ONCE = {"at": ("commit", "effect")}
TWICE = {"at": "effect", "depth": 2}


class Clerks(World.Service):
    """Do what they are asked to, and note it down."""

    async def do(self, key: str) -> str:
        return self.once(key, f"{key} done")

    async def hear(self, question: str, answer: bool) -> bool:
        return self.record(question, answer)

    async def work(self, task_id: str, version: str) -> str:
        return self.record(task_id, version)


@pytest.fixture
def clerks(world):
    return world.service(Clerks)


@pytest.fixture
def made_of(shop, world):
    """A container whose handler is the first of these in the first life, the last one later."""

    def made_of(*handlers):
        def build():
            container = shop()
            handler = handlers[0] if world.stage.life == 1 else handlers[-1]
            container.get(Specialists).register(KIND, handler)
            return container

        return build

    return made_of


PARCEL = {
    "title": "a parcel",
    "specialist_type": KIND,
    "task_id": "a",
    "idempotency_key": "a",
    "completion": "auto",
}


async def sent(app):
    await app.orchestrator.create_task(PARCEL)
    await app.run_until_idle()


def all_completed(app):
    found = {task.id: task.status.value for task in app.tasks.all()}
    assert set(found.values()) == {"completed"}, [task.error for task in app.tasks.all()]


# ------------------------------------------------------------------------------------- patches


@pytest.fixture
def plain(clerks):
    async def plain(task):
        await task.step("pack", clerks.do, "pack")
        await task.step("post", clerks.do, "post")

    return plain


@pytest.fixture
def with_gift(clerks):
    async def with_gift(task):
        await task.step("pack", clerks.do, "pack")
        if await clerks.hear("gift", await task.patched("gift")):
            await task.step("gift", clerks.do, "gift")
        await task.step("post", clerks.do, "post")

    return with_gift


def each_question_has_one_answer(app, world):
    answers = defaultdict(set)
    for effect in world.log().of("hear"):
        answers[effect.key].add(effect.value)
    assert all(len(said) == 1 for said in answers.values()), answers


def a_gift_is_put_in_before_the_parcel_is_posted_or_never(app, world):
    steps = world.database.tuples("SELECT name FROM steps ORDER BY seq")
    old, new = ["pack", "post"], ["pack", "patch:gift", "gift", "post"]
    names = [name for (name,) in steps]
    assert names in (old, new), names
    assert world.log().count("do", key="gift") == (1 if names == new else 0)


@pytest.mark.parametrize(
    ("begun_by", "points"),
    [("plain", ONCE), ("with_gift", ONCE), ("plain", TWICE)],
    ids=["old code", "new code", "two deaths"],
)
def test_a_change_comes_to_a_task_once_wherever_processes_die(
    world, made_of, plain, with_gift, begun_by, points
):
    report = explore_crashes(
        made_of(plain if begun_by == "plain" else with_gift, with_gift),
        sent,
        [
            all_completed,
            each_question_has_one_answer,
            a_gift_is_put_in_before_the_parcel_is_posted_or_never,
            *ALWAYS,
        ],
        world=world,
        **points,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


@pytest.fixture
def waits(clerks):
    async def waits(task):
        await task.step("pack", clerks.do, "pack")
        await task.wait_for_signal("go")

    return waits


@pytest.fixture
def waits_with_gift(clerks):
    async def waits_with_gift(task):
        await task.step("pack", clerks.do, "pack")
        await clerks.hear("early", await task.patched("early"))
        await task.wait_for_signal("go")
        if await clerks.hear("late", await task.patched("late")):
            await task.step("gift", clerks.do, "gift")
        await task.step("post", clerks.do, "post")

    return waits_with_gift


def changed_to(handler):
    """The parcel waits, in the old code or the new one; then comes the new code, and the signal."""

    async def changed(app):
        await app.orchestrator.create_task(PARCEL)
        await app.orchestrator.start()
        while (await app.orchestrator.get_task_status("a")).status != "waiting":
            await app.get("clock").sleep(0.5)
        app.get(Specialists).register(KIND, handler)
        await app.orchestrator.signal("a", "go", signal_id="go")
        await app.run_until_idle()

    return changed


async def idle(app):
    await app.run_until_idle()


def the_late_change_has_come(app, world):
    assert {effect.value for effect in world.log().of("hear", key="late")} == {True}


def test_two_workers_hear_the_same_of_a_change(world, shop, made_of, waits, waits_with_gift):
    shop.settings = {"linger_seconds": 0.0}
    report = explore_schedules(
        [made_of(waits), made_of(waits_with_gift)],
        [changed_to(waits_with_gift), idle],
        [all_completed, each_question_has_one_answer, the_late_change_has_come, *ALWAYS],
        world=world,
        bound=1,
        slow=(),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


# ------------------------------------------------------------------------------------ versions


@pytest.fixture
def of_version(clerks):
    """The handler as it was in this version: it notes which version does each step."""

    def of_version(version, **policy):
        async def handler(task):
            await task.step("pack", clerks.work, task.id, version)
            await task.step("post", clerks.work, task.id, version)

        return versioned(handler, version, **policy)

    return of_version


def each_task_is_done_by_the_version_that_has_begun_it(app, world):
    done = defaultdict(set)
    for effect in world.log().of("work"):
        done[effect.key].add(effect.value)
    begun = dict(world.database.tuples("SELECT id, handler_version FROM tasks WHERE attempt > 0"))
    assert done == {task: {begun[task]} for task in done}


def test_the_version_that_has_begun_a_task_ends_it_wherever_processes_die(
    world, made_of, of_version
):
    report = explore_crashes(
        made_of(of_version("1"), [of_version("2"), of_version("1")]),
        sent,
        [all_completed, each_task_is_done_by_the_version_that_has_begun_it, *ALWAYS],
        world=world,
        **ONCE,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


def test_what_another_version_has_begun_is_left_alone_wherever_processes_die(
    world, made_of, of_version
):
    def completed_or_left_to_others(app):
        for task in app.tasks.all():
            left = task.status == "pending" and task.handler_version == "1"
            assert left or task.status == "completed", task

    report = explore_crashes(
        made_of(of_version("1"), of_version("2")),
        sent,
        [
            completed_or_left_to_others,
            each_task_is_done_by_the_version_that_has_begun_it,
            "database",
        ],
        world=world,
        **ONCE,
    )

    report.raise_for_failures()
    assert report.complete


def test_a_version_that_goes_on_with_others_tasks_does_no_step_anew(world, made_of, of_version):
    def recorded_once_each(app, world):
        steps = world.database.tuples("SELECT name FROM steps ORDER BY seq")
        assert steps == [("pack",), ("post",)]
        by_life = [(effect.life, effect.value) for effect in world.log().of("work")]
        assert all(value == ("1" if life == 1 else "2") for life, value in by_life), by_life
        assert len(by_life) <= len(steps) + 1  # what was in flight when it died

    report = explore_crashes(
        made_of(of_version("1"), of_version("2", on_other_version="continue")),
        sent,
        [all_completed, recorded_once_each, *ALWAYS],
        world=world,
        **ONCE,
    )

    report.raise_for_failures()
    assert report.complete


@pytest.fixture
def failing_at_first(clerks, of_version):
    """As ``of_version``, but the first two attempts fail, so that somebody else may come."""

    def failing_at_first(version, **policy):
        inner = of_version(version)

        async def handler(task):
            await clerks.work(task.id, version)
            if task.attempt < 3:
                raise OSError("no tape")
            await inner.execute(task)

        return versioned(handler, version, **policy)

    return failing_at_first


async def retried(app):
    await app.orchestrator.create_task(PARCEL, retry={"max_attempts": 4, "delay": 1.0})
    await app.run_until_idle()


def never_the_old_version_after_the_new(app, world):
    done = [effect.value for effect in world.log().of("work")]
    assert done == sorted(done), done
    assert app.tasks.get("a").handler_version == done[-1]


@pytest.mark.parametrize(
    ("policy", "holds"),
    [
        ("refuse", each_task_is_done_by_the_version_that_has_begun_it),
        ("continue", never_the_old_version_after_the_new),
    ],
    ids=["refuse", "continue"],
)
def test_two_workers_of_different_versions_keep_to_them(
    world, made_of, failing_at_first, policy, holds
):
    report = explore_schedules(
        [
            made_of(failing_at_first("1")),
            made_of(failing_at_first("2", on_other_version=policy)),
        ],
        retried,
        [all_completed, holds, *ALWAYS],
        world=world,
        bound=1,
        slow=(),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10
