"""The manager: sessions, looking whether a resource is gone, and what others have left."""

import asyncio
import json

import pytest

from vespera import AsyncResourceManager
from vespera.application.ports.owners import Owners
from vespera.application.ports.resources import ResourceRepository
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.domain.errors import DatabaseLocked, InvalidRequest, ResourceNotFound
from vespera.domain.ids import OwnerId, ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, ResourceState

pytestmark = pytest.mark.virtual_time
TYPE = "test_resource"


@pytest.fixture
def leave(container, clock, sample):
    """Leave a resource behind, as a process does that dies while it holds one."""
    owner = container.get(Owners).register()
    container.get(Owners).leave(owner)

    async def leave(name="left", *, task="t", kind=TYPE, holder=owner, there=True):
        record = ResourceRecord(
            id=ResourceId(name),
            resource_type=kind,
            owner=holder,
            state=ResourceState.HELD,
            trace={"name": name},
            created_at=clock.now(),
            task_id=TaskId(task),
        )
        await container.get(ResourceRepository).add(record)
        if there:
            sample.there.append(name)

    return leave


async def test_a_resource_is_gone_when_it_is_recorded_and_not_there(manager):
    async with manager.create_resource(resource_type=TYPE) as resource:
        during = await manager.verify_cleanup(resource.id)
    after = await manager.verify_cleanup(resource.id)

    assert not during.cleaned_up
    assert (during.state, during.found) == ("held", (f"{resource.id} is there",))
    assert during.error == f"{resource.id} is there"
    assert after.cleaned_up
    assert (after.state, after.found, after.error) == ("released", (), None)


async def test_what_is_recorded_as_released_and_still_there_is_not_gone(manager, sample):
    async with manager.create_resource(resource_type=TYPE) as resource:
        pass
    sample.there.append(resource.id)

    status = await manager.verify_cleanup(resource.id)
    assert not status.cleaned_up
    assert status.found == (f"{resource.id} is there",)


async def test_what_is_gone_but_not_recorded_as_released_is_not_called_clean(manager, leave):
    await leave(there=False)

    status = await manager.verify_cleanup("left")
    assert (status.cleaned_up, status.error) == (False, "it is recorded as held")


async def test_what_cannot_be_told_is_not_called_clean(manager, sample):
    async with manager.create_resource(resource_type=TYPE) as resource:
        pass
    sample.errors["remains"] = PermissionError("no")

    status = await manager.verify_cleanup(resource.id)
    assert (status.cleaned_up, status.error) == (False, "PermissionError: no")


@pytest.mark.parametrize("resource_id", ["nobody", "", "\udcff", 7])
async def test_a_resource_that_is_not_known_is_not_called_clean(manager, resource_id):
    status = await manager.verify_cleanup(resource_id)

    assert not status.cleaned_up
    assert status.state is None
    assert status.error


async def test_what_the_dead_have_left_is_released(manager, sample, leave):
    await leave("a")
    await leave("b", holder=OwnerId("alive"))

    [reclaimed] = await manager.reclaim()

    assert (reclaimed.id, reclaimed.state) == ("a", "released")
    assert sample.there == ["b"]
    assert [one.id for one in await manager.list_resources()] == ["b"]
    assert list(await manager.reclaim()) == []


async def test_what_would_not_go_is_tried_again_when_somebody_asks(
    manager, container, sample, leave
):
    await leave("a")
    sample.errors["reclaim"] = OSError("busy")

    [refused] = await manager.reclaim()
    assert (refused.state, refused.error) == ("left", "OSError: busy")
    reclaiming = container.get("reclaiming")
    assert list(await reclaiming.reclaim()) == []

    [gone] = await manager.reclaim()
    assert (gone.state, gone.error) == ("released", None)


async def test_one_that_will_not_go_again_is_recorded_once(manager, sample, leave, container):
    await leave("a")
    for _ in range(2):
        sample.errors["reclaim"] = OSError("busy")
        [refused] = await manager.reclaim()

    assert refused == await container.get(ResourceRepository).get(ResourceId("a"))


async def test_what_takes_too_long_to_reclaim_is_left(manager, container, leave, clock):
    class Slow:
        def announce(self, resource_id, configuration):
            return {}

        def hold(self, trace, configuration):
            raise AssertionError

        async def reclaim(self, trace):
            await asyncio.sleep(60)

        async def remains(self, trace):
            return ()

    container.get(ResourceCatalogue).register("slow", Slow())
    await leave("a", kind="slow")
    [left] = await manager.reclaim()

    assert left.error == "it was not released within 10 s"
    assert clock.monotonic() == pytest.approx(10)


async def test_a_type_that_is_not_known_here_is_left_to_others(manager, leave):
    await leave("a", kind="elsewhere")

    assert list(await manager.reclaim()) == []
    assert [one.state for one in await manager.list_resources()] == ["held"]
    status = await manager.verify_cleanup("a")
    assert "no resource type 'elsewhere'" in status.error


async def test_trouble_of_the_database_while_reclaiming_is_raised(
    container, leave, sample, manager
):
    await leave("a")
    sample.errors["reclaim"] = DatabaseLocked("busy")

    with pytest.raises(DatabaseLocked, match="busy"):
        await manager.reclaim()


async def test_what_cannot_be_told_is_released_by_who_knows_better(manager, sample, leave):
    await leave("a", holder=OwnerId("elsewhere"))
    await leave("b", kind="elsewhere", there=False)

    assert (await manager.release_leftover("a")).cleaned_up
    assert sample.there == []
    assert "no resource type" in (await manager.release_leftover("b")).error
    assert "No resource has the id" in (await manager.release_leftover("c")).error
    assert not (await manager.release_leftover("")).cleaned_up


async def test_what_was_released_is_known_for_a_day(manager, clock, container):
    async with manager.create_resource(resource_type=TYPE) as resource:
        pass
    await manager.reclaim()
    assert (await manager.verify_cleanup(resource.id)).cleaned_up

    await clock.advance(days=1, seconds=1)
    await manager.reclaim()

    with pytest.raises(ResourceNotFound, match=resource.id):
        await container.get(ResourceRepository).get(resource.id)


async def test_resources_are_listed_oldest_first_or_with_the_released_newest_first(manager):
    async with manager.create_session() as session:
        ids = [(await session.create_resource(resource_type=TYPE)).id for _ in range(3)]
        assert [one.id for one in await manager.list_resources(limit=2)] == ids[:2]

    assert await manager.list_resources() == []
    everything = await manager.list_resources(released=True)
    assert [one.id for one in everything] == ids[::-1]
    rest = await manager.list_resources(released=True, before=ids[1])
    assert [one.id for one in rest] == ids[:1]
    with pytest.raises(InvalidRequest, match="limit"):
        await manager.list_resources(limit=0)


async def test_a_session_may_say_for_which_task_it_is(manager):
    async with manager.create_session(task_id="t") as session:
        await session.create_resource(resource_type=TYPE)
        assert [one.task_id for one in await manager.list_resources()] == ["t"]
    with pytest.raises(InvalidRequest, match="task_id"):
        manager.create_session(task_id=7)


async def test_what_is_still_held_is_released_with_the_container(container, manager, sample):
    session = manager.create_session()
    await session.__aenter__()
    await session.create_resource(resource_type=TYPE)
    assert manager.started

    await container.cleanup_async_services()

    assert sample.there == []
    assert not manager.started
    await session.__aexit__(None, None, None)


async def test_what_would_not_go_with_the_container_is_told(container, manager, sample):
    session = manager.create_session()
    await session.__aenter__()
    await session.create_resource(resource_type=TYPE)
    sample.errors["release"] = OSError("busy")

    with pytest.raises(ExceptionGroup) as raised:
        await container.cleanup_async_services()

    assert "OSError: busy" in str(raised.value.exceptions[0].exceptions[0])


# ------------------------------------------------------------------------------- inside tasks


async def test_a_task_holds_resources_of_its_own(container):
    async def work(task):
        async with task.resources.create_session() as session:
            resource = await session.create_resource(resource_type=TYPE)
            [row] = await container.get(AsyncResourceManager).list_resources()
            async with task.resources.create_resource(resource_type=TYPE) as other:
                return [row.task_id == task.id, resource.id != other.id]

    container.get("registry").register("worker", work)
    result = await container.get("workflow").run(title="work", specialist_type="worker")

    assert result.result == [True, True]
    assert await container.get(AsyncResourceManager).list_resources() == []


async def test_what_an_earlier_attempt_has_left_is_released_before_the_next_one_holds_any(
    container, leave, sample
):
    await leave("a", task="t1")
    await leave("b", task="t2", holder=OwnerId("alive"))

    async def work(task):
        async with task.resources.create_resource(resource_type=TYPE):
            return "a" in sample.there

    container.get("registry").register("worker", work)
    result = await container.get("workflow").run(
        title="work", specialist_type="worker", task_id="t1"
    )

    assert result.result is False
    assert sample.there == ["b"]


async def test_a_worker_releases_what_the_dead_have_left(container, leave, sample):
    await leave("a")

    await container.get("orchestrator").run_until_idle()

    assert sample.there == []


async def test_a_task_that_is_called_off_has_released_what_it_held(container, sample):
    async def work(task):
        async with task.resources.create_resource(resource_type=TYPE):
            await asyncio.Event().wait()

    container.get("registry").register("worker", work)
    orchestrator = container.get("orchestrator")
    created = await orchestrator.create_task(title="work", specialist_type="worker")
    await orchestrator.start()
    while not sample.there:
        await asyncio.sleep(0.1)
    await orchestrator.cancel_task(created.task_id, "enough")

    assert sample.log == ["acquire 1", "release 1"]


async def test_records_are_plain_json(manager):
    async with manager.create_resource(resource_type=TYPE) as resource:
        [record] = await manager.list_resources()
        assert json.loads(json.dumps(record.trace)) == {"name": resource.id}
