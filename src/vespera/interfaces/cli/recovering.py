"""What `vespera recover-context` asks of the container, and what it prints."""

import click

from vespera.application.ports.clock import Clock
from vespera.application.usecases.recover_context import RecoverContextUseCase
from vespera.domain.context_forms import json_of, markdown_of
from vespera.domain.context_recovery import RecoveredContext
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question
from vespera.interfaces.cli.rendering import print_json
from vespera.interfaces.cli.scans import shown_scan


def context_of(task_id: str, *, scan: bool) -> Question[RecoveredContext]:
    """All that is known of a task."""

    async def question(container: Container) -> RecoveredContext:
        use_case = container.get(RecoverContextUseCase)
        with shown_scan(container.get(Clock)) as tell:
            result = await use_case.recover(task_id, scan=scan, progress=tell)
        if result.context is None:
            raise click.ClickException(result.error or "")
        return result.context

    return question


def show_context(context: RecoveredContext, max_bytes: int, *, as_json: bool) -> None:
    """Print it; the line end that is added counts."""
    if as_json:
        print_json(json_of(context, max_bytes - 1))
    else:
        click.echo(markdown_of(context, max_bytes), nl=False)
