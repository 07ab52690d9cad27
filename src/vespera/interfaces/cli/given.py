"""Values that are given as JSON, as the text of an option or in a file."""

import json

import click


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


def _read(path: str, option: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option}: {path} cannot be read: {error}") from error
    return text
