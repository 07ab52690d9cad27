"""What `vespera task export|import` ask of the container, and what they print."""

import json
import sys
from pathlib import Path

import click

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.usecases.move_tasks import ImportTaskResult
from vespera.domain.errors import RequestError
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json, print_lines

STANDARD = "-"


def export(task_id: str, *, redact: bool) -> Question[dict[str, object]]:
    """A task's history."""

    async def question(container: Container) -> dict[str, object]:
        try:
            return await container.get(TaskOrchestrator).export_task(task_id, redact=redact)
        except RequestError as error:
            raise click.ClickException(str(error)) from error

    return question


def write(document: dict[str, object], output: Path | None, *, as_json: bool) -> None:
    """Print the document, or write it into a file and say so.

    Raises:
        click.ClickException: the file is there already, or cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=True) + "\n"
    if output is None or str(output) == STANDARD:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise click.ClickException(f"{output} is there already; choose another name") from error
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"path": str(output), "bytes": len(text)})
    else:
        print_lines(f"{output}: written ({len(text):,} bytes)")


def read(source: str) -> object:
    """The document in a file, or from standard input.

    Raises:
        click.ClickException: it cannot be read, or is no JSON.
    """
    try:
        text = sys.stdin.read() if source == STANDARD else Path(source).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise click.ClickException(f"{source} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{source} is no JSON: {error}") from error


def import_(document: object, task_id: str | None, *, files: bool) -> Question[ImportTaskResult]:
    """Store the task of a document."""

    async def question(container: Container) -> ImportTaskResult:
        orchestrator = container.get(TaskOrchestrator)
        result = await orchestrator.import_task(
            document,  # type: ignore[arg-type]  # it is judged there
            task_id=task_id,
            files=files,
        )
        if not result.success:
            raise click.ClickException(result.error or "")
        return result

    return question


def show_import(result: ImportTaskResult, *, as_json: bool) -> None:
    """Print what was imported, and what it lacks here."""
    if as_json:
        print_json(
            {
                "task_id": result.task_id,
                "status": result.status,
                "paused": result.paused,
                "missing": list(result.missing),
            }
        )
        return
    stands = f"{result.status}, paused" if result.paused else f"{result.status}"
    print_lines(f"{result.task_id}: imported ({stands})")
    print_lines(*(f"not here: {missing}" for missing in result.missing))
    if result.paused:
        print_lines(f"`vespera task resume {result.task_id}` lets it go on")
