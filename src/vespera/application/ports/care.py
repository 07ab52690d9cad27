"""Looking after the database itself, whatever is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What is known of the database before anybody looks at it.

    ``path`` is None for a database in memory. ``newest`` is the revision of the tables that this
    version of Vespera works with. ``takes_turns``: writers of several processes take turns by a
    lock file, because this SQLite needs it.
    """

    path: str | None
    sqlite: str
    takes_turns: bool
    durability: str
    newest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The revisions of the tables, before and after; "" is a file without tables."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in the database that must not be: the rule that it breaks, and where."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found by looking at the whole database, as of one moment.

    ``unlisted`` flaws were found beyond those listed, of which each rule lists some at most.
    """

    path: str
    revision: str
    flaws: Sequence[Flaw]
    unlisted: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.flaws


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was verified: where it is, and its size in bytes."""

    path: str
    copy: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """The sizes in bytes before and after."""

    path: str
    before: int
    after: int


class DatabaseCare(Protocol):
    """The database's keeper. It needs no started container, and starts none.

    All but ``facts`` and ``revision`` raise ``InvalidRequest`` for a database in memory, and
    ``StorageError`` where the file is not there, or cannot be read or written; none of them makes
    a database. Work whose caller is cancelled is called off, and has ended when they return.
    """

    def facts(self) -> DatabaseFacts:
        """What is known without looking."""
        ...

    async def revision(self) -> str | None:
        """The revision of the file's tables; "" if it has none yet, None if there is no file.

        Raises:
            StorageError: the file is damaged, of another program, or of a newer version.
        """
        ...

    async def migrate(self) -> Migration:
        """Bring the tables to this version's revision, in one transaction. A database that is
        there already stays as it is.

        Raises:
            DatabaseTooNew: a newer version of Vespera wrote it; it is left untouched.
        """
        ...

    async def check(self) -> Inspection:
        """Look at all of the file: SQLite's own check, and our rules for what is in it. Others may
        go on working meanwhile; what is judged is one moment.
        """
        ...

    async def back_up(self, copy: str | PathLike[str], *, overwrite: bool = False) -> Backup:
        """Copy the database as it is at one moment, while others go on working, to a file that
        can be used at once. It is there whole, verified and durable, or not at all.

        Raises:
            InvalidRequest: ``copy`` cannot be the place: it is the database itself, is there
                already (without ``overwrite``), is open elsewhere, or has no directory.
            DatabaseCorrupt: the copy is not sound, because the database is not.
        """
        ...

    async def compact(self) -> Compaction:
        """Write the file anew, without the room that deleted rows have left.

        Raises:
            DatabaseLocked: somebody has it open; nothing is waited for.
            DatabaseFull: it takes up to twice its size while this goes on.
        """
        ...
