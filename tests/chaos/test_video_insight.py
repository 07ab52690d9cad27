"""The example video_insight dies everywhere, and while it recovers."""

import pytest

from vespera.testing import explore_crashes
from video_insight.crash_scenario import all_is_seen, build, look


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_video_insight_survives_every_death_and_those_of_its_recovery(world):
    report = explore_crashes(
        build(world), look, [all_is_seen, "engine", "database"], world=world, recover=look, depth=2
    )
    print(report)
    report.raise_for_failures()
