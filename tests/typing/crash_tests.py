"""What the type checkers see of a crash test; it is never run."""

from typing import assert_type

from vespera import Container, TaskContext, providers
from vespera.testing import (
    App,
    CrashReport,
    ScheduleReport,
    World,
    crash_test,
    explore_crashes,
    explore_schedules,
)


class Payments(World.Service):
    async def charge(self, key: str, amount: int) -> str:
        return str(self.once(key, f"receipt for {amount}"))


def explored(world: World) -> None:
    payments = world.service(Payments)
    assert_type(payments, Payments)

    async def work(task: TaskContext) -> str:
        return await task.step("charge", payments.charge, task.id, 30)

    class Shop(Container):
        specialists = providers.Aggregate(work=providers.Object(work))

    async def scenario(app: App) -> None:
        await app.run_until_idle()

    def paid_once(app: App, world: World) -> bool:
        return world.log(Payments).count("charge", key=app.tasks.get("a").id) == 1

    report = explore_crashes(Shop, scenario, [paid_once, "engine"], world=world)
    assert_type(report, CrashReport)
    assert_type(explore_schedules([Shop, Shop], scenario, paid_once, world=world), ScheduleReport)


@crash_test(at="commit", depth=2)
def decorated(world: World) -> object:
    return Container, explored, "engine"
