"""A shop whose orders are paid, packed and confirmed, and the world around it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vespera import Container, RetryPolicy, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World


class Payments(World.Service):
    """Knows its customers' keys."""

    async def charge(self, key: str, amount: int) -> str:
        return self.once(key, f"paid {amount}")


class Post(World.Service):
    """Sends whatever it is given, as often as it is."""

    async def send(self, key: str, by: int) -> str:
        return self.record(key, f"sent in attempt {by}")


class Shop:
    """Makes a container for each life; the services stay.

    ``times`` is how often a step fails before it works; ``container_class`` may have a flaw.
    """

    def __init__(self, world: World) -> None:
        self.payments, self.post = world.service(Payments), world.service(Post)
        self.container_class: type[Container] = Container
        self.settings: dict[str, Any] = {}

    def __call__(self) -> Container:
        container = self.container_class(self.settings)
        specialists = container.get(Specialists)
        specialists.register("pay", self.pay)
        specialists.register("ship", self.ship)
        specialists.register("write", self.write)
        specialists.register("wait", self.wait)
        return container

    async def pay(self, task: TaskContext) -> str:
        return await task.step("charge", self.payments.charge, task.id, 30)

    async def ship(self, task: TaskContext) -> str:
        await task.step("charge", self.payments.charge, task.id, 30)
        return await task.step("send", self.post.send, task.id, task.attempt)

    async def write(self, task: TaskContext) -> None:
        await task.files.write_text(f"{task.id}/draft.txt", "a draft, which is not short")
        await task.files.write_text(f"{task.id}/order.txt", "the order, as it was given")
        await task.files.write_text(f"{task.id}/draft.txt", "a better draft")
        await task.files.delete(f"{task.id}/draft.txt")

    async def wait(self, task: TaskContext) -> None:
        await task.step("send", self.post.send, task.id, task.attempt)


def order(kind: str, task_id: str = "order-7", **more: object) -> dict[str, object]:
    return {
        "title": "an order",
        "specialist_type": kind,
        "task_id": task_id,
        "completion": "auto",
        **more,
    }


RETRIED = RetryPolicy(max_attempts=3, delay=5.0)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.fixture
def place() -> Callable[..., Callable[[Any], Any]]:
    """A scenario: place the orders, and run until all is idle."""

    def scenario_of(*orders: dict[str, object]) -> Callable[[Any], Any]:
        async def scenario(app: Any) -> None:
            await app.orchestrator.create_tasks(orders)
            await app.run_until_idle()

        return scenario

    return scenario_of


@pytest.fixture
def ordered() -> Callable[..., dict[str, object]]:
    return order
