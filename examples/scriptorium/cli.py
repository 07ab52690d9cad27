"""The command line: carry a premise out, and take part in it from outside."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from click.core import ParameterSource

from scriptorium.container import ScriptoriumContainer
from scriptorium.offline import PREMISE, offline_model
from scriptorium.plan import ROLES
from scriptorium.report import markdown_of, page_of, tree_of
from scriptorium.sessions import SessionStatus, SessionsUseCase, name_of
from scriptorium.subtasks import SubtasksUseCase
from vespera import TaskOrchestrator, TaskStatus
from vespera.domain.errors import VesperaError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where sessions are kept, and what writes in them."""

    home: Path
    model_url: str | None
    model_name: str
    model_key: str
    run_tests: bool
    command: str
    """What has to be typed to get to the same desk."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ScriptoriumContainer]:
        """The container; without a model's address, with a model on loopback."""
        workspace = self.home / "workspace"
        try:
            workspace.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"{workspace}: it cannot be made: {error.strerror}; --home says where else"
            raise click.ClickException(reason) from error
        async with AsyncExitStack() as stack:
            url = self.model_url or (await stack.enter_async_context(offline_model())).base_url
            container = ScriptoriumContainer(
                database_url=f"sqlite+aiosqlite:///{self.home / 'scriptorium.db'}",
                workspace=str(workspace),
                model_url=url,
                model_name=self.model_name,
                model_key=self.model_key,
                run_tests=self.run_tests,
            )
            yield await stack.enter_async_context(container)


@click.group(context_settings={"auto_envvar_prefix": "SCRIPTORIUM"})
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), default="build/scriptorium"
)
@click.option("--model-url", help="An OpenAI-compatible API, ending with /v1.")
@click.option("--model-name", default="test-model", show_default=True)
@click.option("--model-key", default="", help="Sent to that API.")
@click.option(
    "--run-tests/--no-run-tests",
    default=None,
    help="Run the tests that were written; by default only those of the built-in premise.",
)
@click.pass_context
def main(
    context: click.Context,
    *,
    home: Path,
    model_url: str | None,
    model_name: str,
    model_key: str,
    run_tests: bool | None,
) -> None:
    """Have a premise planned, shared out to specialists, and carried out. Each option can be given
    in the environment, too: SCRIPTORIUM_MODEL_URL.
    """
    context.obj = Desk(
        home=home,
        model_url=model_url,
        model_name=model_name,
        model_key=model_key,
        run_tests=(model_url is None) if run_tests is None else run_tests,
        command=_command_of(context),
    )


def _command_of(context: click.Context) -> str:
    """The program with the options that were typed; what was in the environment still is."""
    words = ["python", "-m", "scriptorium"]
    for name in ("home", "model_url", "model_name"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += [f"--{name.replace('_', '-')}", str(context.params[name])]
    return shlex.join(words)


@main.command()
@click.argument("premise", default=PREMISE)
@click.option("--outside", multiple=True, type=click.Choice(ROLES), help="Is done from outside.")
@click.pass_obj
def run(desk: Desk, premise: str, outside: tuple[str, ...]) -> None:
    """Begin a session, or go on with it: also after it was killed."""
    if desk.model_url is None and premise != PREMISE:
        raise click.UsageError(
            "without a model, only the built-in premise can be carried out; set"
            " SCRIPTORIUM_MODEL_URL, or leave the premise out"
        )

    async def act(container: ScriptoriumContainer) -> str:
        begun = await container.get(SessionsUseCase).initialise(premise, outside)
        if not begun.success and begun.status is None:
            raise click.ClickException(str(begun.error))
        await container.get(TaskOrchestrator).run_until_idle()
        return name_of(premise)

    _work(desk, act)


@main.command()
@click.argument("premise", default=PREMISE)
@click.pass_obj
def status(desk: Desk, premise: str) -> None:
    """Show how a session stands, and write its page anew."""

    async def act(_container: ScriptoriumContainer) -> str:
        return name_of(premise)

    _work(desk, act)


@main.command()
@click.argument("task_id")
@click.pass_obj
def brief(desk: Desk, task_id: str) -> None:
    """Tell whoever takes a subtask over all there is to know."""

    async def act() -> None:
        async with desk.opened() as container:
            told = await container.get(SubtasksUseCase).brief(task_id)
        if told.error:
            raise click.ClickException(told.error)
        click.echo(f"{told.context}\n{told.recovered}")

    _run(act())


@main.command()
@click.argument("task_id")
@click.option("--summary", required=True, help="What was done.")
@click.option("--artifact", "artifacts", multiple=True, help="A file that was made.")
@click.option("--next-action", default="", help="What is to be done next.")
@click.pass_obj
def complete(
    desk: Desk, task_id: str, summary: str, artifacts: tuple[str, ...], next_action: str
) -> None:
    """Say that a subtask is done; it is accepted if its files are there. The session goes on."""

    async def act(container: ScriptoriumContainer) -> str:
        signed = await container.get(SubtasksUseCase).complete(
            task_id, summary=summary, artifacts=artifacts, next_action=next_action
        )
        if not signed.success:
            found = [f"\n  {each.path}: {each.reason}" for each in signed.findings]
            why = f"it is not accepted:{''.join(found)}" if found else str(signed.error)
            raise click.ClickException(why)
        await container.get(TaskOrchestrator).run_until_idle()
        return await container.get(SubtasksUseCase).session_of(task_id)

    _work(desk, act)


def _work(desk: Desk, act: Callable[[ScriptoriumContainer], Awaitable[str]]) -> None:
    """Do something to a session, then show how it stands."""

    async def work() -> SessionStatus:
        async with desk.opened() as container:
            name = await act(container)
            return await container.get(SessionsUseCase).status(name)

    session = _run(work())
    (desk.home / f"{session.id}.md").write_text(markdown_of(session), encoding="utf-8")
    page = desk.home / f"{session.id}.html"
    page.write_text(page_of(session), encoding="utf-8")
    click.echo(tree_of(session))
    for branch in session.handed_over:
        click.echo(f"For an outside worker: {desk.command} brief {branch.id}")
        click.echo(f"When it is done: {desk.command} complete {branch.id} --summary ...")
    click.echo(f"All of it: {page}")
    if session.status not in {TaskStatus.COMPLETED, TaskStatus.WAITING}:
        raise SystemExit(1)


def _run(work: Coroutine[object, object, T]) -> T:
    try:
        return asyncio.run(work)
    except VesperaError as error:
        raise click.ClickException(str(error)) from error
