"""The options that commands share, and what kinds of words they take."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from vespera.domain.errors import InvalidRequest
from vespera.domain.request import filled_text_of, specialist_type_of, text_of
from vespera.domain.retry import LARGEST_WHOLE
from vespera.interfaces.cli.failures import one_line_errors

Answer = TypeVar("Answer")
Command = TypeVar("Command", bound=Callable[..., None])


def text(value: str) -> str:
    """A text that can be stored. Of values that are no UTF-8 only paths can be."""
    return _checked(text_of, value)


def word(value: str) -> str:
    """A text that can be stored and is not blank: an id, a name."""
    return _checked(filled_text_of, value)


def type_name(value: str) -> str:
    """The name of a type of tasks."""
    return _checked(lambda given, _: specialist_type_of(given), value)


def _checked(check: Callable[[object, str], str], value: str) -> str:
    try:
        value.encode()
        return check(value, _FIELD)
    except UnicodeEncodeError:
        raise click.BadParameter(f"{value!r} is not UTF-8") from None
    except InvalidRequest as error:
        reason = str(error).removeprefix(f"{error.field}: ")
        raise click.BadParameter(reason) from error


_FIELD = "value"


class FilePath(click.Path):
    """A path that can be one: it is not blank. It need be no UTF-8."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value).strip() or "\0" in str(value):
            self.fail(f"{str(value)!r} is no path", param, ctx)
        return super().convert(value, param, ctx)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_DIGITS = 6
COUNT = click.IntRange(1, LARGEST_WHOLE)
"""How many, or which one."""


def span(value: str) -> timedelta:
    """A span of time: `90s`, `15m`, `2h`, `30d`, `4w`."""
    number, unit = value[:-1], value[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or len(number) > _DIGITS:
        raise click.BadParameter(f"{value!r} is no span of time; write 90s, 15m, 2h, 30d or 4w")
    return timedelta(seconds=int(number) * _UNITS[unit])


def moment(value: str) -> datetime:
    """A moment: `2030-01-31T12:00`, with an offset if it is not local, or `2h ago`."""
    try:
        if value.endswith(" ago"):
            return datetime.now(UTC) - span(value.removesuffix(" ago"))  # noqa: TID251 -- what people mean by it
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is no moment; write 2030-01-31, 2030-01-31T12:00, or 2h ago"
        ) from None


def file_names(_context: click.Context, _option: click.Parameter, begun: str) -> list[object]:
    """What the shell offers for a word that names a file, or begins with one: its own choice."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def storage(command: Command) -> Command:
    """The options that say which database and which workspace."""
    database = click.option(
        "--db",
        "database_url",
        envvar="VESPERA_DATABASE_URL",
        metavar="URL",
        shell_complete=file_names,
        help="Database (default: .vespera/vespera.db in the workspace).",
    )
    workspace = click.option(
        "--workspace",
        envvar="VESPERA_WORKSPACE",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        help="The directory that tasks work in (default: the current one).",
    )
    return database(workspace(command))


def output(command: Command) -> Command:
    """The options that say how the answer is given."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
    debug = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    return as_json(debug(command))


def own_container(command: Command) -> Command:
    """The option that says whose container is asked."""
    container = click.option(
        "--app",
        "target",
        metavar="APP",
        shell_complete=file_names,
        help="Ask this container, PATH.py[:NAME] or MODULE:NAME (default: Vespera's own).",
    )
    return container(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose container a command asks, and how it answers.

    Attributes:
        settings: of the container.
        target: what names its class; None: it is Vespera's own.
        as_json: answer in JSON.
    """

    settings: Mapping[str, object]
    target: str | None
    as_json: bool

    @property
    def kind(self) -> Any:
        """The container's class; its file is loaded by that."""
        from vespera.interfaces.cli.programs import load_container

        return load_container(self.target)

    def answer(
        self, question: Callable[[Any], Awaitable[Answer]], *, without_database: bool = False
    ) -> Answer:
        """What the container answers; see ``reading.ask``."""
        from vespera.interfaces.cli import reading

        return reading.ask(
            self.settings, question, kind=self.kind, without_database=without_database
        )


def on_container(command: Callable[..., None]) -> Callable[..., None]:
    """The options of all commands that ask a container, which they get as ``asked``. What goes
    wrong in them is told in one line.
    """

    @wraps(command)
    def told(
        *args: object,
        database_url: str | None,
        workspace: Path,
        target: str | None,
        as_json: bool,
        debug: bool,
        **given: object,
    ) -> None:
        with one_line_errors(debug=debug):
            settings = settings_of(database_url, workspace)
            command(*args, asked=Asked(settings=settings, target=target, as_json=as_json), **given)

    return storage(own_container(output(told)))


def agreement(command: Command) -> Command:
    """The option that answers the question before something is destroyed."""
    yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    return yes(command)


def settings_of(database_url: str | None, workspace: Path) -> dict[str, object]:
    """The container's settings for what ``storage`` was given."""
    root = workspace.absolute()
    if database_url is None:
        database_url = str(root / ".vespera" / "vespera.db")  # a URL would need escaping
    return {"database_url": database_url, "workspace": str(root)}
