"""Resources are created, used and verified to be cleaned up; each is released automatically."""

import asyncio

import pytest

from vespera import AsyncResourceManager, Container, providers
from vespera.testing import SampleResources


class ResourceContainer(Container):
    """Has a type of resources that counts what is there, in the place of one of Vespera's."""

    resource_types = providers.Aggregate(
        {
            **Container.resource_types.providers,
            "test_resource": providers.Singleton(SampleResources),
        }
    )


@pytest.fixture
async def resource_manager(tmp_path):
    container = ResourceContainer(workspace=tmp_path)
    yield container.get(AsyncResourceManager)
    await container.cleanup_async_services()


@pytest.mark.asyncio
async def test_async_resource_lifecycle():
    """Test async resource creation, usage, and cleanup."""
    container = Container()
    resource_manager = container.get(AsyncResourceManager)

    async with resource_manager.create_session() as session:
        # Create resource
        resource = await session.create_resource(
            resource_type="test_resource", configuration={"timeout": 30}
        )
        assert resource.id is not None, "Resource should have ID"

        # Use resource
        operation_result = await session.execute_operation(
            resource.id, operation="test_operation", parameters={"test": True}
        )
        assert operation_result.success, "Operation should succeed"

        # Resource automatically cleaned up by context manager

    # Verify cleanup
    cleanup_status = await resource_manager.verify_cleanup(resource.id)
    assert cleanup_status.cleaned_up, "Resource should be cleaned up"
    await container.cleanup_async_services()


@pytest.mark.asyncio
async def test_with_resources(resource_manager):
    async with resource_manager.create_resource() as resource:
        assert resource.value.is_dir()

    assert not resource.value.exists()


async def test_a_failing_test_leaves_nothing(resource_manager):
    with pytest.raises(ZeroDivisionError):
        async with resource_manager.create_resource() as resource:
            assert 1 / 0

    assert (await resource_manager.verify_cleanup(resource.id)).cleaned_up


async def test_many_sessions_side_by_side_clean_up_after_themselves(resource_manager):
    async def work(number):
        async with resource_manager.create_session() as session:
            first = await session.create_resource(resource_type="test_resource")
            await session.create_resource()
            return first.id

    ids = await asyncio.gather(*[work(number) for number in range(10)])

    statuses = [await resource_manager.verify_cleanup(each) for each in ids]
    assert all(status.cleaned_up for status in statuses)
    assert len(set(ids)) == 10
