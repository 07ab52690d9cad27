"""The two providers that keep what they build."""

import asyncio
import threading
from collections import OrderedDict

import pytest
from dependency_injector.providers import Factory

from vespera.infrastructure.di.service import Service, Singleton


async def stop_all(service: Service) -> None:
    for stop in service.release():
        await stop()


def test_a_singleton_whose_object_is_none_is_built_once():
    calls = []
    singleton = Singleton(calls.append, 1)

    assert singleton() is None
    assert singleton() is None
    assert calls == [1]


def test_a_singleton_that_failed_is_tried_again():
    results = iter([ZeroDivisionError, "built"])

    def build() -> str:
        result = next(results)
        if result is not ZeroDivisionError:
            return result
        raise ZeroDivisionError

    singleton = Singleton(build)
    with pytest.raises(ZeroDivisionError):
        singleton()

    assert singleton() == "built"


def test_a_reset_singleton_is_built_anew():
    singleton = Singleton(object)
    first = singleton()

    singleton.reset()

    assert singleton() is not first


def test_attributes_are_set_on_the_object():
    class Thing:
        pass

    singleton = Singleton(Thing)
    singleton.set_attributes(colour="red")

    assert singleton().colour == "red"


def test_arguments_are_set_added_and_cleared_as_dependency_injector_does():
    singleton = Singleton(dict, 1, a=1)

    singleton.add_args(2).add_kwargs(b=2).set_attributes(c=3).add_attributes(d=4)
    assert (singleton.args, singleton.kwargs) == ((1, 2), {"a": 1, "b": 2})
    assert singleton.attributes == {"c": 3, "d": 4}

    singleton.clear_args().clear_kwargs().clear_attributes().set_provides(list)
    assert (singleton.args, singleton.kwargs, singleton.attributes) == ((), {}, {})
    assert singleton() == []


def test_what_builds_the_object_may_be_given_by_its_name():
    assert Singleton("collections.OrderedDict", a=1)() == {"a": 1}


def test_what_the_caller_gives_goes_before_what_was_declared_which_is_not_asked_for():
    asked = []
    declared = Factory(asked.append, "asked")

    assert Singleton(dict, a=declared, b=2)(a=1) == {"a": 1, "b": 2}
    assert asked == []


def test_a_singleton_shows_what_it_builds():
    assert "OrderedDict" in str(Singleton(OrderedDict))


def test_the_native_context_of_a_reset_resets_at_its_end_too():
    singleton = Singleton(object)
    with singleton.reset():
        inside = singleton()

    assert singleton() is not inside


def test_two_singletons_have_locks_of_their_own():
    first_builds, second_built = threading.Event(), threading.Event()

    def build_first() -> str:
        first_builds.set()
        assert second_built.wait(timeout=5)
        return "first"

    first, second = Singleton(build_first), Singleton(lambda: "second")
    thread = threading.Thread(target=first)
    thread.start()
    assert first_builds.wait(timeout=5)
    assert second() == "second"
    second_built.set()
    thread.join(timeout=5)

    assert not thread.is_alive()


class Log(list):
    pass


async def test_start_and_stop_are_called_async_or_not():
    log = Log()

    class Plain:
        def start(self) -> None:
            log.append("start")

        def stop(self) -> None:
            log.append("stop")

    service = Service(Plain)
    await service.start()
    await service.start()
    await stop_all(service)

    assert log == ["start", "stop"]


async def test_a_context_manager_is_entered_and_left():
    log = Log()

    class Manager:
        async def __aenter__(self) -> None:
            log.append("enter")

        async def __aexit__(self, *error: object) -> None:
            log.append(("exit", *error))

        async def aclose(self) -> None:
            log.append("aclose")

    service = Service(Manager)
    await service.start()
    await stop_all(service)
    assert log == ["enter", ("exit", None, None, None)]

    log.clear()
    service()
    await stop_all(service)
    assert log == ["aclose"]  # what was not entered is not left, but closed


@pytest.mark.parametrize("name", ["aclose", "close"])
async def test_what_can_only_be_closed_is_closed(name: str):
    log = Log()
    closable = type("Closable", (), {name: lambda _self: log.append(name)})
    service = Service(closable)

    await service.start()
    await stop_all(service)

    assert log == [name]


async def test_an_object_that_has_nothing_to_stop_is_let_go():
    service = Service(object)

    await service.start()
    await stop_all(service)

    assert not service.running


async def test_dropped_objects_are_stopped_too_the_newest_first():
    log = Log()

    class Part:
        def stop(self) -> None:
            log.append(self)

    service = Service(Part)
    first = service()
    service.reset()
    second = service()
    service.reset()

    await stop_all(service)

    assert log == [second, first]
    assert service.release() == []


async def test_running_is_what_the_container_or_the_object_itself_has_started():
    class Lazy:
        started = False

    service = Service(Lazy)
    assert not service.running
    part = service()
    assert not service.running
    part.started = True
    assert service.running
    part.started = False
    await service.start()
    assert service.running
    await stop_all(service)
    assert not service.running


async def test_a_start_that_failed_did_not_start():
    class Broken:
        async def start(self) -> None:
            await asyncio.sleep(0)
            raise OSError

    service = Service(Broken)
    with pytest.raises(OSError):
        await service.start()

    assert not service.started
