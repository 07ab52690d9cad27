"""Orchestrators of agents, for which each crew is a durable task."""

from collections.abc import Callable, Mapping
from typing import Any

from vespera.application.orchestrators.crews import CrewParts, CrewTasks
from vespera.application.orchestrators.dag import DagOrchestrator
from vespera.application.orchestrators.parallel import ParallelOrchestrator
from vespera.application.orchestrators.sequential import SequentialOrchestrator
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import providers

PARTS = ("workflow", "registry", "steps", "codec", "new_id")


class LateParts:
    """Gives what durable crews are made of, in a container that has said which providers do."""

    makers: Mapping[str, Callable[[], Any]]

    def __call__(self) -> CrewParts:
        """What the providers give at this moment, overrides included."""
        made = {name: maker() for name, maker in self.makers.items()}
        return CrewParts(specialists=made.pop("registry"), **made)


class Orchestrators(Adapters):
    """What runs crews.

    Specialists may have orchestrators, and what runs tasks knows the specialists: a circle, if
    orchestrators were given at once what runs tasks. So they ask for it when a crew is run.
    """

    late_parts = providers.Singleton(LateParts)
    crew_tasks = providers.Singleton(CrewTasks, late_parts)
    sequential_orchestrator = providers.Singleton(SequentialOrchestrator, tasks=crew_tasks)
    parallel_orchestrator = providers.Singleton(ParallelOrchestrator, tasks=crew_tasks)
    dag_orchestrator = providers.Singleton(DagOrchestrator, tasks=crew_tasks)

    def __init__(self, settings: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Take the settings; see ``Container``."""
        super().__init__(settings, **more)
        # Not the container itself: then it would live for as long as somebody has one of its parts.
        self.late_parts().makers = {name: self.providers[name] for name in PARTS}
