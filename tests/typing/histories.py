"""What type checkers make of histories and of dedup keys. Checked by two of them, never run."""

from typing import assert_type

from vespera import Container, TaskOrchestrator, TaskOutcome, TaskRequest
from vespera.application.usecases.move_tasks import ImportTaskResult
from vespera.testing import Replayed, replay


async def main(container: Container) -> None:
    orchestrator = container.get(TaskOrchestrator)
    request = TaskRequest(title="A", dedup_key="k", debounce=1.5, debounce_at_most=60)
    assert_type((await orchestrator.create_task(request)).created, bool)
    TaskRequest(title="A", dedup_key=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    history = await orchestrator.export_task("a", redact=False)
    assert_type(history, dict[str, object])
    imported = await orchestrator.import_task(history, task_id="b", files=False)
    assert_type(imported, ImportTaskResult)
    assert_type(imported.missing, tuple[str, ...])
    replayed = await replay("a.json", object(), added={"taxes": 7})
    assert_type(replayed, Replayed)
    assert_type(replayed.outcome, TaskOutcome | None)
    assert_type(replayed.stops_at, tuple[str, ...])
    await orchestrator.import_task("a.json")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
