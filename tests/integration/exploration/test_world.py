"""What is around a process, and outlives it."""

import pytest

from vespera import Container
from vespera.domain.errors import InvalidRequest
from vespera.testing import World, crash_test


class Bank(World.Service):
    def __init__(self) -> None:
        self.balance = 100

    async def withdraw(self, key, amount):
        if not self._world.log(Bank).count("withdraw", key=key):
            self.balance -= amount
        return self.once(key, amount)

    async def note(self, text, *, by="nobody"):
        return self.record(text, by)

    def left(self):
        return self.balance


class NeedsMore(World.Service):
    def __init__(self, name) -> None:
        self.name = name


async def test_a_service_is_one_and_does_a_key_once(world):
    bank = world.service(Bank)

    assert await bank.withdraw("a", 10) == 10
    assert await bank.withdraw("a", 20) == 10  # what was given first
    assert await bank.withdraw("b", 20) == 20

    assert bank.left() == 70
    assert world.service(Bank) is bank
    assert world.log(Bank).count("withdraw", key="a") == 1
    assert len(world.log(Bank).of("withdraw", key="a").calls) == 2
    assert world.log(Bank).keys == ["a", "b"]


async def test_what_is_recorded_happens_each_time(world):
    bank = world.service(Bank)

    await bank.note("hello", by="a")
    await bank.note("hello")

    assert world.log(Bank).count("note", key="hello") == 2
    assert [effect.value for effect in world.log()] == ["a", "nobody"]
    assert "Bank.note('hello') -> 'a'" in repr(world.log())


async def test_a_world_that_begins_anew_keeps_its_objects(world):
    bank = world.service(Bank)
    await bank.withdraw("a", 10)
    (world.workspace / "folder").mkdir()
    (world.workspace / "folder" / "file.txt").write_text("text")
    first = world.database.url

    world.begin_anew()

    assert (bank.balance, world.service(Bank) is bank) == (100, True)
    assert len(world.log()) == 0
    assert list(world.workspace.iterdir()) == []
    assert world.database.url != first


async def test_its_state_can_go_to_a_copy_of_the_process_and_back(world, tmp_path):
    bank = world.service(Bank)
    await bank.withdraw("a", 10)

    with World(tmp_path / "copy") as copy:
        copy.service(Bank)
        copy.restore(world.state())

        assert copy.service(Bank).balance == 90
        assert copy.log(Bank).keys == ["a"]


@pytest.mark.parametrize("cls", [object, Container, "Bank", NeedsMore])
def test_what_is_no_service_is_refused(world, cls):
    with pytest.raises(InvalidRequest) as refused:
        world.service(cls)

    assert refused.value.field == "service"


def test_its_database_can_be_put_back(world):
    empty = world.database.copy()
    assert world.database.is_new
    world.database.put_back(empty)

    assert world.database.tuples("SELECT count(*) FROM tasks") == [(0,)]


def test_a_crash_test_says_what_to_explore():
    @crash_test()
    def test(one, other):
        return "scenario", "invariants"

    with pytest.raises(InvalidRequest, match="2 of its fixtures can be called"):
        test(print, len)
    with pytest.raises(InvalidRequest, match="make it a plain function"):
        crash_test()(_async)


async def _async():
    pass
