"""The process dies while it holds resources, and while it releases what another one has left."""

import gc
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from vespera import AsyncResourceManager, Container, Held, TaskContext, providers
from vespera.infrastructure.persistence.resource_repository import SqlResourceRepository
from vespera.testing import World, explore_crashes, explore_schedules


class Rooms(World.Service):
    """A hotel: rooms stay taken until somebody gives them back."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def take(self, name: str) -> None:
        assert name not in self.taken, "a room is taken once"
        self.record(name)
        self.taken.append(name)

    async def give_back(self, name: str) -> None:
        self.record(name)
        if name in self.taken:
            self.taken.remove(name)


class RoomType:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def announce(self, resource_id: str, configuration: Mapping[str, object]) -> Mapping[str, str]:
        return {"name": resource_id}

    @asynccontextmanager
    async def hold(
        self, trace: Mapping[str, Any], configuration: Mapping[str, object]
    ) -> AsyncIterator[Held]:
        await self._rooms.take(trace["name"])
        try:
            yield Held(value=trace["name"])
        finally:
            await self._rooms.give_back(trace["name"])

    async def remains(self, trace: Mapping[str, Any]) -> Sequence[str]:
        return ["it is taken"] if trace["name"] in self._rooms.taken else []

    async def reclaim(self, trace: Mapping[str, Any]) -> None:
        if trace["name"] in self._rooms.taken:
            await self._rooms.give_back(trace["name"])


async def guest(task: TaskContext) -> str:
    async with task.resources.create_session() as session:
        first = await session.create_resource(resource_type="room")
        await task.step("sleep in it", lambda: None, in_thread=False)
        return str(len(first.value))


@pytest.fixture
def hotel(world: World) -> type[Container]:
    class Hotel(Container):
        specialists = providers.Aggregate(guest=providers.Object(guest))
        resource_types = providers.Aggregate(room=providers.Object(RoomType(world.service(Rooms))))

    return Hotel


async def check_in(app: Any) -> None:
    await app.orchestrator.create_task(
        title="A guest", specialist_type="guest", task_id="a", completion="auto"
    )
    await app.run_until_idle()


async def by_hand(app: Any) -> None:
    async with app.get(AsyncResourceManager).create_session() as session:
        for _ in range(2):
            await session.create_resource(resource_type="room")


def all_rooms_are_free(app: Any, world: World) -> None:
    assert world.service(Rooms).taken == [], world.log()
    assert app.db.value("SELECT count(*) FROM resources WHERE state != 'released'") == 0


def the_guest_has_slept(app: Any) -> None:
    assert app.tasks.get("a").status == "completed", app.tasks.get("a").error


def test_a_task_that_dies_with_resources_leaves_none(world, hotel) -> None:
    report = explore_crashes(
        hotel,
        check_in,
        [all_rooms_are_free, the_guest_has_slept, "engine", "database"],
        world=world,
    )

    report.raise_for_failures()
    assert report.complete
    assert report.kinds["effect"] >= 4


@pytest.fixture
def collected_often() -> Iterator[None]:
    """Garbage is collected so often that frames of the dead, were they garbage, would be closed."""
    before = gc.get_threshold()
    gc.set_threshold(100, 2, 2)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collected_often")
def test_a_process_that_dies_with_a_session_leaves_none(world, hotel) -> None:
    async def look_after(app: Any) -> None:
        await app.run_until_idle()

    report = explore_crashes(
        hotel, by_hand, [all_rooms_are_free, "database"], world=world, recover=look_after
    )

    report.raise_for_failures()


def test_an_implementation_that_announces_too_late_is_found_out(world, hotel) -> None:
    """Where the row is written after the act, what was begun is never found."""

    class Late(SqlResourceRepository):
        new = None

        async def add(self, record: Any) -> None:
            self.new = record

        async def save(self, record: Any) -> None:
            if self.new is not None:
                await super().add(self.new)
                self.new = None
            await super().save(record)

    class Hasty(hotel):
        resources = providers.Singleton(Late, Container.database)

    report = explore_crashes(Hasty, check_in, all_rooms_are_free, world=world)

    assert any("effect" in str(failure) for failure in report.failures)


def test_two_workers_release_what_is_left_and_nothing_else(world, hotel) -> None:
    report = explore_schedules(
        [hotel, hotel], check_in, all_rooms_are_free, world=world, bound=1, slow=(), seeds=1
    )

    report.raise_for_failures()


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_process_that_dies_again_while_it_recovers_leaves_none(world, hotel) -> None:
    report = explore_crashes(
        hotel,
        check_in,
        [all_rooms_are_free, the_guest_has_slept, "engine", "database"],
        world=world,
        depth=2,
    )

    report.raise_for_failures()
    assert report.complete


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_workers_one_of_which_is_slow_leave_none(world, hotel) -> None:
    """A release that takes more than its time is told, and made up for."""
    report = explore_schedules([hotel, hotel], check_in, all_rooms_are_free, world=world, bound=1)

    report.raise_for_failures()
