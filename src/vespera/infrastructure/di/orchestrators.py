"""Orchestrators of agents, for which each crew is a durable task."""

from functools import partial

from vespera.application.orchestrators.crews import CrewParts, CrewTasks
from vespera.application.orchestrators.dag import DagOrchestrator
from vespera.application.orchestrators.parallel import ParallelOrchestrator
from vespera.application.orchestrators.sequential import SequentialOrchestrator
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import BaseContainer, providers


def _parts_of(container: BaseContainer) -> CrewParts:
    return CrewParts(
        workflow=container.get("workflow"),
        specialists=container.get("registry"),
        steps=container.get("steps"),
        codec=container.get("codec"),
        new_id=container.get("new_id"),
    )


class Orchestrators(Adapters):
    """What runs crews.

    Specialists may have orchestrators, and what runs tasks knows the specialists. So orchestrators
    ask the container for what they need when they run a crew of their own.
    """

    itself: providers.Provider[BaseContainer] = providers.Self()
    crew_tasks = providers.Singleton(CrewTasks, providers.Callable(partial, _parts_of, itself))
    sequential_orchestrator = providers.Singleton(SequentialOrchestrator, tasks=crew_tasks)
    parallel_orchestrator = providers.Singleton(ParallelOrchestrator, tasks=crew_tasks)
    dag_orchestrator = providers.Singleton(DagOrchestrator, tasks=crew_tasks)
