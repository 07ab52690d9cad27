"""The shop of `vespera dev`: an app as a user would write one, small enough to be read."""

from collections.abc import Callable, Coroutine

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.clock import Clock
from vespera.application.runtime.context import TaskContext
from vespera.domain.retry import RetryPolicy
from vespera.domain.task import TaskOutcome
from vespera.infrastructure.di.base import providers
from vespera.infrastructure.di.container import Container

GOODS = ("a teapot", "two lamps", "an atlas", "a kite", "some soap", "a violin")
PATIENT = RetryPolicy(max_attempts=3, delay=0.2)


class BankBusy(Exception):
    """Every third payment meets it once."""


class Checkout:
    """Takes an order: paid, then packed. The bank is busy at times; the step is tried again."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._met = set[str]()

    async def execute(self, task: TaskContext) -> str:
        """Each step is done once, also if the process dies between two of them."""
        receipt = await task.step("pay", self._pay, task, retry=PATIENT)
        parcel = await task.step("pack", self._pack, str(task.payload["goods"]))
        return f"{parcel}, {receipt}"

    async def _pay(self, task: TaskContext) -> str:
        await self._clock.sleep(0.4)
        if int(str(task.payload["number"])) % 3 == 0 and task.id not in self._met:
            self._met.add(task.id)
            raise BankBusy("the bank is busy")
        return f"receipt {task.payload['number']}"

    async def _pack(self, goods: str) -> str:
        await self._clock.sleep(0.6)
        return f"a parcel with {goods}"


async def note_delivery(task: TaskContext) -> TaskOutcome:
    """Write the delivery note of an order, and have it proven that it is there."""
    orders = await task.dependencies()
    parcels = [str(outcome.result) for outcome in orders.values()]
    path = f"notes/{task.id}.txt"
    await task.files.write_text(path, "\n".join([task.title, *parcels, ""]))
    return TaskOutcome(summary=f"wrote {path}", artifacts=[path])


async def count_parcels(task: TaskContext) -> str:
    """What a schedule has done once a minute."""
    return f"counted at {task.payload['scheduled_at']:%H:%M:%S}"


class DemoShop(Container):
    """What does what, and with what."""

    checkout = providers.Factory(Checkout, clock=Container.clock)
    specialists = providers.Aggregate(
        checkout=checkout,
        note_delivery=providers.Object(note_delivery),
        count_parcels=providers.Object(count_parcels),
    )


def opened(count: int) -> Callable[[Container], Coroutine[object, object, None]]:
    """Bring ``count`` orders into the shop, those of earlier times left out."""

    async def prepare(container: Container) -> None:
        orchestrator = container.get(TaskOrchestrator)
        await orchestrator.schedule(
            "stocktaking", title="Count the parcels", specialist_type="count_parcels", every=60
        )
        requests = [request for number in range(1, count + 1) for request in _order(number)]
        for result in await orchestrator.create_tasks(requests):
            assert result.success, result.error

    return prepare


def _order(number: int) -> list[dict[str, object]]:
    """An order and its delivery note, which waits for it."""
    goods = GOODS[number % len(GOODS)]
    order, note = f"order-{number:03}", f"note-{number:03}"
    return [
        {
            "task_id": order,
            "idempotency_key": order,
            "title": f"Sell {goods}",
            "specialist_type": "checkout",
            "payload": {"number": number, "goods": goods},
            "completion": "auto",
        },
        {
            "task_id": note,
            "idempotency_key": note,
            "title": f"Note for {order}",
            "specialist_type": "note_delivery",
            "depends_on": [order],
            "completion": "auto",
        },
    ]
