"""What type checkers make of histories and of dedup keys. Checked by two of them, never run."""

from typing import assert_type

from vespera import Container, TaskOrchestrator, TaskRequest
from vespera.application.usecases.move_tasks import ImportTaskResult


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
    await orchestrator.import_task("a.json")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
