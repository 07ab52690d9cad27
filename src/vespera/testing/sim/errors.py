"""What an exploration may find wrong with itself."""

from vespera.testing.errors import TestingError


class ExplorationError(TestingError, AssertionError):
    """An exploration shows nothing as it stands, or has found something."""


class VacuousExploration(ExplorationError):
    """Nothing was explored: no point was met, or nothing recovered, or nothing was checked."""


class NonDeterministicScenario(ExplorationError):
    """The scenario does not do the same twice, so no point of it can be met again."""


class ScenarioFailed(ExplorationError):
    """The scenario fails although nobody died."""


class UnknownReplay(ExplorationError):
    """The code to replay leads nowhere in this scenario."""


class RestlessLife(ExplorationError):
    """A life that does not come to rest."""


class ForkedLifeFailed(ExplorationError):
    """A life in a process of its own raised something."""


class InvariantViolated(ExplorationError):
    """What should hold after every recovery does not."""


class ExplorationFailed(ExplorationError):
    """In some of the explored lives the invariants do not hold."""
