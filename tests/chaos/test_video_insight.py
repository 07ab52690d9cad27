"""The example video_insight dies everywhere, and while it recovers."""

import pytest

from vespera.testing import explore_crashes, explore_schedules
from video_insight.crash_scenario import FRAMES, Eye, all_is_seen, build, look

INVARIANTS = [all_is_seen, "engine", "database"]


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_video_insight_survives_every_death(world):
    report = explore_crashes(build(world), look, INVARIANTS, world=world, recover=look)
    print(report)
    report.raise_for_failures()


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_video_insight_survives_the_deaths_of_its_recovery(world):
    report = explore_crashes(
        build(world),
        look,
        INVARIANTS,
        world=world,
        recover=look,
        at=("effect", "file"),
        depth=2,
    )
    print(report)
    report.raise_for_failures()


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_two_workers_who_are_asked_for_the_same_folder_look_once(world):
    def once(app, world):
        all_is_seen(app, world)
        assert world.log(Eye).count() == FRAMES

    workers = [build(world)] * 2
    report = explore_schedules(workers, look, once, world=world, bound=1, slow=(), seeds=0)
    print(report)
    report.raise_for_failures()
