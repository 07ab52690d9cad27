"""Starting and stopping: the order, the failures, and the ways to misuse it."""

import asyncio
import gc
import warnings
from collections.abc import Callable

import pytest

from vespera.domain.errors import ForeignEventLoop, MissingSetting, StopTimedOut
from vespera.infrastructure.di.base import BaseContainer, Service, providers


class Part:
    """Writes down what happens to it; ``on_start`` and ``on_stop`` may do more."""

    def __init__(self, name: str, log: list[str], *needs: object, **doing: Callable) -> None:
        self.name, self.log, self.needs = name, log, needs
        self.doing = doing

    async def start(self) -> None:
        self.log.append(f"+{self.name}")
        if "on_start" in self.doing:
            await self.doing["on_start"]()

    async def stop(self) -> None:
        self.log.append(f"-{self.name}")
        if "on_stop" in self.doing:
            await self.doing["on_stop"]()


class Middle:
    def __init__(self, inner: object) -> None:
        self.inner = inner


def chain(log: list[str], **doing: dict[str, Callable]) -> type[BaseContainer]:
    """``a`` is used by a plain object, that by ``b``, that by ``c``; ``d`` stands alone."""
    kept = providers.Object(log)

    class Chain(BaseContainer):
        d = Service(Part, "d", kept, **doing.get("d", {}))
        a = Service(Part, "a", kept, **doing.get("a", {}))
        middle = providers.Singleton(Middle, a)
        b = Service(Part, "b", kept, middle, **doing.get("b", {}))
        c = Service(Part, "c", kept, b, **doing.get("c", {}))

    return Chain


@pytest.fixture
def log() -> list[str]:
    return []


STARTED = ["+d", "+a", "+b", "+c"]
STOPPED = ["-c", "-b", "-a", "-d"]


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def fail() -> None:
    raise ConnectionError("boom")


# -------------------------------------------------------------------------------------------- order


async def test_services_start_in_the_order_of_dependencies_and_stop_in_reverse(log: list[str]):
    async with chain(log)():
        assert log == STARTED
    assert log == STARTED + STOPPED


async def test_the_order_is_the_same_each_time(log: list[str]):
    for _ in range(20):
        log.clear()
        async with chain(log)():
            pass
        assert log == STARTED + STOPPED


async def test_the_block_gives_the_container(log: list[str]):
    container = chain(log)()

    async with container as entered:
        assert entered is container


async def test_a_replaced_part_takes_its_place_in_the_order(log: list[str]):
    base = chain(log)

    class Mine(base):
        a = Service(Part, "new a", providers.Object(log), base.d)

    async with Mine():
        assert log == ["+d", "+new a", "+b", "+c"]


async def test_services_inside_a_group_are_started_too(log: list[str]):
    class Grouped(BaseContainer):
        group = providers.Aggregate(one=Service(Part, "one", providers.Object(log)))

    async with Grouped():
        assert log == ["+one"]


async def test_an_overridden_part_starts_what_its_override_needs(log: list[str]):
    container = chain(log)()
    container.override("a", Service(Part, "other", providers.Object(log)))

    async with container:
        assert log == ["+d", "+other", "+b", "+c"]
    assert log[4:] == ["-c", "-b", "-other", "-d"]


# -------------------------------------------------------------------------------- again and at once


async def test_starting_and_stopping_twice_is_once(log: list[str]):
    container = chain(log)()

    await container.initialize_async_services()
    await container.initialize_async_services()
    await container.cleanup_async_services()
    await container.cleanup_async_services()

    assert log == STARTED + STOPPED


async def test_concurrent_calls_start_and_stop_once(log: list[str]):
    container = chain(log)()

    await asyncio.gather(*(container.initialize_async_services() for _ in range(5)))
    assert log == STARTED
    await asyncio.gather(*(container.cleanup_async_services() for _ in range(5)))
    assert log == STARTED + STOPPED


async def test_a_container_can_be_used_again_after_cleanup_with_fresh_objects(log: list[str]):
    container = chain(log)()
    async with container:
        first, middle = container.get("a"), container.get("middle")
    async with container:
        assert container.get("a") is not first
        assert container.get("middle") is not middle
        assert container.get("middle").inner is container.get("a")
    assert log == (STARTED + STOPPED) * 2


async def test_cleaning_up_what_was_never_used_does_nothing(log: list[str]):
    await chain(log)().cleanup_async_services()

    assert log == []


# ------------------------------------------------------------------------------------------- lazily


async def test_what_was_built_and_never_started_is_stopped_as_well(log: list[str]):
    container = chain(log)()
    container.get("b")

    await container.cleanup_async_services()

    assert log == ["-b", "-a"]


async def test_a_service_may_be_started_before_the_container_is(log: list[str]):
    container = chain(log)()
    await container.get("a").start()

    async with container:
        assert log == ["+a", "+d", "+a", "+b", "+c"]  # start may come twice


# -------------------------------------------------------------------------------- failures at start


async def test_a_failing_start_stops_what_was_built_and_says_where(log: list[str]):
    container = chain(log, b={"on_start": fail})()

    with pytest.raises(ConnectionError, match="boom") as caught:
        await container.initialize_async_services()

    assert log == ["+d", "+a", "+b", *STOPPED]
    assert caught.value.__notes__ == ["While starting b."]


async def test_after_a_failing_start_the_container_can_be_started_again(log: list[str]):
    broken = [True]

    async def once() -> None:
        if broken[0]:
            raise ConnectionError

    container = chain(log, b={"on_start": once})()
    container.override("d", "fake")
    with pytest.raises(ConnectionError):
        await container.initialize_async_services()

    broken.clear()
    broken.append(False)
    log.clear()
    async with container:
        assert log == ["+a", "+b", "+c"]
        assert container.get("d") == "fake"  # the override is still in force


async def test_a_cancelled_start_stops_what_was_started(log: list[str]):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await never()

    container = chain(log, b={"on_start": hang})()
    starting = asyncio.create_task(container.initialize_async_services())
    await reached.wait()

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert log == ["+d", "+a", "+b", *STOPPED]


async def test_a_roll_back_goes_through_when_it_is_cancelled_once_more(log: list[str]):
    stopping = asyncio.Event()

    async def hang() -> None:
        stopping.set()
        await never()

    container = chain(log, c={"on_start": fail}, b={"on_stop": hang})()
    starting = asyncio.create_task(container.initialize_async_services())
    await stopping.wait()

    starting.cancel()
    with pytest.raises(ConnectionError) as caught:
        await starting

    assert log == [*STARTED, *STOPPED]
    assert "CancelledError" in "".join(caught.value.__notes__)


async def test_an_error_while_rolling_back_is_noted_whole(log: list[str]):
    async def worse() -> None:
        raise ValueError("worse")

    container = chain(log, b={"on_start": fail}, a={"on_stop": worse})()

    with pytest.raises(ConnectionError) as caught:
        await container.initialize_async_services()

    assert log[-1] == "-d"
    notes = "".join(caught.value.__notes__)
    assert "Traceback" in notes
    assert "ValueError: worse" in notes
    assert "While stopping a." in notes


async def test_the_one_who_waits_starts_the_container_when_the_first_is_cancelled(log: list[str]):
    gate, reached = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await gate.wait()

    container = chain(log, a={"on_start": wait})()
    first = asyncio.create_task(container.initialize_async_services())
    second = asyncio.create_task(container.initialize_async_services())
    await reached.wait()

    first.cancel()
    gate.set()
    await second
    assert first.cancelled()
    await container.cleanup_async_services()
    assert log == ["+d", "+a", *STOPPED, *STARTED, *STOPPED]


async def test_a_missing_setting_is_found_before_anything_starts(log: list[str]):
    class Mine(chain(log)):
        keyed = Service(Part, BaseContainer.config.key, providers.Object(log))

    with pytest.raises(MissingSetting, match=r"config\.key is not set, needed by keyed"):
        await Mine().initialize_async_services()

    assert [entry for entry in log if entry.startswith("+")] == []


# --------------------------------------------------------------------------------- failures at stop


async def test_all_are_stopped_and_all_errors_are_raised_together(log: list[str]):
    container = chain(log, a={"on_stop": fail}, c={"on_stop": fail})()
    await container.initialize_async_services()

    with pytest.raises(ExceptionGroup, match="Services failed to stop") as caught:
        await container.cleanup_async_services()

    assert log == STARTED + STOPPED
    assert [error.__notes__ for error in caught.value.exceptions] == [
        ["While stopping c."],
        ["While stopping a."],
    ]
    await container.cleanup_async_services()
    assert log == STARTED + STOPPED


async def test_a_service_that_does_not_stop_in_time_is_cancelled_and_named(log: list[str]):
    container = chain(log, b={"on_stop": never})(stop_timeout=0)
    await container.initialize_async_services()

    with pytest.raises(ExceptionGroup) as caught:
        await container.cleanup_async_services()

    (error,) = caught.value.exceptions
    assert isinstance(error, StopTimedOut)
    assert "b did not stop within 0 s (setting 'stop_timeout')" in str(error)
    assert log == STARTED + STOPPED


async def test_settings_replaced_natively_do_not_hinder_the_cleanup(log: list[str]):
    container = chain(log)()
    await container.initialize_async_services()

    container.config.override({})
    await container.cleanup_async_services()

    assert log == STARTED + STOPPED


async def test_each_service_has_the_stop_timeout_for_itself(log: list[str]):
    container = chain(log, a={"on_stop": never}, c={"on_stop": never})(stop_timeout=0.001)
    await container.initialize_async_services()

    with pytest.raises(ExceptionGroup) as caught:
        await container.cleanup_async_services()

    assert [type(error) for error in caught.value.exceptions] == [StopTimedOut, StopTimedOut]


async def test_a_timeout_error_of_the_service_itself_is_not_ours(log: list[str]):
    async def own() -> None:
        raise TimeoutError("its own")

    container = chain(log, a={"on_stop": own})(stop_timeout=None)
    await container.initialize_async_services()

    with pytest.raises(ExceptionGroup) as caught:
        await container.cleanup_async_services()
    assert not isinstance(caught.value.exceptions[0], StopTimedOut)


async def test_a_cancelled_cleanup_stops_the_others_and_passes_the_cancellation_on(log: list[str]):
    stopping = asyncio.Event()

    async def hang() -> None:
        stopping.set()
        await never()

    container = chain(log, b={"on_stop": hang}, a={"on_stop": fail})()
    await container.initialize_async_services()
    cleaning = asyncio.create_task(container.cleanup_async_services())
    await stopping.wait()

    cleaning.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await cleaning

    assert log == STARTED + STOPPED
    assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_leaving_the_block_by_an_error_keeps_it_as_the_context_of_a_failing_stop(
    log: list[str],
):
    container = chain(log, a={"on_stop": fail})()

    with pytest.raises(ExceptionGroup) as caught:
        async with container:
            raise KeyError("first")

    assert isinstance(caught.value.__context__, KeyError)


# -------------------------------------------------------------------------------------- event loops


def test_a_container_that_was_started_in_another_event_loop_is_refused(log: list[str]):
    container = chain(log)()
    asyncio.run(container.initialize_async_services())

    for call in (container.initialize_async_services, container.cleanup_async_services):
        with pytest.raises(ForeignEventLoop, match="another event loop"):
            asyncio.run(call())
    with pytest.warns(ResourceWarning, match="Chain was left open"):
        container.__del__()
    _close(container)


def test_one_loop_after_another_is_fine_with_a_cleanup_in_between(log: list[str]):
    container = chain(log)()

    async def use() -> None:
        await asyncio.gather(*(container.initialize_async_services() for _ in range(3)))
        await container.cleanup_async_services()

    asyncio.run(use())
    asyncio.run(use())

    assert log == (STARTED + STOPPED) * 2


async def test_a_container_left_open_warns_when_it_is_collected(log: list[str]):
    container = chain(log)()
    await container.initialize_async_services()

    with pytest.warns(ResourceWarning, match="Chain was left open: await cleanup_async_services"):
        del container


async def test_a_container_left_open_by_a_service_that_started_itself_warns_as_well():
    class SelfStarting:
        started = True

    class Mine(BaseContainer):
        part = Service(SelfStarting)

    container = Mine()
    container.get("part")

    with pytest.warns(ResourceWarning, match="Mine was left open"):
        del container


async def test_a_container_that_was_cleaned_up_is_collected_without_a_word(log: list[str]):
    container = chain(log)()
    async with container:
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del container
        gc.collect()


def _close(container: BaseContainer) -> None:
    """Forget that it was started, so that the collector finds nothing to warn of."""
    container._lifecycle._started = False
    for service in container._graph.services():
        service.release()


class Abandonable(Part):
    def abandon(self) -> None:
        self.log.append(f"!{self.name}")


async def test_an_abandoned_container_stops_nothing_and_warns_of_nothing(log):
    class Container(BaseContainer):
        a = Service(Part, "a", providers.Object(log))
        b = Service(Abandonable, "b", providers.Object(log))

    container = Container()
    await container.initialize_async_services()

    container.abandon()
    await container.cleanup_async_services()
    del container
    gc.collect()

    assert log == ["+a", "+b", "!b"]
