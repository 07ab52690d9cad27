"""The commands and their options. What does the work is imported when a command runs."""

import sys
from pathlib import Path

import click

import vespera
from vespera.interfaces.cli.audit import audit
from vespera.interfaces.cli.breakers import breaker
from vespera.interfaces.cli.database import db
from vespera.interfaces.cli.failures import OneLineGroup, one_line_errors
from vespera.interfaces.cli.files import diff, files, recover_context
from vespera.interfaces.cli.flow import pause_task, queue, resume_task
from vespera.interfaces.cli.given import json_of
from vespera.interfaces.cli.histories import export_task, import_task
from vespera.interfaces.cli.options import (
    Asked,
    file_names,
    on_container,
    output,
    settings_of,
    storage,
    word,
)
from vespera.interfaces.cli.reruns import (
    cancel_task,
    fork_task,
    recover,
    retry_task,
    run_task,
    wait_for_task,
)
from vespera.interfaces.cli.resources import resource
from vespera.interfaces.cli.rollback import rollback
from vespera.interfaces.cli.schedules import schedule
from vespera.interfaces.cli.signals import approve, reject, signal
from vespera.interfaces.cli.snapshots import snapshot, undeclared
from vespera.interfaces.cli.store import store
from vespera.interfaces.cli.system import config, doctor
from vespera.interfaces.cli.tasks import show_task, task
from vespera.interfaces.cli.telling import events
from vespera.interfaces.cli.waivers import revoke, waive, waivers
from vespera.interfaces.cli.workers import dev, worker


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vespera.__version__, prog_name="vespera")
def app() -> None:
    """Durable tasks in your own process, with proof of what was done to files."""


@app.command()
@click.argument("target", metavar="PATH.py[:NAME]", shell_complete=file_names)
@click.option("--input", "given", metavar="JSON|@FILE", help="Input for main, JSON; @- is stdin.")
@storage
@click.option(
    "--concurrency", type=click.IntRange(1, 10_000), help="Tasks at a time (default: 10)."
)
@output
def run(
    *,
    target: str,
    given: str | None,
    database_url: str | None,
    workspace: Path,
    concurrency: int | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Run the `async def main(container, input)` of a file.

    NAME is the Container subclass to use; by default the only one that the file defines. Running
    the same command again after an interruption resumes the work.
    """
    with one_line_errors(debug=debug):
        from vespera.interfaces.cli.programs import load
        from vespera.interfaces.cli.rendering import show_result, succeeded
        from vespera.interfaces.cli.running import run_program

        settings = settings_of(database_url, workspace)
        if concurrency is not None:
            settings["concurrency"] = concurrency
        value = json_of(given, "--input")
        result = run_program(load(target), settings, value)
        show_result(result, as_json=as_json)
        if not succeeded(result):
            sys.exit(1)


@app.command()
@click.argument("some_id", type=word, metavar="[ID]", required=False)
@click.option("--strict", is_flag=True, help="Refuse also what a policy or a waiver lets pass.")
@on_container
def verify(
    *,
    some_id: str | None,
    strict: bool,
    asked: Asked,
) -> None:
    """Check what tasks said of files against the disk.

    ID is a task, a name that operations were recorded under, or a file operation; without it, all
    operations of tasks that are done, and those of no task, are judged. Exit code 1: something
    is refused, that is, not proven, and neither tolerated by the container's policy nor waived.
    """
    from vespera.interfaces.cli import reading, rendering

    findings = asked.answer(reading.findings_of(some_id))
    rendering.show_findings(findings, as_json=asked.as_json, strict=strict)
    if rendering.refused_of(findings, strict=strict):
        sys.exit(1)


app.add_command(task)
app.add_command(show_task, "show")
app.add_command(events)
task.add_command(pause_task)
task.add_command(resume_task)
task.add_command(export_task)
task.add_command(import_task)
task.add_command(retry_task)
task.add_command(fork_task)
task.add_command(cancel_task)
task.add_command(run_task)
task.add_command(wait_for_task)
app.add_command(recover)
app.add_command(queue)
task.add_command(signal)
task.add_command(approve)
task.add_command(reject)
app.add_command(db)
app.add_command(store)
app.add_command(resource)
app.add_command(breaker)
app.add_command(rollback)
app.add_command(doctor)
app.add_command(config)
app.add_command(schedule)
app.add_command(snapshot)
app.add_command(files)
app.add_command(audit)
app.add_command(diff)
app.add_command(recover_context)
app.add_command(undeclared)
app.add_command(waive)
app.add_command(waivers)
app.add_command(revoke)
app.add_command(worker)
app.add_command(dev)
