"""The commands `vespera schedule ...` and their options."""

import click

from vespera.domain.retry import LARGEST_WHOLE
from vespera.domain.schedule import CatchUp, Overlap
from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.given import Seconds, json_object_of
from vespera.interfaces.cli.options import (
    COUNT,
    Asked,
    agreement,
    on_container,
    text,
    type_name,
    word,
)


@click.group()
def schedule() -> None:
    """Have tasks created again and again."""


@schedule.command(name="list")
@on_container
def list_schedules(
    *,
    asked: Asked,
) -> None:
    """List all schedules: when they are due next, and when they last were."""
    from vespera.interfaces.cli import agenda

    agenda.show_all(asked.answer(agenda.all_schedules), as_json=asked.as_json)


@schedule.command()
@click.argument("name", type=word)
@click.option("--cron", type=text, metavar="TEXT", help="As '0 3 * * mon-fri', or '@daily'.")
@click.option(
    "--every", type=Seconds(1), metavar="SECONDS", help="Instead of --cron: so far apart."
)
@click.option("--time-zone", type=text, default="UTC", show_default=True, metavar="ZONE")
@click.option(
    "--catch-up",
    type=click.Choice(list(CatchUp), case_sensitive=False),
    default=CatchUp.ONE,
    show_default=True,
    help="Which of the moments that were missed get a task.",
)
@click.option("--most-catch-up", type=COUNT, default=100, show_default=True)
@click.option(
    "--overlap",
    type=click.Choice(list(Overlap), case_sensitive=False),
    default=Overlap.ALLOW,
    show_default=True,
    help="skip: no task while that of an earlier moment is not finished.",
)
@click.option("--title", type=word, metavar="TEXT", help="The tasks' title (default: NAME).")
@click.option(
    "--type",
    "specialist_type",
    type=type_name,
    default="generic",
    show_default=True,
    metavar="TEXT",
)
@click.option("--payload", metavar="JSON|@FILE", help="The tasks' payload; @- is stdin.")
@click.option(
    "--priority", type=click.IntRange(-LARGEST_WHOLE, LARGEST_WHOLE), default=0, show_default=True
)
@on_container
def add(
    *,
    name: str,
    title: str | None,
    specialist_type: str,
    payload: str | None,
    priority: int,
    asked: Asked,
    **terms: object,
) -> None:
    """Have a task created whenever the time comes, by whichever worker is there.

    A schedule of the same NAME is replaced.
    """
    from vespera.interfaces.cli import agenda

    request = {
        "title": title or name,
        "specialist_type": specialist_type,
        "payload": json_object_of(payload, "--payload") or {},
        "priority": priority,
    }
    added = asked.answer(agenda.add(name, request, terms), without_database=True)
    agenda.show(added, as_json=asked.as_json)


@schedule.command()
@click.argument("name", type=word)
@agreement
@on_container
def remove(
    *,
    name: str,
    yes: bool,
    asked: Asked,
) -> None:
    """Forget a schedule. The tasks that it has created stay."""
    agreed(f"Remove the schedule {name!r}?", yes=yes)
    from vespera.interfaces.cli import agenda

    agenda.show(asked.answer(agenda.remove(name)), as_json=asked.as_json)


@schedule.command()
@click.argument("name", type=word)
@on_container
def pause(
    *,
    name: str,
    asked: Asked,
) -> None:
    """Let a schedule create no tasks until it is resumed."""
    from vespera.interfaces.cli import agenda

    agenda.show(asked.answer(agenda.pause(name)), as_json=asked.as_json)


@schedule.command()
@click.argument("name", type=word)
@on_container
def resume(
    *,
    name: str,
    asked: Asked,
) -> None:
    """Let a paused schedule go on. What came in between is not made up for."""
    from vespera.interfaces.cli import agenda

    agenda.show(asked.answer(agenda.resume(name)), as_json=asked.as_json)


@schedule.command()
@click.argument("name", type=word)
@on_container
def trigger(
    *,
    name: str,
    asked: Asked,
) -> None:
    """Create a task of a schedule now. A worker runs it."""
    from vespera.interfaces.cli import agenda

    agenda.show_task(asked.answer(agenda.trigger(name)), as_json=asked.as_json)
