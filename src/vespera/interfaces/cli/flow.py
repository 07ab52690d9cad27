"""Hold tasks back and let them go on: `vespera task pause|resume`, `vespera queue ...`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import click

from vespera.domain.flow import Limits, Rate
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.options import output, own_container, settings_of, storage, text

TYPE_FIELDS = ("TYPE", "STATE", "LIMITS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing:
    """What a command of this file changed: what stands there now."""

    name: str
    paused: bool


def _pausing(command: Callable[..., None]) -> Callable[..., None]:
    return storage(own_container(output(command)))


@click.command(name="pause")
@click.argument("task_id", type=text, metavar="ID")
@_pausing
def pause_task(
    *,
    task_id: str,
    target: str | None,
    database_url: str | None,
    workspace: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Keep a task from going on, until it is resumed.

    A running one stops at the end of its next step; what its steps have recorded is kept.
    """
    with one_line_errors(debug=debug):
        _show(_ask("pause_task", task_id, target, settings_of(database_url, workspace)), as_json)


@click.command(name="resume")
@click.argument("task_id", type=text, metavar="ID")
@_pausing
def resume_task(
    *,
    task_id: str,
    target: str | None,
    database_url: str | None,
    workspace: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Let a paused task go on; a worker runs it when its turn comes."""
    with one_line_errors(debug=debug):
        _show(_ask("resume_task", task_id, target, settings_of(database_url, workspace)), as_json)


@click.group
def queue() -> None:
    """Hold back all tasks of a type, and let them go on."""


@queue.command(name="pause")
@click.argument("name", type=text, metavar="TYPE")
@_pausing
def pause_type(
    *,
    name: str,
    target: str | None,
    database_url: str | None,
    workspace: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Let no task of the type begin, in any process, until it is resumed. What runs goes on."""
    with one_line_errors(debug=debug):
        _show(_ask("pause_type", name, target, settings_of(database_url, workspace)), as_json)


@queue.command(name="resume")
@click.argument("name", type=text, metavar="TYPE")
@_pausing
def resume_type(
    *,
    name: str,
    target: str | None,
    database_url: str | None,
    workspace: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Let the tasks of a paused type begin again."""
    with one_line_errors(debug=debug):
        _show(_ask("resume_type", name, target, settings_of(database_url, workspace)), as_json)


@queue.command(name="list")
@_pausing
def list_types(
    *, target: str | None, database_url: str | None, workspace: Path, as_json: bool, debug: bool
) -> None:
    """List the types that are paused or have limits, as the database knows them."""
    with one_line_errors(debug=debug):
        from vespera.application.ports.gates import Gates
        from vespera.interfaces.cli import reading, rendering
        from vespera.interfaces.cli.programs import load_container

        settings = settings_of(database_url, workspace)
        kind = load_container(target)
        gates = reading.ask(settings, lambda container: container.get(Gates).all(), kind=kind)
        if as_json:
            rendering.print_json(list(gates.values()))
            return
        rows = [
            (name, "paused" if gate.paused_at else "open", _limits(gate.limits))
            for name, gate in gates.items()
        ]
        rendering.print_lines(*rendering.aligned([TYPE_FIELDS, *rows]))


def _ask(verb: str, name: str, target: str | None, settings: dict[str, object]) -> Pausing:
    from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
    from vespera.infrastructure.di.container import Container
    from vespera.interfaces.cli import reading
    from vespera.interfaces.cli.programs import load_container

    async def question(container: Container) -> Pausing:
        result = await getattr(container.get(TaskOrchestrator), verb)(name)
        if not result.success:
            raise click.ClickException(result.error)
        return Pausing(name=name, paused=result.paused)

    return reading.ask(settings, question, kind=load_container(target))


def _show(pausing: Pausing, as_json: bool) -> None:
    from vespera.interfaces.cli import rendering

    if as_json:
        rendering.print_json(pausing)
    else:
        rendering.print_lines(f"{'paused' if pausing.paused else 'resumed'}: {pausing.name}")


def _limits(limits: Limits) -> str:
    said = {f.name: getattr(limits, f.name) for f in fields(limits)}
    return ", ".join(f"{name}={_told(value)}" for name, value in said.items() if value is not None)


def _told(value: object) -> str:
    return f"{value.count} in {value.per:g} s" if isinstance(value, Rate) else str(value)
