"""What `vespera doctor` and `vespera config show` find out, and what they print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import click
from click.core import ParameterSource

from vespera.application.usecases.examine_installation import (
    ExamineInstallationResult,
    ExamineInstallationUseCase,
)
from vespera.domain.health import Level, Remark
from vespera.infrastructure.di.container import Container
from vespera.interfaces.cli import reading
from vespera.interfaces.cli.containers import OPTIONS
from vespera.interfaces.cli.redaction import redacted
from vespera.interfaces.cli.rendering import aligned, print_json, print_lines

SOURCES = {ParameterSource.COMMANDLINE: "flag", ParameterSource.ENVIRONMENT: "environment"}


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting without its secrets. ``source``: "flag", "environment" or "default"; ``given_by``:
    the option, the variable, or the container class.
    """

    name: str
    value: object
    source: str
    given_by: str


def examine(settings: Mapping[str, object], kind: type[Container]) -> ExamineInstallationResult:
    """The remarks on all that a container of this class would stand on."""

    async def question(container: Container) -> ExamineInstallationResult:
        return await container.get(ExamineInstallationUseCase).examine()

    return reading.ask(settings, question, kind=kind, without_database=True)


def show_remarks(result: ExamineInstallationResult, *, as_json: bool) -> None:
    """Print each remark, and how many of them matter."""
    counts = {level: _count(result.remarks, level) for level in (Level.ERROR, Level.WARNING)}
    if as_json:
        print_json(
            {
                "success": result.success,
                "errors": counts[Level.ERROR],
                "warnings": counts[Level.WARNING],
                "remarks": result.remarks,
            }
        )
        return
    print_lines(*_lines(result.remarks))
    print_lines(", ".join(_counted(count, level) for level, count in counts.items()))


def sources_of(context: click.Context) -> Mapping[str, tuple[str, str]]:
    """Where the values of the options come from that are settings: from what, and from which."""
    found = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if parameter.name in OPTIONS and source in SOURCES:
            variable = source is ParameterSource.ENVIRONMENT and parameter.envvar
            found[parameter.name] = (SOURCES[source], str(variable or OPTIONS[parameter.name]))
    return found


def effective(
    settings: Mapping[str, object],
    kind: type[Container],
    given: Mapping[str, tuple[str, str]],
) -> Sequence[ShownSetting]:
    """The settings of a container of this class, by name, redacted."""

    async def question(container: Container) -> Mapping[str, object]:
        return dict(container.config())

    values = reading.ask(settings, question, kind=kind, without_database=True)
    return [
        ShownSetting(name, redacted(name, values[name]), *given.get(name, _default(kind, name)))
        for name in sorted(values)
    ]


def show_settings(kind: type[Container], shown: Sequence[ShownSetting], *, as_json: bool) -> None:
    """Print the settings as a table."""
    if as_json:
        told = {s.name: {"value": s.value, "source": s.source, "from": s.given_by} for s in shown}
        print_json({"container": kind.__name__, "settings": told})
        return
    rows = [(s.name, str(s.value), f"{s.source} ({s.given_by})") for s in shown]
    print_lines(*aligned([("SETTING", "VALUE", "SOURCE"), *rows]))


def _default(kind: type[Container], name: str) -> tuple[str, str]:
    """The class that gives the default; what the command line gives by itself is its own."""
    owners = [klass.__name__ for klass in kind.__mro__ if name in vars(klass).get("defaults", {})]
    by_class = owners[0] if owners else kind.__name__
    return "default", "command line" if name in {"database_url", "workspace"} else by_class


def _count(remarks: Sequence[Remark], level: Level) -> int:
    return sum(remark.level is level for remark in remarks)


def _counted(count: int, level: Level) -> str:
    return f"{count} {level}{'' if count == 1 else 's'}"


def _lines(remarks: Sequence[Remark]) -> Iterator[str]:
    table = aligned([(remark.level, remark.about, remark.text) for remark in remarks])
    for line, remark in zip(table, remarks, strict=True):
        yield line
        if remark.remedy:
            yield f"         -> {' '.join(remark.remedy.split())}"
