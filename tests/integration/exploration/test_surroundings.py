"""Which world is explored when nobody says so."""

from functools import partial

import pytest

from vespera import Container
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.testing import ScenarioFailed, World, explore_crashes, explore_schedules


class Bank(World.Service):
    async def pay(self, key):
        return self.once(key, "paid")

    def look(self):
        return "quiet"


def container_with(bank):
    async def work(task):
        return await task.step("pay", bank.pay, task.id)

    container = Container()
    container.get(Specialists).register("work", work)
    return container


async def pay(app):
    await app.orchestrator.create_task(
        {"title": "Pay", "specialist_type": "work", "task_id": "a", "completion": "auto"}
    )
    await app.run_until_idle()


def paid_once(app, world):
    assert world.log(Bank).count("pay", key="a") == 1


class Shop:
    def __init__(self, world):
        self.world = world

    def build(self):
        return container_with(self.world.service(Bank))


def as_a_closure(world):
    def build():
        return container_with(world.service(Bank))

    return build


def as_a_partial_with_a_service(world):
    return partial(container_with, world.service(Bank))


def as_a_method(world):
    return Shop(world).build


def by_a_helper(world):
    def bank():
        return world.service(Bank)

    return lambda: container_with(bank())


def by_a_default(world):
    def build(bank=world.service(Bank)):  # noqa: B008  # as people do in loops
        return container_with(bank)

    return build


def out_of_a_dict(world):
    parts = {"bank": [world.service(Bank)]}
    return lambda: container_with(parts["bank"][0])


WAYS = [
    as_a_closure,
    as_a_partial_with_a_service,
    as_a_method,
    by_a_helper,
    by_a_default,
    out_of_a_dict,
]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_one_that_build_holds(world, way):
    report = explore_crashes(way(world), pay, paid_once, at="effect")

    report.raise_for_failures()
    assert report.kinds == {"effect": 2}


def test_it_is_the_one_of_a_module(monkeypatch, world):
    monkeypatch.setitem(globals(), "THE_WORLD", world)

    def build():
        return container_with(THE_WORLD.service(Bank))  # noqa: F821  # set above

    assert explore_crashes(build, pay, paid_once, at="effect").points == 2


def test_it_is_an_empty_one_if_nobody_holds_any():
    assert explore_crashes(lambda: container_with(NoBank()), pay, at="commit").points > 2


def test_two_of_them_are_refused(world):
    with World() as another, pytest.raises(InvalidRequest, match=r"world: .* holds 2 worlds"):
        explore_crashes(as_a_closure(world), partial(pay_in, another), paid_once)


def test_workers_share_the_one_that_they_hold(world):
    report = explore_schedules(as_a_closure(world), [pay, rest], paid_once, bound=0, slow=())

    report.raise_for_failures()


@pytest.mark.parametrize("isolation", ["inline", "fork"])
def test_a_service_of_another_world_than_the_explored_one_is_told(world, isolation):
    with World() as another, pytest.raises(ScenarioFailed, match=r"Bank\.pay\('a'\) was called"):
        explore_crashes(as_a_closure(another), pay, paid_once, world=world, isolation=isolation)


def test_a_plain_method_of_another_world_is_told_as_well(world):
    with World() as another:
        bank = another.service(Bank)

        async def look(_app):
            bank.look()

        with pytest.raises(ScenarioFailed, match=r"Bank\.look\(\) was called"):
            explore_crashes(as_a_closure(world), look, paid_once, world=world)
        assert bank.look() == "quiet"  # nobody minds when nothing is explored


class NoBank:
    async def pay(self, _key):
        return "nothing"


async def pay_in(_world, app):
    await pay(app)


async def rest(_app):
    pass
