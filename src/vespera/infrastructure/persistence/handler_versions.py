"""Asks, from within SQL, which versions of handlers this process has."""

import sqlite3
from collections.abc import Callable


class VersionQuestions:
    """The answers to the SQL functions that claims call; by default nothing has a version.

    SQL is where they are asked, so that a task is not claimed that would be given back at once, and
    its version is stored by the claim that begins it.
    """

    def __init__(self) -> None:
        self._current: Callable[[str, str | None], str | None] = lambda _kind, version: version
        self._takes: Callable[[str, str], bool] = lambda _kind, _version: True

    def answer_by(
        self,
        current: Callable[[str, str | None], str | None],
        takes: Callable[[str, str], bool],
    ) -> None:
        """Ask these from now on."""
        self._current, self._takes = current, takes

    def install(self, connection: sqlite3.Connection) -> None:
        """Make the functions known to a connection."""
        connection.create_function("vespera_version", 2, self.current)
        connection.create_function("vespera_takes", 2, self.takes)

    def current(self, specialist_type: str, version: str | None) -> str | None:
        """The version that a task of the type has when it is claimed here, which had this one."""
        return self._current(specialist_type, version)

    def takes(self, specialist_type: str, version: str) -> bool:
        """Whether this version of it is done here."""
        return self._takes(specialist_type, version)
