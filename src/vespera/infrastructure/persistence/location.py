"""Where a database is."""

import errno
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vespera.domain.errors import InvalidRequest

_SCHEMES = ("sqlite+aiosqlite", "sqlite")
_MEMORY = ":memory:"
_NAMED_MEMORY = re.compile(r":memory:[A-Za-z0-9_-]{1,100}")
_ACCEPTED = (
    "accepted are 'sqlite+aiosqlite:///file.db' (relative), 'sqlite+aiosqlite:////dir/file.db'"
    " (absolute), a plain path, and 'sqlite+aiosqlite:///:memory:'"
)


@dataclass(frozen=True, slots=True)
class Location:
    """A file, or (``path`` is None) the memory of this process.

    Memory that has a name is shared by all in this process who use the name, and lasts as long as
    one of them has it open.
    """

    path: Path | None
    memory: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return f"in-memory database {self.memory!r}" if self.memory else "in-memory database"


def location_of(url: str | PathLike[str]) -> Location:
    """The place that a database URL or a plain path names, whatever links lead there.

    Raises:
        InvalidRequest: it names no SQLite database.
    """
    if not isinstance(url, str | PathLike):
        raise _refused(url, _ACCEPTED)
    text = str(url)
    if not text or "\0" in text:
        raise _refused(url, _ACCEPTED)
    scheme, separator, rest = text.partition("://")
    name = _name_in_url(url, scheme, rest) if separator else text
    if name == _MEMORY:
        return Location(None)
    if _NAMED_MEMORY.fullmatch(name):
        return Location(None, name.removeprefix(_MEMORY))
    if name.startswith(("file:", _MEMORY)):
        raise _refused(url, f"SQLite's own URIs are not supported; {_ACCEPTED}")
    return Location(_resolved(url, name))


def _name_in_url(url: object, scheme: str, rest: str) -> str:
    if scheme not in _SCHEMES:
        raise _refused(url, _ACCEPTED)
    if not rest:
        return _MEMORY
    if not rest.startswith("/") or rest == "/":
        raise _refused(url, f"it names no file; {_ACCEPTED}")
    if "?" in rest:
        raise _refused(url, "options after '?' are not supported; use durability and busy_timeout")
    return rest[1:]


def followed(name: str | PathLike[str]) -> Path:
    """The absolute path behind all links.

    Raises:
        OSError: the links go in a circle, or one of them cannot be read.
    """
    try:
        path = Path(name).resolve()
    except RuntimeError:  # so Python told of a circle before 3.13; since then it tells nothing
        path = Path(name).absolute()
    circle = next((part for part in (path, *path.parents) if part.is_symlink()), None)
    if circle is not None:
        raise OSError(errno.ELOOP, "its links go in a circle", str(circle))
    return path


def _resolved(url: object, name: str) -> Path:
    # One file has one name: the lock files beside it are found by that.
    try:
        return followed(name)
    except OSError as error:
        raise _refused(url, f"the path cannot be followed: {error}") from error


def _refused(url: object, why: str) -> InvalidRequest:
    return InvalidRequest(f"{url!r} cannot be used: {why}.", field="database_url")
