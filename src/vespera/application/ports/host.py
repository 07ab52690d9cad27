"""The machine and the interpreter that all of this runs on."""

from collections.abc import Sequence
from os import PathLike
from typing import Protocol

from vespera.domain.health import HostFacts, PlaceFacts


class Host(Protocol):
    """Tells what can be seen from here; it changes nothing, and nothing of it fails."""

    def describe(self) -> HostFacts:
        """The interpreter, the system, and the packages that are installed."""
        ...

    async def look_at(self, path: str | PathLike[str]) -> PlaceFacts:
        """A file or directory, and the file system it is on, or would be on."""
        ...

    async def names_in(self, directory: str | PathLike[str]) -> Sequence[str]:
        """The names of the files there, sorted; none if it cannot be read."""
        ...
