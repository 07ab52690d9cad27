"""The commands `vespera schedule ...` and their options."""

from pathlib import Path

import click

from vespera.domain.schedule import CatchUp, Overlap
from vespera.interfaces.cli.asking import agreed
from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.given import json_of
from vespera.interfaces.cli.options import (
    agreement,
    output,
    own_container,
    settings_of,
    storage,
    text,
)


@click.group()
def schedule() -> None:
    """Have tasks created again and again."""


@schedule.command(name="list")
@storage
@own_container
@output
def list_schedules(
    *,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """List all schedules: when they are due next, and when they last were."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show_all(agenda.all_of(settings, kind), as_json=as_json)


@schedule.command()
@click.argument("name", type=text)
@click.option("--cron", type=text, metavar="TEXT", help="As '0 3 * * mon-fri', or '@daily'.")
@click.option("--every", type=float, metavar="SECONDS", help="Instead of --cron: so far apart.")
@click.option("--time-zone", type=text, default="UTC", show_default=True, metavar="ZONE")
@click.option(
    "--catch-up",
    type=click.Choice(list(CatchUp), case_sensitive=False),
    default=CatchUp.ONE,
    show_default=True,
    help="Which of the moments that were missed get a task.",
)
@click.option("--most-catch-up", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--overlap",
    type=click.Choice(list(Overlap), case_sensitive=False),
    default=Overlap.ALLOW,
    show_default=True,
    help="skip: no task while that of an earlier moment is not finished.",
)
@click.option("--title", type=text, help="The tasks' title (default: NAME).")
@click.option("--type", "specialist_type", type=text, default="generic", show_default=True)
@click.option("--payload", metavar="JSON|@FILE", help="The tasks' payload; @- is stdin.")
@click.option("--priority", type=int, default=0, show_default=True)
@storage
@own_container
@output
def add(
    *,
    name: str,
    cron: str | None,
    every: float | None,
    time_zone: str,
    catch_up: CatchUp,
    most_catch_up: int,
    overlap: Overlap,
    title: str | None,
    specialist_type: str,
    payload: str | None,
    priority: int,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Have a task created whenever the time comes, by whichever worker is there.

    A schedule of the same NAME is replaced.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        request = {
            "title": title or name,
            "specialist_type": specialist_type,
            "payload": json_of(payload, "--payload") or {},
            "priority": priority,
        }
        terms = {
            "cron": cron,
            "every": every,
            "time_zone": time_zone,
            "catch_up": catch_up,
            "most_catch_up": most_catch_up,
            "overlap": overlap,
        }
        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show(agenda.add(settings, kind, name, request, terms), as_json=as_json)


@schedule.command()
@click.argument("name", type=text)
@storage
@own_container
@agreement
@output
def remove(
    *,
    name: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    yes: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Forget a schedule. The tasks that it has created stay."""
    with one_line_errors(debug=debug):
        agreed(f"Remove the schedule {name!r}?", yes=yes)
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show(agenda.remove(settings, kind, name), as_json=as_json)


@schedule.command()
@click.argument("name", type=text)
@storage
@own_container
@output
def pause(
    *,
    name: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Let a schedule create no tasks until it is resumed."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show(agenda.pause(settings, kind, name), as_json=as_json)


@schedule.command()
@click.argument("name", type=text)
@storage
@own_container
@output
def resume(
    *,
    name: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Let a paused schedule go on. What came in between is not made up for."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show(agenda.resume(settings, kind, name), as_json=as_json)


@schedule.command()
@click.argument("name", type=text)
@storage
@own_container
@output
def trigger(
    *,
    name: str,
    database_url: str | None,
    workspace: Path,
    target: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Create a task of a schedule now. A worker runs it."""
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli import agenda
        from vespera.interfaces.cli.programs import load_container

        settings, kind = settings_of(database_url, workspace), load_container(target)
        agenda.show_task(agenda.trigger(settings, kind, name), as_json=as_json)
