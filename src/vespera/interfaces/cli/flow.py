"""Hold tasks back and let them go on: `vespera task pause|resume`, `vespera queue ...`."""

from dataclasses import dataclass, fields

import click

from vespera.domain.flow import Limits, Rate
from vespera.interfaces.cli.options import Asked, on_container, type_name, word

TYPE_FIELDS = ("TYPE", "STATE", "LIMITS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing:
    """What a command of this file changed: what stands there now."""

    name: str
    paused: bool


@click.command(name="pause")
@click.argument("task_id", type=word, metavar="ID")
@on_container
def pause_task(*, task_id: str, asked: Asked) -> None:
    """Keep a task from going on, until it is resumed.

    A running one stops at the end of its next step; what its steps have recorded is kept.
    """
    _change(asked, "pause_task", task_id)


@click.command(name="resume")
@click.argument("task_id", type=word, metavar="ID")
@on_container
def resume_task(*, task_id: str, asked: Asked) -> None:
    """Let a paused task go on; a worker runs it when its turn comes."""
    _change(asked, "resume_task", task_id)


@click.group
def queue() -> None:
    """Hold back all tasks of a type, and let them go on."""


@queue.command(name="pause")
@click.argument("name", type=type_name, metavar="TYPE")
@on_container
def pause_type(*, name: str, asked: Asked) -> None:
    """Let no task of the type begin, in any process, until it is resumed. What runs goes on."""
    _change(asked, "pause_type", name)


@queue.command(name="resume")
@click.argument("name", type=type_name, metavar="TYPE")
@on_container
def resume_type(*, name: str, asked: Asked) -> None:
    """Let the tasks of a paused type begin again."""
    _change(asked, "resume_type", name)


@queue.command(name="list")
@on_container
def list_types(*, asked: Asked) -> None:
    """List the types that are paused or have limits, as the database knows them.

    Under * stand the limits of all types together.
    """
    from vespera.application.ports.gates import Gates
    from vespera.interfaces.cli import rendering

    gates = asked.answer(lambda container: container.get(Gates).all())
    if asked.as_json:
        rendering.print_json(list(gates.values()))
        return
    rows = [
        (name, "paused" if gate.paused_at else "open", _limits(gate.limits))
        for name, gate in gates.items()
    ]
    rendering.print_lines(*rendering.aligned([TYPE_FIELDS, *rows]))


def _change(asked: Asked, verb: str, name: str) -> None:
    """Have the orchestrator do it, and print what stands there now."""
    from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
    from vespera.infrastructure.di.container import Container
    from vespera.interfaces.cli import rendering

    async def question(container: Container) -> Pausing:
        result = await getattr(container.get(TaskOrchestrator), verb)(name)
        if not result.success:
            raise click.ClickException(result.error)
        return Pausing(name=name, paused=result.paused)

    pausing = asked.answer(question)
    if asked.as_json:
        rendering.print_json(pausing)
    else:
        rendering.print_lines(f"{'paused' if pausing.paused else 'resumed'}: {pausing.name}")


def _limits(limits: Limits) -> str:
    said = {f.name: getattr(limits, f.name) for f in fields(limits)}
    return ", ".join(f"{name}={_told(value)}" for name, value in said.items() if value is not None)


def _told(value: object) -> str:
    return f"{value.count} in {value.per:g} s" if isinstance(value, Rate) else str(value)
