"""Files beside a database, one for each large value, called by what is in it."""

import hashlib
import math
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vespera.infrastructure.persistence.syncing import sync

_TEXT = re.compile(r"sha256:([0-9a-f]{64}):([0-9]{1,18})")
_NAME = re.compile(r"[0-9a-f]{64}")
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY
_DRAFT = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class ValueReference:
    """What a row holds in the place of a value that is in a file."""

    digest: str
    size: int

    @classmethod
    def to(cls, value: bytes) -> "ValueReference":
        """The one to this value."""
        return cls(hashlib.sha256(value).hexdigest(), len(value))

    @classmethod
    def of(cls, text: str) -> "ValueReference | None":
        """The one that a row holds as ``text``; None if it is none."""
        found = _TEXT.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None

    def __str__(self) -> str:
        return f"sha256:{self.digest}:{self.size}"


class ValueFiles:
    """The directory of a database's large values. All of it blocks; call it in a thread.

    A file appears whole or not at all, and is never changed. As few may read it as may read the
    database; ``like``: the file that tells who, if it is another.
    """

    def __init__(self, database: Path, *, like: Path | None = None) -> None:
        self._like = like or database
        self.directory = database.with_name(f"{database.name}-values")

    def path_of(self, reference: ValueReference) -> Path:
        """Where its value is."""
        return self.directory / reference.digest

    def keep(self, value: bytes) -> ValueReference:
        """Have the value in a file, on disk, young again if it was there already.

        Raises:
            OSError: that cannot be done.
        """
        reference = ValueReference.to(value)
        self._make_directory()
        if self.problem_of(str(reference)) is not None or not self.renew(reference):
            self._write(self.path_of(reference), value)
        sync(self.directory)  # also if it was there: who wrote it may have died before doing so
        return reference

    def renew(self, reference: ValueReference) -> bool:
        """Make the file young, so that nobody removes it as a stray; whether it is there."""
        try:
            os.utime(self.path_of(reference))
        except FileNotFoundError:
            return False
        return True

    def read(self, reference: ValueReference) -> bytes:
        """The value.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not what was stored; the message says why.
        """
        with self.path_of(reference).open("rb") as file:
            value = file.read(reference.size + 1)
        if len(value) != reference.size:
            raise ValueError(f"it should have {reference.size} bytes, and has not")
        if hashlib.sha256(value).hexdigest() != reference.digest:
            raise ValueError("its content is not what was stored")
        return value

    def problem_of(self, text: str) -> str | None:
        """What is wrong with what ``text`` refers to, as the end of a sentence."""
        reference = ValueReference.of(text)
        if reference is None:
            return f"not there: {text!r} refers to no file"
        try:
            self.read(reference)
        except (OSError, ValueError) as error:
            return self.told(reference, error)
        return None

    def told(self, reference: ValueReference, error: OSError | ValueError) -> str:
        """What ``read`` has found, as the end of a sentence."""
        match error:
            case FileNotFoundError():
                problem = "which is missing"
            case OSError():
                problem = f"which cannot be read ({error.strerror})"
            case _:
                problem = f"which is damaged: {error}"
        return f"in the file {self.path_of(reference)}, {problem}"

    def names(self, before: float = math.inf) -> list[str]:
        """The digests of the values whose files are older, by their time stamps."""
        return [name for name in self._older_than(before) if _NAME.fullmatch(name)]

    def remove(self, names: Iterable[str]) -> None:
        """Remove these values, and the directory with the last one."""
        for name in names:
            (self.directory / name).unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty, or not there
            self.directory.rmdir()

    def set_aside(self, name: str, before: float) -> bool:
        """Take the value away if it still is older than that; quick, the room is freed by
        ``drop_drafts``. Whether it was.
        """
        path = self.directory / name
        try:
            if path.stat().st_mtime >= before:
                return False
            path.rename(self._draft_of(name))
        except OSError:  # somebody else has it; or the directory cannot be written: another time
            return False
        return True

    def drop_drafts(self, before: float) -> None:
        """Remove what was never finished, or was set aside, and is older than that."""
        for name in self._older_than(before):
            if _DRAFT.fullmatch(name):
                (self.directory / name).unlink(missing_ok=True)

    def _older_than(self, moment: float) -> Iterator[str]:
        try:
            entries = list(os.scandir(self.directory))
        except FileNotFoundError:
            return
        for entry in entries:
            try:
                is_older = entry.stat(follow_symlinks=False).st_mtime < moment
            except FileNotFoundError:
                continue
            if is_older and entry.is_file(follow_symlinks=False):
                yield entry.name

    def _make_directory(self) -> None:
        if self.directory.is_dir():
            return
        mode = stat.S_IMODE(self._like.stat().st_mode)
        self.directory.mkdir(exist_ok=True)
        self.directory.chmod(mode | (mode & 0o444) >> 2)
        sync(self.directory.parent)

    def _draft_of(self, name: str) -> Path:
        return self.directory / f".{name}.{secrets.token_hex(8)}"

    def _write(self, path: Path, value: bytes) -> None:
        draft = self._draft_of(path.name)
        mode = stat.S_IMODE(self._like.stat().st_mode)
        try:
            with os.fdopen(os.open(draft, _NEW, mode), "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
