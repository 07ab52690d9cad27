"""Every error is one clear line; its traceback is for those who ask for it."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import vespera
from vespera.domain.errors import VesperaError
from vespera.interfaces.cli.pipes import silenced_if_unread

HOUSE = Path(vespera.__file__).parent
LIBRARY = Path(traceback.__file__).parent


class Interrupted(Exception):
    """Somebody stopped the program by a signal."""

    def __init__(
        self,
        number: signal.Signals,
        told: str = "interrupted; run the same command again to resume",
    ) -> None:
        super().__init__(told)
        self.exit_code = 128 + number


class UnusualEnd(Exception):
    """A program ended by what is no `Exception`, its cause."""


class WrongUsage(click.ClickException):
    """What was typed makes no sense. One line, where click prints the usage as well."""

    exit_code = 2


class OneLineGroup(click.Group):
    """A group whose usage errors, and those of its commands, are one line."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the group's own options."""
        with _one_line_usage():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the command's options and run it."""
        with _one_line_usage():
            return super().invoke(ctx)


@contextmanager
def _one_line_usage() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "vespera"
        message = " ".join(error.format_message().split())
        raise WrongUsage(printable(f"{message} (see {path} --help)")) from error


@contextmanager
def one_line_errors(*, debug: bool) -> Iterator[None]:
    """Turn whatever goes wrong in the block into one line on stderr and an exit code.

    Raises:
        click.ClickException: which click prints; its exit code is 1, or 2 for wrong usage.
        click.exceptions.Exit: 130 or 143, after an interruption; 141, without a word, if nobody
            reads the output any more.
    """
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except (Interrupted, KeyboardInterrupt) as error:
        stopped = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        click.echo(str(stopped), err=True)
        raise click.exceptions.Exit(stopped.exit_code) from error
    except BrokenPipeError as error:
        unread = [silenced_if_unread(stream) for stream in (sys.stdout, sys.stderr)]
        if not any(unread):
            raise _failure(error, debug=debug) from error
        raise click.exceptions.Exit(128 + signal.SIGPIPE) from error
    except Exception as error:
        raise _failure(error, debug=debug) from error


def _failure(error: Exception, *, debug: bool) -> click.ClickException:
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    return click.ClickException(printable(one_line(error)))


def one_line(error: BaseException) -> str:
    """What the error says, in one line; an error that is not Vespera's with its kind and place."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(one_line(inner) for inner in error.exceptions)
    if isinstance(error, UnusualEnd) and error.__cause__ is not None:
        return one_line(error.__cause__)
    message = " ".join(str(error).split())
    if isinstance(error, VesperaError):
        return message
    kind = type(error).__name__
    if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():
        return f"{error.filename}:{error.lineno}: {kind}: {error.msg}"
    return f"{_place(error)}{kind}: {message}" if message else f"{_place(error)}{kind}"


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would not show as a character."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _place(error: BaseException) -> str:
    """Where in the user's own code it happened, if it did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_users(frame.filename)]
    return f"{own[-1].filename}:{own[-1].lineno}: " if own else ""


def _is_users(filename: str) -> bool:
    path = Path(filename)
    of_others = "site-packages" in path.parts or not path.is_file()
    return not of_others and not any(path.is_relative_to(root) for root in (HOUSE, LIBRARY))
