"""Parents and children, and what is undone, whenever the process dies."""

import pytest

from vespera import RetryPolicy
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, explore_crashes


class Bank(World.Service):
    """Takes money and gives it back, each once for each key."""

    async def take(self, key: str) -> str:
        return self.once(f"take {key}", f"receipt of {key}")

    async def give_back(self, key: str) -> None:
        self.record(f"give back {key}", key)


class Travels:
    """Orders that spawn others, and journeys that are booked whole or not at all."""

    def __init__(self, bank):
        self.bank = bank

    async def part(self, task):
        return await task.step("take", self.bank.take, task.payload["of"])

    async def whole(self, task):
        children = [
            await task.spawn(title=name, specialist_type="part", payload={"of": name}, returns=str)
            for name in ("hotel", "train")
        ]
        receipts = await task.gather(*children)
        return await task.step("paid", self.bank.take, " and ".join(receipts))

    async def journey(self, task):
        for name in ("hotel", "train"):
            await task.step(
                f"book {name}", self.bank.take, name, undo=lambda _, n=name: self.bank.give_back(n)
            )
        if task.payload.get("patience"):
            await task.wait_for_signal("go")
        raise RuntimeError("the flight is full")

    async def impatient(self, task):
        await task.spawn(title="never", specialist_type="journey", payload={"patience": 1})
        await task.sleep(1)


@pytest.fixture
def family(shop, world):
    travels = Travels(world.service(Bank))

    def build():
        container = shop()
        for kind in ("part", "whole", "journey", "impatient"):
            container.get(Specialists).register(kind, getattr(travels, kind))
        return container

    return build


def asked(kind, **more):
    request = {"title": kind, "specialist_type": kind, "task_id": "a", "completion": "auto", **more}

    async def scenario(app):
        await app.orchestrator.create_task(request)
        await app.run_until_idle()

    return scenario


async def called_off_while_it_waits(app):
    await asked("journey", payload={"patience": 1})(app)
    await app.orchestrator.cancel_task("a", "he stays at home")
    await app.run_until_idle()


def stands(app, **expected):
    found = {task.title: task.status.value for task in app.tasks.all()}
    assert found == expected, [task.error for task in app.tasks.all()]


def all_is_booked_once(app, world):
    stands(app, whole="completed", hotel="completed", train="completed")
    taken = {effect.key for effect in world.log().of("take")}
    paid = "take receipt of hotel and receipt of train"
    assert taken == {"take hotel", "take train", paid}
    assert all(world.log().count("take", key=key) == 1 for key in taken)


def all_is_given_back(app, world):
    given = [effect.key for effect in world.log().of("give_back")]
    assert {*given} == {"give back hotel", "give back train"}
    assert given[0] == "give back train"  # what was done last is undone first


def nothing_is_given_back_twice_but_for_a_death(app, world):
    effects = world.log().of("give_back")
    assert len(effects) - 2 <= max(effect.life for effect in effects) - 1


def it_has_failed(app, world):
    stands(app, journey="failed")
    assert "the flight is full" in str(app.tasks.get("a").error)


def it_is_called_off(app, world):
    stands(app, journey="cancelled")


def the_child_is_called_off_and_undone(app, world):
    stands(app, impatient="completed", never="cancelled")


CASES = {
    "fan out and in": (asked("whole"), [all_is_booked_once]),
    "undone when it fails": (
        asked("journey"),
        [it_has_failed, all_is_given_back, nothing_is_given_back_twice_but_for_a_death],
    ),
    "undone after its last try": (
        asked("journey", retry=RetryPolicy(max_attempts=2, delay=5.0)),
        [it_has_failed, all_is_given_back, nothing_is_given_back_twice_but_for_a_death],
    ),
    "undone when it is called off": (
        called_off_while_it_waits,
        [it_is_called_off, all_is_given_back, nothing_is_given_back_twice_but_for_a_death],
    ),
    "a child outlasts its parent": (asked("impatient"), [the_child_is_called_off_and_undone]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_family_comes_to_its_end_at_whatever_event_the_process_dies(family, world, case):
    scenario, invariants = CASES[case]
    again = scenario if "called off" in case else None
    report = explore_crashes(
        family,
        scenario,
        [*invariants, "engine", "database"],
        world=world,
        recover=again,
        every="event",
    )

    report.raise_for_failures()
    assert report.complete
    assert report.points > 20


@pytest.mark.chaos
@pytest.mark.parametrize("case", CASES)
def test_a_family_comes_to_its_end_when_the_process_dies_twice(family, world, case):
    """``pytest --vespera-depth=2`` does so at every event."""
    scenario, invariants = CASES[case]
    again = scenario if "called off" in case else None
    report = explore_crashes(
        family,
        scenario,
        [*invariants, "engine", "database"],
        world=world,
        recover=again,
        at="effect",
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 5
