"""What `vespera task purge` asks, and what it prints."""

from collections.abc import Collection
from datetime import timedelta

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.usecases.purge_tasks import PurgeTasksResult
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json, print_lines


def purge(
    older_than: timedelta, statuses: Collection[str] | None, *, dry_run: bool
) -> Question[PurgeTasksResult]:
    """Remove, or only count."""

    async def question(container: Container) -> PurgeTasksResult:
        orchestrator = container.get(TaskOrchestrator)
        return await orchestrator.purge(older_than, statuses, dry_run=dry_run)

    return question


def show_purge(result: PurgeTasksResult, *, dry_run: bool, as_json: bool) -> None:
    """Print how many went."""
    if as_json:
        print_json({"tasks": result.tasks, "events": result.events, "dry_run": dry_run})
        return
    counted = f"{result.tasks:,} task{'' if result.tasks == 1 else 's'}"
    print_lines(f"{counted} could be purged at once" if dry_run else f"{counted} purged")
