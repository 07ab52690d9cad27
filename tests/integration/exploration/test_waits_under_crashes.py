"""Tasks that wait, whenever the process dies, and whenever what they wait for comes."""

import asyncio

import pytest

from vespera import TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import explore_crashes, explore_schedules

LETTER = {"title": "a letter", "specialist_type": "letter", "task_id": "a", "completion": "auto"}
LINGER = {"at once": 0.0, "soon": 2.0, "never": None}


class Office:
    """Letters that are drafted, approved and sent; and bells that ring."""

    def __init__(self, shop):
        self.shop = shop
        shop.settings["linger_seconds"] = 2.0

    def __call__(self):
        container = self.shop()
        for kind in ("letter", "bells", "race"):
            container.get(Specialists).register(kind, getattr(self, kind))
        return container

    async def letter(self, task: TaskContext):
        await task.step("draft", self.shop.payments.charge, f"{task.id} draft", 1)
        await task.sleep(5)
        if not await task.wait_for_approval("Send it?"):
            return "kept"
        address = await task.wait_for_signal("address", returns=str)
        await task.step("send", self.shop.payments.charge, f"{task.id} to {address}", 1)
        return address

    async def bells(self, task: TaskContext):
        return [await task.wait_for_signal("bell") for _ in range(2)]

    async def race(self, task: TaskContext):
        bell = asyncio.create_task(task.wait_for_signal("bell"))
        moment = asyncio.create_task(task.sleep(60))
        await asyncio.wait({bell, moment}, return_when="FIRST_COMPLETED")
        async with asyncio.TaskGroup() as group:
            group.create_task(task.step("note", self.shop.payments.charge, "note", 1))
            group.create_task(task.wait_for_signal("last"))
        return bell.done() and bell.result()


@pytest.fixture
def office(shop):
    return Office(shop)


async def sent(app, name, payload, signal_id):
    result = await app.orchestrator.signal("a", name, payload, signal_id=signal_id)
    over = result.error and "completed" in result.error
    assert result.success or over, result.error


async def letter_approved(app):
    await app.orchestrator.create_task(LETTER)
    await app.orchestrator.start()
    await app.get("clock").sleep(1)
    await app.orchestrator.approve("a", by="ann")
    await sent(app, "address", "Rome", "where")
    await app.run_until_idle()


async def race_run(app):
    await app.orchestrator.create_task({**LETTER, "specialist_type": "race"})
    await app.orchestrator.start()
    await app.get("clock").sleep(1)
    await sent(app, "bell", "ding", "first")
    await sent(app, "last", None, "last")
    await app.run_until_idle()


def outcome_of(app, task_id):
    task = app.tasks.get(task_id)
    assert task.status == "completed", (task.status, task.error)
    return task.outcome


def letter_is_sent_once(app, world):
    assert b"Rome" in outcome_of(app, "a")
    assert world.log().count("charge", key="a draft") == 1
    assert world.log().count("charge", key="a to Rome") == 1


def race_is_won(app, world):
    assert b"ding" in outcome_of(app, "a")
    assert world.log().count("charge", key="note") == 1


def every_wait_has_one_signal(app, world):
    """Of what was received, each was received by one wait; what was not waited for is kept."""
    received = app.db.value("SELECT count(*) FROM signals WHERE received_at IS NOT NULL")
    ended = app.db.value(
        "SELECT count(*) FROM steps WHERE name LIKE 'signal:%' AND value IS NOT NULL"
    )
    assert received == ended


ALWAYS = (every_wait_has_one_signal, "engine", "database")
CASES = {
    "letter": (letter_approved, letter_is_sent_once),
    "race": (race_run, race_is_won),
}


@pytest.mark.parametrize("case", CASES)
def test_what_waits_goes_on_at_whatever_event_the_process_dies(office, world, case):
    scenario, holds = CASES[case]
    report = explore_crashes(
        office, scenario, [holds, *ALWAYS], world=world, recover=scenario, every="event"
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 60


@pytest.mark.parametrize("case", CASES)
def test_what_waits_goes_on_when_the_process_dies_again_while_it_recovers(office, world, case):
    """``pytest --vespera-depth=2`` does so at every event."""
    scenario, holds = CASES[case]
    report = explore_crashes(
        office, scenario, [holds, *ALWAYS], world=world, recover=scenario, at="effect", depth=2
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 5


# ------------------------------------------------------------------- two workers, every moment


def ringing(*moments):
    """Rings the bell at these moments of the virtual clock."""

    async def ring(app):
        clock = app.get("clock")
        now = 0.0
        for number, moment in enumerate(moments):
            await clock.sleep(moment - now)
            now = moment
            sent_one = await app.orchestrator.signal("a", "bell", number, signal_id=str(number))
            assert sent_one.success, sent_one.error

    return ring


async def listening(app):
    created = await app.orchestrator.create_task({**LETTER, "specialist_type": "bells"})
    assert created.success
    await app.run_until_idle()


async def rung_when_it_is_there(app):
    while not (await app.orchestrator.get_task_status("a")).success:
        await app.get("clock").sleep(0.5)
    await ringing(0, 0)(app)


def both_bells_are_heard_in_order(app, world):
    assert b"[0,1]" in outcome_of(app, "a").replace(b" ", b"")
    assert app.db.value("SELECT count(*) FROM signals WHERE received_at IS NULL") == 0


@pytest.mark.parametrize("linger", LINGER)
@pytest.mark.parametrize(
    "slow",
    [
        pytest.param((), id="orders"),
        pytest.param((0.7, 60.0), id="slowness", marks=pytest.mark.chaos),
    ],
)
def test_no_signal_is_lost_or_received_twice_whenever_it_comes(office, world, linger, slow):
    office.shop.settings["linger_seconds"] = LINGER[linger]
    report = explore_schedules(
        office,
        [listening, rung_when_it_is_there],
        [both_bells_are_heard_in_order, *ALWAYS],
        world=world,
        order="fifo" if slow else "exhaustive",
        bound=2,
        slow=slow,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 10


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(1.9, marks=pytest.mark.chaos),
        2.0,
        pytest.param(2.1, marks=pytest.mark.chaos),
    ],
)
def test_no_signal_is_lost_between_the_last_look_and_letting_go(office, world, moment):
    async def rung(app):
        await app.get("clock").sleep(1)
        await ringing(moment, moment + 2)(app)

    report = explore_schedules(
        office,
        [listening, rung],
        [both_bells_are_heard_in_order, *ALWAYS],
        world=world,
        bound=1,
        slow=(1.0,),
    )

    report.raise_for_failures()
    assert report.complete
