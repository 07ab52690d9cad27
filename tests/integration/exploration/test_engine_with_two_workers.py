"""The engine with two workers on one database, in every order; its promises hold."""

import pytest

from vespera.testing import explore_schedules


def completed(*names):
    def all_completed(app, world):
        stands = {task.id: task.status.value for task in app.tasks.all()}
        assert stands == dict.fromkeys(names, "completed"), [t.error for t in app.tasks.all()]

    return all_completed


def charged_once_each(app, world):
    for task in app.tasks.all():
        assert world.log().count("charge", key=task.id) == 1


def sent_once(app, world):
    assert world.log().count("send") == 1


def test_no_order_lets_two_workers_do_the_same_task(shop, world, place, ordered):
    report = explore_schedules(
        shop,
        place(ordered("wait")),
        [completed("order-7"), sent_once, "engine", "database"],
        world=world,
        bound=2,
        slow=(),
    )

    report.raise_for_failures()
    assert report.complete
    assert report.runs > 20


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_no_slowness_makes_the_engine_forget_or_do_twice(shop, world, place, ordered, seconds):
    report = explore_schedules(
        shop,
        place(ordered("pay")),
        [completed("order-7"), charged_once_each, "engine", "database"],
        world=world,
        order="fifo",
        slow=(seconds,),
    )

    report.raise_for_failures()
    assert report.complete


def test_dependencies_hold_in_chance_orders(shop, world, place, ordered):
    report = explore_schedules(
        shop,
        place(ordered("pay", "a"), ordered("pay", "b"), ordered("pay", "c", depends_on=["a", "b"])),
        [completed("a", "b", "c"), charged_once_each, "engine"],
        world=world,
        order="fifo",
        slow=(),
        seeds=10,
    )

    report.raise_for_failures()
