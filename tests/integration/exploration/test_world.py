"""What is around a process, and outlives it."""

import pytest

from vespera import Container
from vespera.domain.errors import InvalidRequest
from vespera.testing import World, crash_test, explore_crashes


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


# ---- what holds for every workflow


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM steps; DELETE FROM tasks", "task 'order-7' was stored, and is gone"),
        ("UPDATE tasks SET outcome = X'22'", "task 'order-7' was completed with"),
        ("DELETE FROM steps", "step 'charge' (1) of task 'order-7' was recorded, and is gone"),
        ("UPDATE steps SET value = X'31'", "was recorded twice: first"),
        (
            "UPDATE tasks SET status = 'running', owner = 'x', lease_until = 1",
            "task 'order-7' was completed with",
        ),
        ("UPDATE tasks SET owner = 'somebody'", "task 'order-7' is held, but not running"),
        ("UPDATE tasks SET blockers = 1", "waits for 1 others by its count, but for 0 in fact"),
        ("UPDATE tasks SET report_id = NULL", "its file operations were never judged"),
    ],
)
def test_every_promise_that_is_broken_is_told(shop, world, place, ordered, damage, told):
    """Somebody else changes the database behind the engine's back, when all is done."""
    kind = "write" if "judged" in told else "pay"

    def spoil(app, world):
        world.database._keeper.executescript(damage)

    report = explore_crashes(
        shop, place(ordered(kind)), [spoil, "engine", "database"], world=world, at="commit"
    )

    (failure,) = report.failures
    assert failure.title == "without any crash"
    assert told in str(failure)


def test_a_task_that_is_left_alone_is_told(shop, world, ordered):
    async def leave(app):
        await app.orchestrator.create_task(ordered("pay"))

    report = explore_crashes(shop, leave, "engine", world=world, at="commit")

    (failure,) = report.failures
    assert "nobody works on 'order-7' (pending)" in str(failure)


def test_a_task_that_began_too_early_is_told(shop, world, place, ordered):
    def spoil(app, world):
        world.database._keeper.execute("UPDATE tasks SET status = 'failed' WHERE id = 'a'")
        world.promised = type(world.promised)()

    scenario = place(ordered("pay", "a"), ordered("pay", "b", depends_on=["a"]))
    report = explore_crashes(shop, scenario, [spoil, "engine"], world=world, at="commit")

    (failure,) = report.failures
    assert "'b' was begun, although 'a', which it depends on, is failed" in str(failure)
