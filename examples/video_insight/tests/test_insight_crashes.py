"""The process dies around each question to the model; `make chaos` kills it everywhere."""

from vespera.testing import explore_crashes
from video_insight.crash_scenario import all_is_seen, build, look


def test_it_survives_every_death(world):
    report = explore_crashes(
        build(world),
        look,
        [all_is_seen, "engine", "database"],
        world=world,
        recover=look,  # the same command again
        at="effect",
    )

    assert report.points == 4
    report.raise_for_failures()
