"""Two workers on one database, in every order."""

import pytest

from vespera.testing import explore_schedules
from vespera.testing.sim.errors import ScenarioFailed, UnknownReplay, VacuousExploration

pytest_plugins = ("pytester",)


def sent_once(app, world):
    assert world.log().count("send") == 1


def charged_once(app, world):
    assert world.log().count("charge", key="order-7") == 1


def completed(app, world):
    assert {task.status.value for task in app.tasks.all()} == {"completed"}


async def idle(app):
    await app.run_until_idle()


def test_the_workers_see_each_other_s_tasks(shop, world, place, ordered):
    workers = set()

    def remember(app, world):
        workers.add(app.life)

    report = explore_schedules(
        [shop, shop],
        [place(ordered("ship")), idle],
        [completed, sent_once, remember],
        world=world,
        order="fifo",
        slow=(),
    )

    assert report.failures == []
    assert workers == {1}


def test_the_search_says_whether_it_was_complete(shop, world, place, ordered):
    whole = explore_schedules(
        shop, place(ordered("pay")), [completed, "engine"], world=world, bound=1, slow=()
    )
    cut = explore_schedules(
        shop, place(ordered("pay")), [completed], world=world, bound=1, slow=(), max_runs=3
    )

    assert (whole.complete, whole.bounded) == (True, True)
    assert "complete within the bound" in str(whole)
    assert (cut.complete, cut.runs) == (False, 3)
    assert "not complete" in str(cut)
    assert whole.schedules == whole.runs > 3


def test_a_slow_worker_s_effect_is_found_and_told(shop, world, place, ordered):
    report = explore_schedules(
        shop, place(ordered("wait")), [sent_once], world=world, order="fifo", slow=(60.0,)
    )

    failure = report.failures[0]
    text = str(failure)
    assert failure.code[0] in "dl"
    assert " s late" in text
    assert "late    worker " in text
    assert f"--vespera-replay={failure.code}" in failure.replay


def test_chance_is_the_same_for_the_same_seed(shop, world, place, ordered):
    def explore():
        seen = []
        explore_schedules(
            shop,
            place(ordered("ship")),
            [lambda app: seen.append(len(app.world.log().calls))],
            world=world,
            order="fifo",
            slow=(),
            seeds=5,
        )
        return seen

    assert explore() == explore()


def test_a_scenario_without_any_choice_is_refused(shop, world):
    async def nothing(app):
        pass

    with pytest.raises(VacuousExploration, match=r"no other order|another order"):
        explore_schedules([shop], nothing, ["database"], world=world, slow=())


def test_a_scenario_that_fails_is_refused(shop, world):
    async def scenario(app):
        raise LookupError("no such order")

    with pytest.raises(ScenarioFailed, match="no such order"):
        explore_schedules(shop, scenario, world=world)


REPLAYED = """
import os
import pytest
from vespera import Container, TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.testing import World, crash_test, explore_crashes, explore_schedules

class Post(World.Service):
    async def send(self, key):
        return self.record(key)

@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world

@pytest.fixture
def shop(world):
    post = world.service(Post)
    def build():
        container = Container()
        async def ship(task):
            await task.step("send", post.send, task.id)
        container.get(Specialists).register("ship", ship)
        return container
    return build

async def order(app):
    await app.orchestrator.create_task(
        {"title": "o", "specialist_type": "ship", "task_id": "a", "completion": "auto"}
    )
    await app.run_until_idle()

def once(app, world):
    assert world.log(Post).count("send") == 1

def at_once(app):
    assert app.get("clock").now().minute == 0

def test_crashes(shop, world):
    report = explore_crashes(shop, order, once, world=world, at="effect")
    print("RUNS", report.runs)
    report.raise_for_failures()

@crash_test(at="commit", max_runs=6)
def test_decorated(shop, world):
    return order, "engine"

def test_both(shop, world):
    explore_crashes(shop, order, "engine", world=world).raise_for_failures()
    explore_schedules(
        shop, order, once, world=world, order="fifo", slow=(60.0,)
    ).raise_for_failures()

HERE = os.getpid()

def elsewhere(app, world):
    assert os.getpid() != HERE

def test_forked(shop, world):
    explore_crashes(shop, order, elsewhere, at="effect").raise_for_failures()

def test_without_power(shop, world):
    explore_crashes(shop, order, once, at="effect", power_loss=1, max_runs=4)

def test_schedules(shop, world):
    report = explore_schedules(shop, order, at_once, world=world, order="fifo", slow=(60.0,))
    report.raise_for_failures()
"""


@pytest.fixture
def replay(pytester):
    pytester.makepyfile(test_shop=REPLAYED)
    pytester.makeini(
        "[pytest]\nmarkers = crash: kills\nasyncio_default_fixture_loop_scope = function"
    )

    def run(*options):
        return pytester.runpytest("-p", "no:randomly", *options)

    return run


def test_a_failure_is_seen_again_by_its_command(replay):
    found = replay("-k", "crashes or decorated")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(
        [
            "*killed after effect 1*",
            "*replay: pytest test_shop.py::test_crashes --vespera-replay=e1a",
        ]
    )

    again = replay("test_shop.py::test_crashes", "--vespera-replay=e1a")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*replayed e1a: crash after effect 1*", "*killed after effect 1*"])

    harmless = replay("test_shop.py::test_crashes", "--vespera-replay=e1b")
    harmless.assert_outcomes(passed=1)


def test_a_schedule_is_seen_again_by_its_command(replay):
    found = replay("-k", "schedules")
    found.assert_outcomes(failed=1)
    code = next(
        line.split("--vespera-replay=")[1] for line in found.outlines if "--vespera-replay=" in line
    )

    again = replay("test_shop.py::test_schedules", f"--vespera-replay={code}")

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*replayed {code}: order:*"])


def test_the_second_exploration_of_a_test_is_replayed_alone(replay):
    found = replay("-k", "both")
    found.assert_outcomes(failed=1)
    code = next(
        line.split("--vespera-replay=")[1] for line in found.outlines if "--vespera-replay=" in line
    )

    again = replay("test_shop.py::test_both", f"--vespera-replay={code}")

    assert code.startswith("2:")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*replayed {code[2:]}: order:*"])


@pytest.mark.parametrize("code", ["rubbish", "x:c3a", ":c3a", "2:"])
def test_what_is_no_code_is_refused_before_any_test(replay, code):
    refused = replay(f"--vespera-replay={code}")

    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines([f"*--vespera-replay={code}: no code of an exploration*"])


def test_a_code_that_leads_nowhere_is_refused(replay):
    lost = replay("test_shop.py::test_crashes", "--vespera-replay=e9a")

    lost.assert_outcomes(failed=1)
    lost.stdout.fnmatch_lines([f"*{UnknownReplay.__name__}*has no point 'e9a'*"])


def test_the_nightly_run_goes_deeper(replay):
    deeper = replay("test_shop.py::test_crashes", "--vespera-depth=2", "-rA")

    deeper.stdout.fnmatch_lines(["*then crash*"])


def test_the_nightly_run_makes_real_processes_but_where_power_is_cut(replay):
    wanted = ("-k", "forked or without_power")
    replay(*wanted).assert_outcomes(passed=1, failed=1)
    replay(*wanted, "--vespera-isolation=fork").assert_outcomes(passed=2)
    replay(*wanted, "--vespera-isolation=inline").assert_outcomes(passed=1, failed=1)
    assert replay("--vespera-isolation=spoon").ret == pytest.ExitCode.USAGE_ERROR
