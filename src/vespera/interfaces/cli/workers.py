"""The commands `vespera worker` and `vespera dev`, and their options."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from vespera.interfaces.cli.failures import one_line_errors
from vespera.interfaces.cli.given import Seconds
from vespera.interfaces.cli.options import file_names, output, settings_of, storage

Command = TypeVar("Command", bound=Callable[..., None])


def labour(command: Command) -> Command:
    """The options that say how a worker works."""
    options = [
        click.option(
            "--concurrency", type=click.IntRange(1, 10_000), help="Tasks at a time (default: 10)."
        ),
        click.option(
            "--drain",
            type=Seconds(),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="After a signal, for how long what is under way may go on.",
        ),
        click.option(
            "--until-idle", is_flag=True, help="End when nothing is left to run, now or later."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("target", metavar="APP", shell_complete=file_names)
@storage
@labour
@click.option(
    "--loop",
    "event_loop",
    type=click.Choice(["asyncio", "uvloop"]),
    default="asyncio",
    show_default=True,
    help="The event loop; uvloop is an extra.",
)
@click.option(
    "--gc-freeze", is_flag=True, help="Let the garbage collector ignore what there is at the start."
)
@output
def worker(
    *,
    target: str,
    database_url: str | None,
    workspace: Path,
    concurrency: int | None,
    drain: float,
    until_idle: bool,
    event_loop: str,
    gc_freeze: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Work on the tasks of a database until told to stop. Many may, on one file.

    APP is the container, whose specialists do the work: PATH.py, PATH.py:NAME, or MODULE:NAME.

    The first Ctrl-C or SIGTERM drains: nothing more is claimed, and what is under way may go on
    for a while. The second one interrupts it, a third ends the process. Nothing is lost: what has
    not ended is pending again.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli.programs import load_container
        from vespera.interfaces.cli.work_display import display_of
        from vespera.interfaces.cli.working import WorkOrder, work

        settings = settings_of(database_url, workspace)
        if concurrency is not None:
            settings["concurrency"] = concurrency
        order = WorkOrder(
            drain=drain,
            until_idle=until_idle,
            uvloop=event_loop == "uvloop",
            gc_freeze=gc_freeze,
        )
        work(load_container(target), settings, order, display_of(as_json=as_json))


@click.command()
@storage
@labour
@click.option(
    "--tasks",
    "count",
    type=click.IntRange(0, 100_000),
    default=12,
    show_default=True,
    help="How many tasks to begin with.",
)
@output
def dev(
    *,
    database_url: str | None,
    workspace: Path,
    concurrency: int | None,
    drain: float,
    until_idle: bool,
    count: int,
    as_json: bool,
    debug: bool,
) -> None:
    """Watch a worker at work: a small shop that is part of Vespera, with orders to do.

    Its database is .vespera/dev.db in the workspace, unless --db names another; look into it from
    another terminal. Ctrl-C ends it; the same command goes on with what is left.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli.demo import DemoShop, opened
        from vespera.interfaces.cli.work_display import display_of
        from vespera.interfaces.cli.working import WorkOrder, work

        root = workspace.absolute()
        settings = settings_of(database_url or str(root / ".vespera" / "dev.db"), workspace)
        if concurrency is not None:
            settings["concurrency"] = concurrency
        order = WorkOrder(drain=drain, until_idle=until_idle, prepare=opened(count))
        work(DemoShop, settings, order, display_of(as_json=as_json))
