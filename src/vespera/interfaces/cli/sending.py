"""What the commands that tell a task something ask of the container."""

import click

from vespera.application.workflows.send_signal import SendSignalUseCase, SignalResult
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli.reading import Question


def signal(
    task_id: str, name: str, payload: object, signal_id: str | None
) -> Question[SignalResult]:
    """Send a signal.

    Raises:
        click.ClickException: it is refused.
    """

    async def question(container: Container) -> SignalResult:
        sender = container.get(SendSignalUseCase)
        return _accepted(await sender.signal(task_id, name, payload, signal_id=signal_id))

    return question


def decision(
    task_id: str, *, approved: bool, name: str, by: str, comment: str
) -> Question[SignalResult]:
    """Say yes or no. Refused as a signal is."""

    async def question(container: Container) -> SignalResult:
        sender = container.get(SendSignalUseCase)
        decide = sender.approve if approved else sender.reject
        return _accepted(await decide(task_id, name=name, by=by, comment=comment))

    return question


def _accepted(result: SignalResult) -> SignalResult:
    if not result.success:
        raise click.ClickException(result.error or "")
    return result
