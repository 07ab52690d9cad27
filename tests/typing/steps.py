"""What steps give keeps its type, whatever kind of function it is."""

from datetime import datetime
from functools import partial
from random import Random
from typing import Generic, TypeVar, assert_type

from vespera import TaskContext, current_call

T = TypeVar("T")


class Shelf(Generic[T]):
    def __init__(self, first: T) -> None:
        self._first = first

    def first(self) -> T:
        return self._first

    async def fetched(self) -> T:
        return self._first

    async def __call__(self, times: int) -> list[T]:
        return [self._first] * times


def count(text: str, *, least: int = 0) -> int:
    return max(len(text), least)


async def load(name: str) -> bytes:
    return name.encode()


async def handler(task: TaskContext) -> None:
    shelf = Shelf("book")
    assert_type(await task.step("sync", count, "text", least=3), int)
    assert_type(await task.step("async", load, "text", heartbeat_timeout=5.0), bytes)
    assert_type(await task.step("partial", partial(count, least=3), "text"), int)
    assert_type(await task.step("async partial", partial(load, "text")), bytes)
    assert_type(await task.step("method", shelf.first, in_thread=False), str)
    assert_type(await task.step("async method", shelf.fetched), str)
    assert_type(await task.step("callable", shelf, 2), list[str])
    assert_type(await task.step("lambda", lambda: 3.5), float)
    assert_type(await task.now(), datetime)
    assert_type(task.uuid("order"), str)
    assert_type(task.random(), Random)
    assert_type(task.last_heartbeat, object)
    await task.heartbeat({"page": 3})


def in_a_thread() -> str:
    call = current_call()
    call.heartbeat(3)
    assert_type(call.last_heartbeat, object)
    assert_type(call.occurrence, int)
    return call.name
