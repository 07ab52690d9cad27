"""The packages that Vespera needs, as they are installed."""

import re
from importlib import metadata

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:.*extra == ['\"](?P<extra>[\w-]+)['\"])?")
_OWN = "vespera"
_FOR_DEVELOPERS = "dev"

Versions = dict[str, str | None]


def needed_packages() -> tuple[Versions, dict[str, Versions]]:
    """The versions of those that are always needed, and those of each extra; None: not there."""
    required: Versions = {}
    extras: dict[str, Versions] = {}
    for name, extra in _requirements():
        group = extras.setdefault(extra, {}) if extra else required
        group[name] = _version_of(name)
    return required, extras


def _requirements() -> list[tuple[str, str | None]]:
    """Each package that Vespera's own installation names, and the extra that it belongs to."""
    try:
        lines = metadata.requires(_OWN) or []
    except metadata.PackageNotFoundError:
        return []
    found = [match for match in map(_REQUIREMENT.match, lines) if match]
    pairs = [(match["name"], match["extra"]) for match in found]
    return [(name, extra) for name, extra in pairs if name != _OWN and extra != _FOR_DEVELOPERS]


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
