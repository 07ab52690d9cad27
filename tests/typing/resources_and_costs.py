"""What type checkers make of resources and costs; it is never run."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import assert_type

from vespera import (
    AsyncResourceManager,
    Budget,
    Container,
    CostTracker,
    Estimate,
    Held,
    Price,
    ResourceType,
    TaskContext,
    providers,
)
from vespera.application.runtime.costs.operation import TrackedOperation
from vespera.application.runtime.costs.report import CostReport
from vespera.application.runtime.resources.manager import CleanupStatus
from vespera.application.runtime.resources.session import Resource, ResourceOperationResult
from vespera.domain.cost import Costs
from vespera.domain.ids import ResourceId
from vespera.testing import SampleResources


@asynccontextmanager
async def opened(configuration: Mapping[str, object]) -> AsyncGenerator[Held]:
    yield Held(value=configuration)


class Extended(Container):
    prices = providers.Object({"small": Price("0.15", "0.60")})
    budgets = providers.Object({"*": Budget(money=Decimal(1))})
    resource_types = providers.Aggregate(
        {
            **Container.resource_types.providers,
            "opened": providers.Object(opened),
            "test_resource": providers.Singleton(SampleResources),
        }
    )


async def held(container: Extended, task: TaskContext, kind: ResourceType) -> None:
    manager = container.get(AsyncResourceManager)
    assert_type(manager, AsyncResourceManager)
    async with manager.create_session() as session:
        resource = await session.create_resource(resource_type="opened")
        assert_type(resource, Resource)
        asked = await session.execute_operation(resource.id, operation="x", parameters={"a": 1})
        assert_type(asked, ResourceOperationResult)
    async with manager.create_resource() as one, task.resources.create_resource() as other:
        assert_type((one.id, other.id), tuple[ResourceId, ResourceId])
    assert_type(await manager.verify_cleanup(resource.id), CleanupStatus)
    sample: ResourceType = SampleResources()
    assert sample is not kind


async def spent(container: Extended, task: TaskContext) -> None:
    tracker = container.get(CostTracker)
    async with tracker.track_operation("x", estimate=Estimate(input_tokens=1)) as operation:
        assert_type(operation, TrackedOperation)
        assert_type(await operation.log_costs(money="0.5"), Costs)
    async with CostTracker() as alone:
        alone.add_costs(usage={"prompt_tokens": 1})
    assert_type(await task.costs.log_costs(input_tokens=1), Costs)
    assert_type(await tracker.report(task.id), CostReport)
