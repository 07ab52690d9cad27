"""Dying at every point: which points there are, what is told, and what is refused."""

import asyncio
import threading
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from vespera import AsyncDatabaseManager, Container
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.testing import World, explore_crashes
from vespera.testing.sim.errors import (
    ExplorationError,
    ExplorationFailed,
    NonDeterministicScenario,
    ScenarioFailed,
    VacuousExploration,
)


def build_of(specialist, kind="work"):
    """A container whose tasks are done by this function."""

    def build():
        container = Container()
        container.get(Specialists).register(kind, specialist)
        return container

    return build


async def one_task(app):
    await app.orchestrator.create_task(
        {"title": "t", "specialist_type": "work", "task_id": "a", "completion": "auto"}
    )
    await app.run_until_idle()


async def nothing(app):
    pass


def completed(app, world):
    assert app.tasks.get("a").status == "completed"


def sent_once(app, world):
    assert world.log().count("send") == 1


def of_one_death(report):
    """With ``--vespera-depth=2`` there are those of two deaths as well."""
    return [failure for failure in report.failures if "." not in failure.code]


async def test_dying_is_explored_inside_a_running_event_loop(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("pay")), world=world)

    assert report.failures == []
    assert asyncio.get_running_loop().is_running()


def test_points_are_counted_by_kind(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("pay")), world=world, every="event")

    assert report.kinds["commit"] == 2 * 4  # created, taken, step, completed
    assert report.kinds["effect"] == 2
    assert report.points == sum(report.kinds.values())
    assert report.recoveries == report.runs - 3  # two of them tried it, one asked twice
    assert "all hold" in str(report)


def test_a_violation_tells_both_lives_and_how_to_see_it_again(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("ship")), [sent_once], world=world, at="effect")

    (failure,) = of_one_death(report)
    text = str(failure)
    assert failure.code == "e2a"
    assert "crash after effect 2 (Post.send('order-7', 1))" in text
    assert "life 1:" in text
    assert "effect  Post.send('order-7') -> 'sent in attempt 1'" in text
    assert "killed after effect 2" in text
    assert "life 2:" in text
    assert "effect  Post.send('order-7') -> 'sent in attempt 2'" in text
    assert "came to its end" in text
    assert "in sent_once: assert" in text
    assert "replay: pytest " in text
    assert text.endswith("--vespera-replay=e2a")
    with pytest.raises(ExplorationFailed, match=r"\d+ violations"):
        report.raise_for_failures()


def test_no_clean_up_of_a_process_that_died_is_run(world):
    seen = []

    async def careful(task):
        try:
            await task.step("one", lambda: 1)
            await task.step("two", lambda: 2)
        finally:
            seen.append(world.stage is not None)

    explore_crashes(build_of(careful), one_task, [completed], world=world, at="commit")

    lives_that_ended = seen.count(True)
    assert lives_that_ended >= 5
    assert False in seen  # frames are closed when all is over, off the stage


def test_a_scenario_that_was_cut_before_anything_is_asked_for_again(world):
    async def work(task):
        await task.step("one", lambda: 1)

    report = explore_crashes(build_of(work), one_task, [completed], world=world, at="commit")

    assert report.failures == []


def test_a_scenario_that_does_more_each_time_is_not_asked_for_again(world):
    async def work(task):
        await task.step("one", lambda: 1)

    async def run(app):
        await app.workflow.run({"title": "t", "specialist_type": "work"})

    def one_only(app, world):
        assert len(app.tasks.all()) == 1

    report = explore_crashes(build_of(work), run, [one_only], world=world, at="commit")

    assert report.failures == []


def test_recovery_may_be_one_s_own(shop, world, place, ordered):
    recovered = []

    async def recover(app):
        recovered.append(app.life)
        await app.run_until_idle()
        await app.orchestrator.create_task(ordered("pay"))
        await app.run_until_idle()

    report = explore_crashes(shop, place(ordered("pay")), world=world, at="commit", recover=recover)

    assert report.failures == []
    assert min(recovered) == 2


def test_a_sync_build_scenario_and_invariant_may_take_the_world(world):
    given = []

    def build(world):
        given.append(world)
        return build_of(work)()

    async def work(task):
        return None

    async def scenario(app, world):
        given.append(world)
        await one_task(app)

    async def invariant(app, world):
        given.append(world)
        assert (await app.workflow.get_task_status("a")).completed

    report = explore_crashes(build, scenario, invariant, world=world, at="commit")

    assert report.failures == []
    assert set(map(id, given)) == {id(world)}


def test_a_world_of_its_own_is_made_and_removed():
    async def work(task):
        await task.files.write_text("a.txt", "a")

    places = set()

    def remember(app, world):
        places.add(world.workspace)

    explore_crashes(build_of(work), one_task, [completed, remember], at="file")

    assert [place.exists() for place in places] == [False]


# ---- files


def test_a_write_that_is_cut_off_leaves_half_of_the_temporary_file_at_most(world):
    async def work(task):
        await task.files.write_text("a.txt", "0123456789")

    left = []

    async def look_first(app):
        found = {path.name: path.read_text() for path in app.world.workspace.iterdir()}
        if app.life == 2 and found not in left:
            left.append(found)
        await app.run_until_idle()
        await one_task(app)

    def written(app, world):
        assert app.files.read("a.txt") == "0123456789"
        assert app.files.names() == ["a.txt"]
        assert app.files.verify_all().all_verified

    report = explore_crashes(
        build_of(work), one_task, [written], world=world, at="file", recover=look_first
    )

    assert report.failures == []
    assert report.kinds == {"file": 3}
    before, torn, after = left
    assert before == {}
    assert list(torn.values()) == ["01234"]
    assert after == {"a.txt": "0123456789"}


def test_a_plain_write_in_a_thread_is_torn_too(world):
    async def work(task):
        def write():
            (world.workspace / "plain.txt").write_text("0123456789")

        await task.step("write", lambda: asyncio.to_thread(write))

    def whole(app, world):
        assert app.files.read("plain.txt") == "0123456789"

    async def trust(app):
        """Takes a file that is there for whole."""
        if not app.files.names():
            await app.run_until_idle()
            await one_task(app)

    report = explore_crashes(
        build_of(work), one_task, [whole], world=world, at="file", recover=trust
    )

    assert [failure.code for failure in of_one_death(report)] == ["f1t"]


# ---- sessions and other threads


def test_what_a_service_keeps_without_a_word_in_the_log_outlives_a_death(world):
    class Purse(World.Service):
        def __init__(self):
            self.balance = 100

        async def debit(self, amount):
            self.balance -= amount

    purse = world.service(Purse)

    async def pay(task):
        await task.step("debit", purse.debit, 30)

    def debited_once(app, world):
        assert purse.balance == 70

    report = explore_crashes(build_of(pay), one_task, debited_once, world=world, at="effect")

    assert [failure.code for failure in of_one_death(report)] == ["e1a"]


def test_the_process_dies_after_a_file_was_written_on_the_event_loop(world):
    notes = world.workspace / "notes.txt"

    async def append():
        with notes.open("a") as file:
            file.write("a line")

    async def write(task):
        await task.step("append", append)

    def written_once(app, world):
        assert notes.read_text() == "a line"

    report = explore_crashes(
        build_of(write), one_task, written_once, world=world, at="file", every="event"
    )

    assert [failure.code[0] for failure in of_one_death(report)] == ["v"]


def test_a_session_s_commit_is_a_point(world):
    def build():
        container = Container()

        async def work(task):
            async def note():
                async with container.get(AsyncDatabaseManager).session() as session:
                    await session.execute(sa.text("create table if not exists notes (text)"))
                    await session.execute(sa.text("insert into notes values ('n')"))
                    await session.commit()

            await task.step("note", note)

        container.get(Specialists).register("work", work)
        return container

    def noted_once(app, world):
        assert app.db.value("select count(*) from notes") == 1

    report = explore_crashes(
        build, one_task, [completed, noted_once, "engine"], world=world, at="commit"
    )

    assert report.kinds["commit"] > 8
    told = [str(failure) for failure in report.failures]
    assert told  # the note and its step are two transactions
    assert all("INSERT notes 'n'" in text for text in told)


def test_no_thread_is_left_behind(shop, world, place, ordered):
    before = set(threading.enumerate())

    explore_crashes(shop, place(ordered("write")), world=world, at="file")

    assert set(threading.enumerate()) == before


# ---- what shows nothing


def test_a_scenario_that_does_nothing_is_refused(shop, world):
    with pytest.raises(VacuousExploration, match="No point was met"):
        explore_crashes(shop, nothing, world=world)


def test_points_that_are_never_met_are_refused(shop, world, place, ordered):
    with pytest.raises(VacuousExploration, match=r"No point was met \(file\)"):
        explore_crashes(shop, place(ordered("pay")), world=world, at="file")


def test_a_recovery_that_does_nothing_is_refused(shop, world, place, ordered):
    with pytest.raises(VacuousExploration, match="Recovery never ran"):
        explore_crashes(shop, place(ordered("pay")), ["database"], world=world, recover=nothing)


def test_a_scenario_that_fails_without_a_death_is_refused(shop, world):
    async def scenario(app):
        raise LookupError("no such order")

    with pytest.raises(ScenarioFailed, match="LookupError: no such order"):
        explore_crashes(shop, scenario, world=world)


def test_an_invariant_that_never_holds_is_told_without_any_death(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("pay")), lambda app: False, world=world)

    (failure,) = report.failures
    assert failure.title == "without any crash"
    assert "gave False" in str(failure)
    assert "base_events.py" not in str(failure)
    assert "--vespera-replay" not in failure.replay
    assert report.points == 0


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (lambda: str(uuid.uuid4()), "uuid4"),
        (lambda: f"2030-01-{next(DAYS):02d}", "datetime.now"),
        (lambda: "x" * next(DAYS), "kept in a module"),
    ],
)
def test_a_scenario_that_does_not_do_the_same_twice_is_refused(world, value, cause):
    async def work(task):
        await task.step("one", value)

    with pytest.raises(NonDeterministicScenario) as refused:
        explore_crashes(build_of(work), one_task, world=world)

    assert "Operation " in str(refused.value)
    assert "INSERT steps 'a' 'one'" in str(refused.value)
    assert cause in str(refused.value)


DAYS = iter(range(1, 31))


def test_chance_of_the_random_module_is_the_same_in_each_run(world):
    import random

    async def work(task):
        await task.step("one", random.random)

    before = random.getstate()
    report = explore_crashes(build_of(work), one_task, [completed], world=world, at="commit")

    assert report.failures == []
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"at": "step"}, "at"),
        ({"every": "step"}, "every"),
        ({"depth": 0}, "depth"),
        ({"depth": 4}, "depth"),
        ({"power_loss": -1}, "power_loss"),
        ({"disk": "broken"}, "disk"),
        ({"isolation": "spawn"}, "isolation"),
        ({"isolation": "fork", "power_loss": 1}, "power_loss"),
    ],
)
def test_bad_options_are_refused_by_field(shop, options, field):
    with pytest.raises(InvalidRequest) as refused:
        explore_crashes(shop, nothing, **options)

    assert refused.value.field == field


def test_what_makes_no_container_is_refused(world):
    with pytest.raises(ExplorationError, match="must make a Container"):
        explore_crashes(lambda: "shop", nothing, world=world)


def test_an_exploration_may_be_cut_short(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("pay")), world=world, max_runs=6)

    assert report.runs == 6
    assert not report.complete
    assert "not complete" in str(report)


# ---- power


def test_what_was_flushed_is_not_lost_and_that_is_told(shop, world, place, ordered):
    report = explore_crashes(shop, place(ordered("pay")), world=world, at="commit", power_loss=1)

    assert report.failures == []
    assert "flushed before anybody heard of it" in str(report)


def test_a_lying_disk_loses_commits_all_the_same(shop, world, place, ordered):
    report = explore_crashes(
        shop,
        place(ordered("pay")),
        ["engine"],
        world=world,
        at="commit",
        power_loss=1,
        disk="lying",
    )

    assert report.failures
    assert all(failure.code.endswith("p1") for failure in report.failures)


# ---- fork


@pytest.mark.crash
def test_processes_that_are_really_killed_give_the_same_verdicts(shop, world, place, ordered):
    scenario = place(ordered("ship"))

    inline = explore_crashes(shop, scenario, [sent_once, "engine"], world=world, at="effect")
    forked = explore_crashes(
        shop, scenario, [sent_once, "engine"], world=world, at="effect", isolation="fork"
    )

    assert forked.kinds == inline.kinds
    assert {f.code for f in forked.failures} == {f.code for f in inline.failures}
    assert [f.code for f in of_one_death(forked)] == ["e2a"]
    assert "killed after effect 2" in str(forked)


@pytest.mark.crash
def test_a_torn_file_is_torn_by_a_real_kill_too(world):
    async def work(task):
        await task.files.write_text("a.txt", "0123456789")

    def written(app, world):
        assert app.files.read("a.txt") == "0123456789"
        assert app.files.names() == ["a.txt"]

    report = explore_crashes(
        build_of(work), one_task, [written, "engine"], world=world, at="file", isolation="fork"
    )

    assert report.failures == []
    assert report.kinds == {"file": 3}


def test_a_temporary_world_is_removed_when_it_is_closed():
    with World() as world:
        place = Path(world.workspace)
        assert place.is_dir()

    assert not place.exists()
