"""Overriding what running services hold: they stop, and start again with the other object."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest

from vespera.domain.errors import ForeignEventLoop, OverrideRefused, StopTimedOut
from vespera.infrastructure.di.base import BaseContainer, Service, providers


class Part:
    """Writes down what happens to it, with what it was built with."""

    def __init__(self, name: str, house: "World", inner: object = None) -> None:
        self.name, self.world, self.inner = name, house, inner

    def __str__(self) -> str:
        return self.name if self.inner is None else f"{self.name}({self.inner})"

    async def start(self) -> None:
        await self.world.happens(f"+{self}")

    async def stop(self) -> None:
        await self.world.happens(f"-{self}")


class World:
    """``doing["+b(fake)"]`` is done when that happens."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.doing: dict[str, Callable[[], Awaitable[None]]] = {}

    async def happens(self, what: str) -> None:
        self.log.append(what)
        if what in self.doing:
            await self.doing[what]()


@pytest.fixture
def world() -> World:
    return World()


def house(world: World) -> BaseContainer:
    """``a`` is used by a plain object, that by ``b``, that by ``c``; ``d`` stands alone."""
    kept = providers.Object(world)

    class House(BaseContainer):
        d = Service(Part, "d", kept)
        a = Service(Part, "a", kept)
        middle = providers.Singleton(lambda inner: f"m({inner})", a)
        b = Service(Part, "b", kept, middle)
        c = Service(Part, "c", kept, b)
        clock = providers.Object("clock")

    return House()


STOPPED = ["-c(b(m(a)))", "-b(m(a))"]
STARTED = ["+b(m(a))", "+c(b(m(a)))"]
WITH_FAKE = ["+b(fake)", "+c(b(fake))"]
WITHOUT_FAKE = ["-c(b(fake))", "-b(fake)"]


async def boom() -> None:
    raise ConnectionError("boom")


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_holds_the_part_is_stopped_rebuilt_and_started_in_order(world: World):
    async with house(world) as container:
        others = container.get("a"), container.get("d")
        world.log.clear()

        async with container.override("middle", "fake", restart=True) as fake:
            assert fake == "fake"
            assert world.log == [*STOPPED, *WITH_FAKE]
            assert str(container.get("c")) == "c(b(fake))"
            assert (container.get("a"), container.get("d")) == others
            world.log.clear()

        assert world.log == [*WITHOUT_FAKE, *STARTED]
        assert str(container.get("c")) == "c(b(m(a)))"
        world.log.clear()
    assert world.log == [*STOPPED, "-a", "-d"]


async def test_a_service_itself_is_replaced_and_comes_back(world: World):
    async with house(world) as container:
        world.log.clear()
        async with container.override("a", "fake", restart=True):
            assert world.log == [*STOPPED, "-a", "+b(m(fake))", "+c(b(m(fake)))"]
        assert world.log[5:] == ["-c(b(m(fake)))", "-b(m(fake))", "+a", *STARTED]


async def test_services_that_come_with_the_override_are_started_and_stopped(world: World):
    async with house(world) as container:
        world.log.clear()
        mine = providers.Singleton(str, Service(Part, "mine", world))
        async with container.override("middle", mine, restart=True):
            assert world.log == [*STOPPED, "+mine", "+b(mine)", "+c(b(mine))"]
        assert world.log[5:] == ["-c(b(mine))", "-b(mine)", "-mine", *STARTED]
        world.log.clear()
    assert world.log == [*STOPPED, "-a", "-d"]


async def test_it_is_undone_when_the_block_fails(world: World):
    async with house(world) as container:
        with pytest.raises(ZeroDivisionError):
            async with container.override("middle", "fake", restart=True):
                raise ZeroDivisionError
        assert str(container.get("c")) == "c(b(m(a)))"


async def test_one_within_another_is_taken_away_exactly(world: World):
    async with house(world) as container:
        async with container.override("middle", "fake", restart=True):
            async with container.override("a", "lower", restart=True):
                assert str(container.get("b")) == "b(fake)"
            async with container.override("middle", "inner", restart=True):
                assert str(container.get("b")) == "b(inner)"
            assert str(container.get("b")) == "b(fake)"
        assert str(container.get("b")) == "b(m(a))"


async def test_nothing_is_started_in_a_container_that_does_not_run(world: World):
    container = house(world)

    async with container.override("middle", "fake", restart=True):
        assert container.get("middle") == "fake"
        async with container:
            assert world.log == ["+d", "+a", *WITH_FAKE]
        assert container.get("middle") == "m(a)"  # a cleanup undoes every override
    assert world.log == ["+d", "+a", *WITH_FAKE, *WITHOUT_FAKE, "-a", "-d"]


async def test_a_container_started_within_the_block_is_started_again_at_its_end(world: World):
    container = house(world)

    async with container.override("middle", "fake", restart=True):
        await container.initialize_async_services()
        world.log.clear()
    assert world.log == [*WITHOUT_FAKE, *STARTED]
    await container.cleanup_async_services()


async def test_only_what_ran_runs_again_where_services_started_themselves(world: World):
    class Lazy(Part):
        started = False

        async def start(self) -> None:
            await super().start()
            self.started = True

        async def stop(self) -> None:
            await super().stop()
            self.started = False

    class House(BaseContainer):
        part = providers.Object("part")
        used = Service(Lazy, "used", providers.Object(world), part)
        idle = Service(Lazy, "idle", providers.Object(world), part)

    container = House()
    await container.get("used").start()
    async with container.override("part", "fake", restart=True):
        assert container.get("used").started
    assert container.get("used").started

    assert world.log == [
        *("+used(part)", "-used(part)", "+used(fake)"),
        *("-used(fake)", "+used(part)"),
    ]
    await container.cleanup_async_services()


# ----------------------------------------------------------------------------------------- failures


async def test_a_service_that_does_not_start_with_the_object_starts_again_without(world: World):
    world.doing["+c(b(fake))"] = boom
    async with house(world) as container:
        world.log.clear()
        with pytest.raises(ConnectionError, match="boom") as caught:
            async with container.override("middle", "fake", restart=True):
                raise AssertionError

        assert world.log == [*STOPPED, *WITH_FAKE, *WITHOUT_FAKE, *STARTED]
        assert "While starting c." in caught.value.__notes__
        assert str(container.get("c")) == "c(b(m(a)))"


async def test_a_service_that_cannot_be_built_with_the_object_leaves_all_as_it_was(world: World):
    def build(part: object) -> object:
        if part == "fake":
            raise ValueError(part)
        return Part("built", world)

    class House(BaseContainer):
        part = providers.Object("part")
        service = Service(build, part)

    async with House() as container:
        with pytest.raises(ValueError, match="fake"):
            await container.override("part", "fake", restart=True).__aenter__()
        assert world.log == ["+built", "-built", "+built"]
        assert container.get("part") == "part"


async def test_a_cancelled_restart_goes_back(world: World):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await never()

    world.doing["+b(fake)"] = hang
    async with house(world) as container:
        entering = asyncio.create_task(
            container.override("middle", "fake", restart=True).__aenter__()
        )
        await reached.wait()

        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering

        assert world.log[-2:] == STARTED
        assert str(container.get("c")) == "c(b(m(a)))"
        world.log.clear()
    assert world.log == [*STOPPED, "-a", "-d"]


async def test_a_restart_cancelled_while_something_stops_goes_back(world: World):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await never()

    async with house(world) as container:
        world.doing["-c(b(m(a)))"] = hang
        entering = asyncio.create_task(
            container.override("middle", "fake", restart=True).__aenter__()
        )
        await reached.wait()

        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        del world.doing["-c(b(m(a)))"]

        assert str(container.get("c")) == "c(b(m(a)))"
        assert world.log[-2:] == STARTED


async def test_a_cancellation_passes_before_any_other_error(world: World):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await never()

    async with house(world) as container:
        world.doing |= {"-b(m(a))": boom, "+b(fake)": hang}
        entering = asyncio.create_task(
            container.override("middle", "fake", restart=True).__aenter__()
        )
        await reached.wait()
        entering.cancel()

        with pytest.raises(asyncio.CancelledError) as caught:
            await entering
        del world.doing["-b(m(a))"]

        assert "ConnectionError: boom" in "".join(caught.value.__notes__)
        assert str(container.get("c")) == "c(b(m(a)))"


async def test_a_service_that_does_not_stop_well_is_told_and_the_part_is_as_before(world: World):
    async with house(world) as container:
        world.doing["-b(m(a))"] = boom
        with pytest.raises(ConnectionError) as caught:
            await container.override("middle", "fake", restart=True).__aenter__()
        del world.doing["-b(m(a))"]

        assert "While stopping b." in caught.value.__notes__
        assert str(container.get("c")) == "c(b(m(a)))"
        assert world.log[-2:] == STARTED


async def test_the_stop_timeout_holds_here_too(world: World):
    container = house(world)
    container._lifecycle.stop_timeout = 0
    async with container:
        world.doing["-b(m(a))"] = never
        with pytest.raises(StopTimedOut):
            await container.override("middle", "fake", restart=True).__aenter__()
        world.doing.clear()


async def test_what_fails_on_both_ways_stops_everything_and_both_errors_are_told(world: World):
    container = house(world)
    await container.initialize_async_services()
    world.doing["+b(fake)"] = world.doing["+b(m(a))"] = boom
    world.log.clear()

    with pytest.raises(ConnectionError) as caught:
        await container.override("middle", "fake", restart=True).__aenter__()

    assert "".join(caught.value.__notes__).count("ConnectionError: boom") == 1
    assert world.log[-3:] == ["-b(m(a))", "-a", "-d"]
    world.doing.clear()
    world.log.clear()
    async with container:
        assert world.log == ["+d", "+a", *STARTED]


async def test_what_does_not_start_again_at_the_end_stops_everything(world: World):
    container = house(world)
    await container.initialize_async_services()

    override = container.override("middle", "fake", restart=True)
    await override.__aenter__()
    world.doing["+c(b(m(a)))"] = boom
    with pytest.raises(ConnectionError):
        await override.__aexit__(None, None, None)

    assert world.log[-2:] == ["-a", "-d"]
    assert container.get("middle") == "m(a)"
    await container.cleanup_async_services()


async def test_what_does_not_stop_well_at_the_end_is_told_and_the_rest_goes_on(world: World):
    async with house(world) as container:
        world.doing["-b(fake)"] = boom
        with pytest.raises(ConnectionError):
            async with container.override("middle", "fake", restart=True):
                pass
        assert str(container.get("c")) == "c(b(m(a)))"
        assert world.log[-2:] == STARTED


def test_a_container_that_runs_in_another_event_loop_is_refused(world: World):
    container = house(world)
    asyncio.run(container.initialize_async_services())

    with pytest.raises(ForeignEventLoop):
        asyncio.run(container.override("middle", "fake", restart=True).__aenter__())
    assert container.get("middle") == "m(a)"
    container._lifecycle._started = False
    for service in container._graph.services():
        service.release()


# ------------------------------------------------------------------------------------------- misuse


async def test_the_plain_override_says_how_to_restart(world: World):
    async with house(world) as container:
        with pytest.raises(OverrideRefused, match=r"override\('middle', \.\.\., restart=True\)"):
            container.override("middle", "fake")


async def test_what_is_refused_otherwise_is_refused_here_before_anything_stops(world: World):
    async with house(world) as container:
        world.log.clear()
        with pytest.raises(OverrideRefused, match="None is no object"):
            container.override("middle", None, restart=True)
        assert world.log == []


async def test_a_restart_that_is_never_entered_is_told(world: World):
    container = house(world)

    with pytest.warns(RuntimeWarning, match="does nothing without `async with`"):
        container.override("middle", "fake", restart=True)
        gc.collect()
    assert container.get("middle") == "m(a)"


async def test_it_is_no_plain_context_manager(world: World):
    override = house(world).override("middle", "fake", restart=True)

    with pytest.raises(TypeError), override:
        pass
    async with override:
        pass
