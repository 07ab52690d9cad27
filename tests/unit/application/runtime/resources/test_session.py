"""What a session acquires it releases: in reverse, whatever happens, within its time."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from unittest.mock import AsyncMock, Mock

import pytest
import pytest_asyncio

from vespera import AsyncResourceManager
from vespera.application.ports.resources import Held, ResourceRepository
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.domain.errors import (
    DatabaseLocked,
    InvalidRequest,
    ResourceBusy,
    ResourceNotAcquired,
    ResourceNotFound,
    ResourceNotReleased,
    UnknownResourceType,
)

pytestmark = pytest.mark.virtual_time
TYPE = "test_resource"


def held_by(hold):
    """A type that is this context manager and leaves nothing."""

    class Type:
        def announce(self, resource_id, configuration):
            return {}

        def hold(self, trace, configuration):
            return hold()

        async def remains(self, trace):
            return ()

        async def reclaim(self, trace):
            return

    return Type()


async def states(manager):
    return [one.state.value for one in await manager.list_resources(released=True)]


async def test_resources_are_released_in_reverse(manager, sample):
    async with manager.create_session() as session:
        for _ in range(3):
            await session.create_resource(resource_type=TYPE)
        assert len(sample.there) == 3
        assert await states(manager) == ["held"] * 3

    assert sample.log[3:] == ["release 3", "release 2", "release 1"]
    assert await states(manager) == ["released"] * 3


async def test_a_resource_is_given_what_it_was_configured_with(manager):
    async with manager.create_resource(resource_type=TYPE, configuration={"a": 1}) as resource:
        assert resource.value == {"a": 1}
        assert (resource.resource_type, len(resource.id)) == (TYPE, 32)


@pytest.mark.parametrize("error", [ValueError("inside"), asyncio.CancelledError()])
async def test_they_are_released_when_the_block_fails(manager, sample, error):
    with pytest.raises(type(error)):
        async with manager.create_resource(resource_type=TYPE):
            raise error

    assert sample.there == []
    assert await states(manager) == ["released"]


async def test_all_that_could_not_be_released_is_told_together(manager, sample):
    session = manager.create_session()

    class Refuses:
        def __init__(self):
            self.inner = sample

        def __getattr__(self, name):
            return getattr(sample, name)

        @asynccontextmanager
        async def hold(self, trace, configuration):
            yield Held(value=None)
            raise OSError("busy")

    manager._catalogue.register("stubborn", Refuses())
    with pytest.raises(ExceptionGroup, match="not released") as raised:
        async with session:
            for name in ("stubborn", TYPE, "stubborn"):
                await session.create_resource(resource_type=name)

    assert [type(each) for each in raised.value.exceptions] == [ResourceNotReleased] * 2
    assert all("OSError: busy" in str(each) for each in raised.value.exceptions)
    assert sorted(await states(manager)) == ["left", "left", "released"]


async def test_an_error_of_the_block_is_raised_with_a_note_of_what_was_not_released(
    manager, sample
):
    sample.errors["release"] = OSError("busy")

    with pytest.raises(ValueError, match="inside") as raised:
        async with manager.create_resource(resource_type=TYPE):
            raise ValueError("inside")

    assert "OSError: busy; recovery tries again" in raised.value.__notes__[0]
    assert await states(manager) == ["left"]


async def test_a_cancellation_waits_for_the_release_and_passes(manager, container, clock):
    released = []

    @asynccontextmanager
    async def slow():
        yield Held(value=None)
        await asyncio.sleep(5)
        released.append(clock.monotonic())

    container.get(ResourceCatalogue).register("slow", held_by(slow))

    async def work():
        async with manager.create_session() as session:
            await session.create_resource(resource_type="slow")
            await session.create_resource(resource_type="slow")
            is_open.set()
            await asyncio.Event().wait()

    is_open = asyncio.Event()
    working = asyncio.create_task(work())
    await is_open.wait()
    for _ in range(3):  # impatient
        working.cancel()
        await asyncio.sleep(1)
    with pytest.raises(asyncio.CancelledError):
        await working

    assert len(released) == 2
    assert await states(manager) == ["released"] * 2


@pytest.mark.parametrize("ends", [True, False])
async def test_a_release_that_takes_too_long_is_not_waited_for(manager, container, clock, ends):
    never = asyncio.Event()

    @asynccontextmanager
    async def endless():
        yield Held(value=None)
        try:
            await never.wait()
        except asyncio.CancelledError:
            if ends:
                raise
            await never.wait()

    container.get(ResourceCatalogue).register("endless", held_by(endless))
    began = clock.monotonic()
    with pytest.raises(ExceptionGroup) as raised:
        async with manager.create_resource(resource_type="endless"):
            pass

    assert clock.monotonic() - began == pytest.approx(10)
    assert "more than 10 s" in str(raised.value.exceptions[0])
    assert await states(manager) == ["left"]
    never.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_opened_and_closed_is_so_in_one_asyncio_task(manager, container):
    tasks = []

    @asynccontextmanager
    async def observed():
        async with asyncio.timeout(60):
            tasks.append(asyncio.current_task())
            yield Held(value=None)
            tasks.append(asyncio.current_task())

    container.get(ResourceCatalogue).register("observed", held_by(observed))
    async with manager.create_resource(resource_type="observed"):
        pass

    assert tasks[0] is tasks[1] is not asyncio.current_task()


async def test_what_cannot_be_acquired_leaves_nothing(manager, sample):
    sample.errors["acquire"] = OSError("no room")

    async with manager.create_session() as session:
        with pytest.raises(ResourceNotAcquired, match=r"'test_resource' .*OSError: no room"):
            await session.create_resource(resource_type=TYPE)

    assert sample.there == []
    assert await states(manager) == ["released"]


async def test_typed_errors_of_a_type_are_raised_as_they_are(manager, sample):
    sample.errors["acquire"] = ResourceBusy("held")

    with pytest.raises(ResourceBusy, match="held"):
        async with manager.create_resource(resource_type=TYPE):
            pass


async def test_one_who_is_cancelled_while_it_acquires_has_acquired_nothing(manager, container):
    log = []

    @asynccontextmanager
    async def slow():
        try:
            await asyncio.sleep(5)
            yield Held(value=None)
        finally:
            log.append("cleaned up")

    container.get(ResourceCatalogue).register("slow", held_by(slow))
    async with manager.create_session() as session:
        creating = asyncio.create_task(session.create_resource(resource_type="slow"))
        await asyncio.sleep(1)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating

        assert log == ["cleaned up"]
        assert await states(manager) == ["released"]


async def test_one_who_is_cancelled_just_when_it_is_acquired_has_acquired_nothing(manager, sample):
    async with manager.create_session() as session:
        creating = asyncio.create_task(session.create_resource(resource_type=TYPE))
        while not sample.there:
            await asyncio.sleep(0)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating

    assert sample.there == []


async def test_an_acquisition_that_somebody_else_cancels_is_told(manager, container):
    @asynccontextmanager
    async def cancelled():
        raise asyncio.CancelledError
        yield

    container.get(ResourceCatalogue).register("cancelled", held_by(cancelled))
    with pytest.raises(ResourceNotAcquired, match="was cancelled"):
        async with manager.create_resource(resource_type="cancelled"):
            pass


async def test_a_release_that_somebody_else_cancels_is_told(manager, container):
    @asynccontextmanager
    async def cancelled():
        yield Held(value=None)
        raise asyncio.CancelledError

    container.get(ResourceCatalogue).register("cancelled", held_by(cancelled))
    with pytest.raises(ExceptionGroup) as raised:
        async with manager.create_resource(resource_type="cancelled"):
            pass

    assert "was cancelled" in str(raised.value.exceptions[0])


class Odd(BaseException):
    """No ``Exception``."""


async def test_an_odd_error_of_a_release_is_told(manager, container):
    @asynccontextmanager
    async def odd():
        yield Held(value=None)
        raise Odd("odd")

    container.get(ResourceCatalogue).register("odd", held_by(odd))
    with pytest.raises(ExceptionGroup) as raised:
        async with manager.create_resource(resource_type="odd"):
            pass

    assert "its release ended by Odd: odd" in str(raised.value.exceptions[0])


async def test_an_operation_gives_its_value(manager):
    async with manager.create_session() as session:
        resource = await session.create_resource(resource_type=TYPE)

        result = await session.execute_operation(
            resource.id, operation="test_operation", parameters={"test": True}
        )
        by_itself = await resource.execute_operation(operation="test_operation")

    assert (result.success, result.value, result.error) == (True, {"test": True}, None)
    assert by_itself.value == {}


async def test_an_operation_that_fails_is_told_whole(manager, container):
    error = OSError("gone")
    container.get(ResourceCatalogue).register(
        "mocked", held_by(lambda: _holding(fail=AsyncMock(side_effect=error)))
    )
    async with manager.create_resource(resource_type="mocked") as resource:
        result = await resource.execute_operation(operation="fail")

    assert (result.success, result.error, result.exception) == (False, "OSError: gone", error)


async def test_parameters_that_an_operation_does_not_take_are_told_with_those_it_takes(
    manager, container
):
    async def greet(name: str, *, loud: bool = False) -> str:
        return name.upper() if loud else name

    operations = {"greet": greet, "built_in": min}
    container.get(ResourceCatalogue).register("odd", held_by(lambda: _holding(**operations)))
    async with manager.create_resource(resource_type="odd") as resource:
        call = resource.execute_operation
        missing = await call(operation="greet")
        unknown = await call(operation="greet", parameters={"name": "Ada", "lowd": True})
        fits = await call(operation="greet", parameters={"name": "Ada", "loud": True})
        unasked = await call(operation="built_in", parameters={"default": 1})

    assert missing.error == (
        "parameters: missing a required argument: 'name'; 'greet' takes"
        " (name: str, *, loud: bool = False) -> str"
    )
    assert "unexpected keyword argument 'lowd'" in unknown.error
    assert fits.value == "ADA"
    assert unasked.error.startswith("TypeError: min")


@asynccontextmanager
async def _holding(**operations):
    yield Held(value=None, operations=operations)


async def test_an_operation_that_is_not_async_runs_in_a_thread(manager, container):
    threads = []
    container.get(ResourceCatalogue).register(
        "plain", held_by(lambda: _holding(note=lambda: threads.append(threading.current_thread())))
    )
    async with manager.create_resource(resource_type="plain") as resource:
        await resource.execute_operation(operation="note")

    assert threads[0] is not threading.main_thread()


async def test_an_operation_that_takes_too_long_is_refused(manager, container):
    async def slow():
        await asyncio.sleep(60)

    container.get(ResourceCatalogue).register("slow", held_by(lambda: _holding(slow=slow)))
    async with manager.create_resource(resource_type="slow") as resource:
        result = await resource.execute_operation(operation="slow", timeout=1.5)

    assert not result.success
    assert "took longer than 1.5 s" in result.error


async def test_a_cancelled_operation_passes(manager, container):
    container.get(ResourceCatalogue).register(
        "slow", held_by(lambda: _holding(slow=asyncio.Event().wait))
    )
    async with manager.create_resource(resource_type="slow") as resource:
        working = asyncio.create_task(resource.execute_operation(operation="slow"))
        await asyncio.sleep(1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"operation": "test_operatoin"}, "has no operation 'test_operatoin'; it has 'test_op"),
        ({"operation": "x"}, "it has 'test_operation'"),
        ({"operation": ""}, "operation: must be text"),
        ({"operation": "test_operation", "parameters": [1]}, "parameters: must be a mapping"),
        ({"operation": "test_operation", "timeout": -1}, "timeout"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(manager, asked, told):
    async with manager.create_resource(resource_type=TYPE) as resource:
        result = await resource.execute_operation(**asked)

    assert not result.success
    assert told in result.error


async def test_a_resource_of_another_session_is_not_found(manager):
    async with (
        manager.create_resource(resource_type=TYPE) as resource,
        manager.create_session() as other,
    ):
        result = await other.execute_operation(resource.id, operation="test_operation")
        with pytest.raises(ResourceNotFound):
            await other.release(resource.id)

    assert "No resource has the id" in result.error


async def test_a_resource_can_be_released_before_the_end(manager, sample):
    async with manager.create_session() as session:
        first = await session.create_resource(resource_type=TYPE)
        await session.create_resource(resource_type=TYPE)
        await session.release(first.id)
        await session.release(first.id)

        assert len(sample.there) == 1
        result = await first.execute_operation(operation="test_operation")
        assert "is released already" in result.error


async def test_one_that_would_not_go_before_the_end_is_told_then(manager, sample):
    async with manager.create_session() as session:
        resource = await session.create_resource(resource_type=TYPE)
        sample.errors["release"] = OSError("busy")
        with pytest.raises(ResourceNotReleased, match="OSError: busy"):
            await session.release(resource.id)


async def test_a_session_is_entered_once_and_used_inside(manager):
    session = manager.create_session()
    with pytest.raises(InvalidRequest, match="session: is not open"):
        await session.create_resource(resource_type=TYPE)
    async with session:
        pass
    with pytest.raises(InvalidRequest, match="session: is over"):
        await session.create_resource(resource_type=TYPE)
    with pytest.raises(InvalidRequest, match="is entered once"):
        async with session:
            pass


async def test_bad_requests_acquire_nothing(manager, sample):
    async with manager.create_session() as session:
        with pytest.raises(UnknownResourceType, match="Did you mean 'test_resource'"):
            await session.create_resource(resource_type="test_resorce")
        with pytest.raises(InvalidRequest, match="configuration: must be a mapping"):
            await session.create_resource(resource_type=TYPE, configuration=["x"])

    assert sample.log == []
    assert await states(manager) == []


def failing(container, fails):
    """The container's manager; its repository cannot save as long as ``fails`` has something."""
    real = container.get(ResourceRepository)

    class Failing:
        def __getattr__(self, name):
            return getattr(real, name)

        async def save(self, record):
            if fails:
                raise DatabaseLocked("busy")
            await real.save(record)

    container.override(ResourceRepository, Failing(), check=False)
    return container.get(AsyncResourceManager)


@pytest_asyncio.fixture
async def unstarted(container_class):
    container = container_class()
    yield container
    await container.cleanup_async_services()


async def test_where_the_row_cannot_be_kept_nothing_stays_acquired(unstarted):
    with pytest.raises(DatabaseLocked, match="busy"):
        async with failing(unstarted, ["always"]).create_resource(resource_type=TYPE):
            pass

    assert unstarted.get("resource_types.test_resource").there == []


async def test_a_release_that_cannot_be_recorded_is_told(unstarted):
    fails = []
    with pytest.raises(ExceptionGroup) as raised:
        async with failing(unstarted, fails).create_resource(resource_type=TYPE):
            fails.append("now")

    assert isinstance(raised.value.exceptions[0], DatabaseLocked)


async def test_an_acquisition_is_refused_also_where_that_cannot_be_recorded(unstarted):
    manager = failing(unstarted, ["always"])
    unstarted.get("resource_types.test_resource").errors["acquire"] = OSError("no room")

    with pytest.raises(ResourceNotAcquired, match="no room"):
        async with manager.create_resource(resource_type=TYPE):
            pass


class BehindADoor:
    """A type whose resources are there when somebody opens the door."""

    def __init__(self):
        self.there, self.begun, self.door = [], asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def hold(self):
        self.begun.set()
        await self.door.wait()
        self.there.append(self)
        try:
            yield Held(value=self)
        finally:
            self.there.remove(self)


async def test_what_is_acquired_after_the_end_of_its_session_is_released(manager):
    slow = BehindADoor()
    manager._catalogue.register("slow", held_by(slow.hold))
    async with manager.create_session() as session:
        late = asyncio.create_task(session.create_resource(resource_type="slow"))
        await slow.begun.wait()
    slow.door.set()

    with pytest.raises(InvalidRequest, match="session: is over"):
        await late
    assert slow.there == []
    assert await states(manager) == ["released"]


async def test_nothing_stays_announced_that_is_cancelled_before_it_is_acquired(manager, container):
    repository = container.get(ResourceRepository)
    add, was_added = repository.add, asyncio.Event()

    async def slow_add(record):
        await add(record)
        was_added.set()
        await asyncio.sleep(1)

    session = manager.create_session()
    session._work = replace(session._work, repository=Mock(wraps=repository, add=slow_add))
    async with session:
        creating = asyncio.create_task(session.create_resource(resource_type=TYPE))
        await was_added.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        assert await states(manager) == ["released"]


@pytest.mark.parametrize("yielded", [None, 5])
async def test_a_type_that_yields_something_else_than_what_is_held_is_told_so(manager, yielded):
    @asynccontextmanager
    async def hold():
        yield yielded

    manager._catalogue.register("wrong", held_by(hold))
    with pytest.raises(ResourceNotAcquired, match="must yield a Held"):
        async with asyncio.timeout(1), manager.create_resource(resource_type="wrong"):
            raise AssertionError


async def test_an_id_that_is_no_text_is_refused(manager):
    async with manager.create_session() as session:
        result = await session.execute_operation([], operation="test_operation")
        with pytest.raises(InvalidRequest, match="resource_id: must be text"):
            await session.release([])

    assert "resource_id: must be text" in result.error
