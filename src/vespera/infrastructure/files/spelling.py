"""How names are spelled on the disk, where a directory knows a name by several spellings.

Some file systems do not tell upper from lower case, some not the forms of Unicode in which a letter
can be written; on Linux, a directory may do so alone. Then one file would have two histories, and
what belongs to nobody's touch could be called by another name. So each name is asked for under
another spelling, too; where that is the same thing, the directory itself says how it is spelled.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol
from unicodedata import normalize

from vespera.infrastructure.files.paths import decoded, encoded
from vespera.infrastructure.files.places import names_in
from vespera.infrastructure.files.tree import NO_FOLLOW

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW


class Names(Protocol):
    """Of directories that are held open."""

    def found(self, directory: int, name: bytes) -> os.stat_result | None:
        """What the directory knows by this name; None: nothing."""
        ...

    def listed(self, directory: int) -> Collection[bytes]:
        """All names in it, as they are spelled there."""
        ...


class NamesOnDisk:
    """What the system says."""

    def found(self, directory: int, name: bytes) -> os.stat_result | None:
        """See ``Names.found``."""
        try:
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return None

    def listed(self, directory: int) -> Collection[bytes]:
        """See ``Names.listed``."""
        return [name for name, _ in names_in(directory)]


def spelled(root: int, names: Sequence[str], on_disk: Names) -> list[str]:
    """The names on the way down from ``root``, as the disk spells them; what is not there, and
    what is behind it, as given. Nothing is made to find out, and no symbolic link followed.
    """
    found: list[str] = []
    held = os.dup(root)
    try:
        for name in names:
            found.append(_spelled_in(held, name, on_disk))
            below = os.open(encoded(found[-1]), _DIRECTORY, dir_fd=held)
            os.close(held)
            held = below
    except OSError:  # it is no directory, not there, or not to be entered
        pass
    finally:
        os.close(held)
    return [*found, *names[len(found) :]]


def _spelled_in(directory: int, name: str, on_disk: Names) -> str:
    if not any(_is_one(directory, name, other, on_disk) for other in _other_spellings(name)):
        return name
    listed = [decoded(one) for one in on_disk.listed(directory)]
    if name in listed:
        return name
    alike = [one for one in listed if _folded(one) == _folded(name)]
    return alike[0] if len(alike) == 1 else name


def _is_one(directory: int, name: str, other: str, on_disk: Names) -> bool:
    seen = on_disk.found(directory, encoded(other))
    if seen is None:
        return False
    own = on_disk.found(directory, encoded(name))
    return own is not None and (own.st_dev, own.st_ino) == (seen.st_dev, seen.st_ino)


def _other_spellings(name: str) -> Iterator[str]:
    for other in (name.swapcase(), normalize("NFD", name), normalize("NFC", name)):
        if other != name:
            yield other


def _folded(name: str) -> str:
    return normalize("NFC", normalize("NFD", name).casefold())
