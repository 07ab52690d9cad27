"""The example story_studio dies everywhere, and while it recovers."""

import pytest

from story_studio.crash_scenario import build, tell, the_story_is_told
from vespera.testing import explore_crashes


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_story_studio_survives_every_death_and_those_of_its_recovery(world):
    invariants = [the_story_is_told, "engine", "database"]
    report = explore_crashes(build(world), tell, invariants, world=world, depth=2)
    print(report)
    report.raise_for_failures()
