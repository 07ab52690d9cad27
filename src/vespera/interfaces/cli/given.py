"""Values that are given as JSON, as the text of an option or in a file."""

import json
from collections.abc import Mapping
from math import isnan
from typing import Any

import click


class Seconds(click.FloatRange):
    """A time in seconds, to ten years, as for every time limit."""

    def __init__(self, least: int = 0) -> None:
        super().__init__(least, 10 * 365 * 86_400)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; what is none, as NaN, is refused."""
        seconds: float = super().convert(value, param, ctx)
        if isnan(seconds):  # which a range lets pass
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


def json_of(given: str | None, option: str) -> object:
    """The value of JSON text, of ``@FILE``, or of ``@-``, the standard input; None for None.

    Raises:
        click.UsageError: it is no JSON, or cannot be read.
    """
    if given is None:
        return None
    text = _read(given[1:], option) if given.startswith("@") else given
    try:
        text.encode()
        return json.loads(text)
    except RecursionError as error:
        raise click.UsageError(f"{option}: this JSON is nested too deeply") from error
    except ValueError as error:
        raise click.UsageError(f"{option}: this is no JSON: {error}") from error


def json_object_of(given: str | None, option: str) -> Mapping[str, object] | None:
    """As ``json_of``, but it must be an object.

    Raises:
        click.UsageError: it is none, is no JSON, or cannot be read.
    """
    if given is None:
        return None
    value = json_of(given, option)
    if not isinstance(value, dict):
        raise click.UsageError(f'{option}: must be a JSON object, as {{"number": 1}}')
    return value


def _read(path: str, option: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option}: {path} cannot be read: {error}") from error
    return text
