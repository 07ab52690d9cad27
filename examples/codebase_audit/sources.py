"""Where the modules are: finding them below a directory, naming them, reading them."""

import hashlib
import keyword
import os
import re
import stat
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from codebase_audit.analysis import digest_of, printable

MOST_BYTES = 4 * 1024 * 1024
LONGEST_NAME = 200
SKIPPED = frozenset({"__pycache__", "site-packages", "dist-packages"})
TESTS = frozenset({"test", "tests", "idle_test"})

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Unreadable(Exception):
    """A file cannot be read as a module; the message says why."""

    @property
    def digest(self) -> str:
        """Stands for the reason, in place of the content."""
        return digest_of(f"unreadable: {self}".encode())


class SourceReader(Protocol):
    """Reads source files, wherever they are kept."""

    def read(self, root: str, file: str) -> bytes:
        """The content of ``file``, a path relative to ``root``.

        Raises:
            Unreadable: it is no regular file inside ``root``, or cannot be read, or is too large.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A directory of Python source. ``prefix`` goes before the names of its modules."""

    root: Path
    prefix: str = ""
    skipped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module that was found; ``file`` is relative to ``root``.

    ``report`` is the name of its report, without suffix: the dotted name where that is plain,
    else one that any file system takes and no other module has.
    """

    name: str
    report: str
    root: str
    file: str


class DiskReader:
    """Reads source files from the disk; opens nothing but regular files."""

    def read(self, root: str, file: str) -> bytes:
        """See ``SourceReader``. A symbolic link is followed to a file inside ``root`` only."""
        try:
            path = Path(os.path.realpath(Path(root, file), strict=True))
            _check(path, Path(root, file).is_symlink(), Path(os.path.realpath(root)))
            return path.read_bytes()
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror or error}") from error


def find_modules(source: Source) -> Sequence[Module]:
    """All modules below a directory, sorted by path; what is hidden is skipped.

    Whatever stands where a module could stand is among them, readable or not: a directory or a
    link named ``x.py``, a link to a directory, a directory that cannot be listed.
    """
    files = sorted(_files(source.root, SKIPPED | source.skipped))
    return [_module(source, file) for file in files]


def standard_library() -> Source:
    """The sources of the running interpreter's own library, without its tests."""
    return Source(root=Path(sysconfig.get_paths()["stdlib"]), skipped=TESTS)


def name_notes(file: str) -> Sequence[str]:
    """What is odd about the name of a source file."""
    name = PurePath(file).name.removesuffix(".py")
    if printable(name) != name:
        return ("cannot be imported: its name is not plain text",)
    if keyword.iskeyword(name):
        return ("cannot be imported: its name is a keyword",)
    return () if name.isidentifier() else ("cannot be imported: its name is no identifier",)


def _check(path: Path, is_link: bool, home: Path) -> None:
    kind = path.stat()
    if not path.is_relative_to(home):
        raise Unreadable("is a symbolic link that leads out of the source")
    if stat.S_ISDIR(kind.st_mode):
        raise Unreadable(_about_directory(path, is_link))
    if not stat.S_ISREG(kind.st_mode):
        raise Unreadable("is no regular file")
    if kind.st_size > MOST_BYTES:
        raise Unreadable(f"has {kind.st_size:,} bytes; up to {MOST_BYTES:,} are audited")


def _about_directory(path: Path, is_link: bool) -> str:
    os.scandir(path).close()  # raises if it cannot be listed
    if is_link:
        return "is a symbolic link to a directory, which is not followed"
    return "is a directory"


def _files(root: Path, skipped: frozenset[str]) -> Iterator[str]:
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        try:
            entries = [e for e in os.scandir(root / directory) if not _is_skipped(e.name, skipped)]
        except OSError:
            yield directory
            continue
        for entry in entries:
            file = f"{directory}{entry.name}"
            if entry.name.endswith(".py") or (entry.is_symlink() and entry.is_dir()):
                yield file
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{file}/")


def _is_skipped(name: str, skipped: frozenset[str]) -> bool:
    return name.startswith(".") or name in skipped


def _module(source: Source, file: str) -> Module:
    parts = PurePath(file.removesuffix(".py")).parts
    parts = (source.prefix, *parts) if source.prefix else parts
    return Module(
        name=printable(".".join(parts)),
        report=_report_name(parts, file),
        root=str(source.root),
        file=file,
    )


def _report_name(parts: Sequence[str], file: str) -> str:
    name = ".".join(parts)
    if len(name) <= LONGEST_NAME and all(_PLAIN.fullmatch(part) for part in parts):
        return name
    readable = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:80]
    return f"{readable}-{hashlib.sha256(os.fsencode(file)).hexdigest()[:12]}"
