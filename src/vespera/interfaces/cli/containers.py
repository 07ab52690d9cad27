"""Containers with the settings that were typed."""

from collections.abc import Mapping

import click

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.di.container import Container

OPTIONS = {"database_url": "--db", "workspace": "--workspace", "concurrency": "--concurrency"}


def made(kind: type[Container], settings: Mapping[str, object]) -> Container:
    """A container that is not started yet.

    Raises:
        click.BadParameter: a setting is refused, and an option gave it.
        InvalidRequest: another one is refused.
    """
    try:
        container = kind(**settings)
        container.get("database")  # which is when its URL is read
    except InvalidRequest as error:
        if error.field not in settings or error.field not in OPTIONS:
            raise
        reason = str(error).removeprefix(f"{error.field}: ")
        raise click.BadParameter(reason, param_hint=OPTIONS[error.field]) from error
    return container
