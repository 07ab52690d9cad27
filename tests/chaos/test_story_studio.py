"""The example story_studio dies everywhere, and while it recovers."""

import pytest

from story_studio.crash_scenario import Writers, build, tell, the_story_is_told
from vespera.testing import explore_crashes, explore_schedules

INVARIANTS = [the_story_is_told, "engine", "database"]


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_story_studio_survives_every_death(world):
    report = explore_crashes(build(world), tell, INVARIANTS, world=world)
    print(report)
    report.raise_for_failures()


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_story_studio_survives_the_deaths_of_its_recovery(world):
    report = explore_crashes(
        build(world), tell, INVARIANTS, world=world, at=("effect", "file"), depth=2
    )
    print(report)
    report.raise_for_failures()


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_workers_who_are_asked_for_the_same_story_write_one(world):
    def one_text(app, world):
        the_story_is_told(app, world)
        assert world.log(Writers).count() == 1

    workers = [build(world)] * 2
    report = explore_schedules(workers, tell, one_text, world=world, bound=1, slow=(), seeds=0)
    print(report)
    report.raise_for_failures()
