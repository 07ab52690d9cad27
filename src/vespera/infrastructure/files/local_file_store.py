"""The workspace on the local file system."""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from threading import Event

from vespera.application.ports.files import AnyPath
from vespera.domain.errors import FileUnreadable, InvalidRequest, PathRefused
from vespera.domain.file_operation import Absent, FileState, PathState, UnknownState
from vespera.infrastructure.files import changing, looking
from vespera.infrastructure.files.changing import HeldName
from vespera.infrastructure.files.paths import (
    OF_A_DATABASE,
    encoded,
    is_device,
    left_upwards,
    names_of,
    relative,
    text_of,
)
from vespera.infrastructure.files.spelling import Names, NamesOnDisk, spelled
from vespera.infrastructure.files.tree import NoWorkspace, hold_directory, hold_root
from vespera.infrastructure.threads import Threads

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ALL_MODE_BITS = 0o7777
_OWN_DATABASE = "it belongs to Vespera's own database, which nobody may touch"
_WAYS_OUT = {
    errno.ENOSPC: "; free some space and try again",
    errno.EDQUOT: "; raise the quota or free some space, and try again",
    errno.EROFS: "; choose a workspace that can be written",
    errno.EACCES: "; give this user the permission",
    errno.EPERM: "; give this user the permission",
}


class LocalFileStore:
    """A ``FileStore`` below one directory, which must exist before it is used.

    Every call walks from the root by directory descriptors and refuses symbolic links on the way,
    so that no path and no race leads outside. Each call is one call of a worker thread, however
    many paths it is given; nothing is held open between calls.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        threads: Threads,
        *,
        database: Path | None = None,
        names: Names | None = None,
    ) -> None:
        """Look at files below ``root``, but for those of ``database``, resolved; ``names`` tell
        how the disk spells what it knows by several spellings.
        """
        self._root = str(Path(root).absolute())
        self._database = database
        self._threads = threads
        self._names = names or NamesOnDisk()

    def digest(self, content: bytes) -> str:
        """See ``FileStore.digest``."""
        return looking.digest_of(content)

    async def locate(self, path: AnyPath) -> str:
        """See ``FileStore.locate``."""
        return await self._threads.run(self._locate, text_of(path))

    async def observe(self, paths: Sequence[str]) -> Sequence[PathState]:
        """See ``FileStore.observe``."""
        given = tuple(paths)
        return await self._threads.run_stoppable(lambda stop: self._observe(given, stop))

    async def read(self, path: str) -> bytes:
        """See ``FileStore.read``."""
        return await self._threads.run_stoppable(lambda stop: self._read(path, stop))

    async def write(
        self, path: str, content: bytes, *, token: str, mode: int | None = None
    ) -> FileState:
        """See ``FileStore.write``. A cancelled write has either happened whole or not at all
        when the cancellation is raised.

        Raises:
            InvalidRequest: ``token`` or ``mode`` cannot be used.
        """
        temporary = _temporary(token)
        if mode is not None and not 0 <= mode <= _ALL_MODE_BITS:
            raise InvalidRequest("must be permission bits (0 to 0o7777)", field="mode")
        return await self._threads.run(self._write, path, content, temporary, mode)

    async def delete(self, path: str) -> None:
        """See ``FileStore.delete``."""
        await self._threads.run(self._delete, path)

    async def move(self, path: str, destination: str, *, overwrite: bool = False) -> None:
        """See ``FileStore.move``."""
        await self._threads.run(self._move, path, destination, overwrite)

    async def copy(
        self, path: str, destination: str, *, token: str, overwrite: bool = False
    ) -> None:
        """See ``FileStore.copy``. A cancelled copy has either happened whole or not at all when the
        cancellation is raised.

        Raises:
            InvalidRequest: ``token`` cannot be used.
        """
        temporary = _temporary(token)
        await self._threads.run_stoppable(
            lambda stop: self._copy(path, destination, temporary, overwrite, stop)
        )

    async def make_directory(self, path: str) -> None:
        """See ``FileStore.make_directory``."""
        await self._threads.run(self._make_directory, path)

    async def remove_directory(self, path: str) -> None:
        """See ``FileStore.remove_directory``."""
        await self._threads.run(self._remove_directory, path)

    async def make_link(self, path: str, target: str) -> None:
        """See ``FileStore.make_link``."""
        await self._threads.run(self._make_link, path, target)

    async def change_mode(self, path: str, mode: int) -> None:
        """See ``FileStore.change_mode``."""
        await self._threads.run(self._change_mode, path, mode)

    async def sync(self, paths: Sequence[str]) -> None:
        """See ``FileStore.sync``."""
        await self._threads.run(self._sync, tuple(paths))

    def _locate(self, path: str) -> str:
        inside = relative(path, (self._root, os.path.realpath(self._root)))
        try:
            with hold_root(self._root) as root:
                _refuse_detours(root, path)
                inside = "/".join(spelled(root, names_of(inside), self._names))
                names = names_of(inside)
                if self._is_the_database(inside):
                    raise PathRefused(path, _OWN_DATABASE)
                _refuse_devices(root, path, names)
                with hold_directory(root, names[:-1]):
                    return inside
        except NoWorkspace as error:
            raise PathRefused(path, error.told) from error
        except PathRefused as refusal:
            raise PathRefused(path, refusal.reason) from None
        except OSError:
            # What cannot be entered, or is not there yet, leads nowhere: not outside either.
            return inside

    def _is_the_database(self, inside: str) -> bool:
        """The database file, or what lies beside it. To open and close it in this process would
        drop the locks by which SQLite keeps it whole.
        """
        if self._database is None:
            return False
        where = Path(os.path.realpath(self._root), inside)
        own = {f"{self._database.name}{ending}" for ending in OF_A_DATABASE}
        folder = self._database.parent
        return where.is_relative_to(folder) and where.relative_to(folder).parts[0] in own

    def _observe(self, paths: Sequence[str], stop: Event) -> Sequence[PathState]:
        try:
            with hold_root(self._root) as root:
                return [_observe_one(root, path, stop) for path in paths]
        except NoWorkspace as error:
            # Not "absent": a workspace that is not mounted proves no deletion.
            return [UnknownState(f"io_error: {error.told}")] * len(paths)

    def _read(self, path: str, stop: Event) -> bytes:
        with self._parent(path, "read") as (directory, name):
            return looking.read(directory, name, stop)

    def _write(self, path: str, content: bytes, temporary: bytes, mode: int | None) -> FileState:
        with self._parent(path, "written", make=True) as (directory, name):
            return changing.replace(directory, name, content, temporary=temporary, mode=mode)

    def _delete(self, path: str) -> None:
        with _absent_is_fine(), self._parent(path, "deleted") as (directory, name):
            changing.remove(directory, name)

    def _move(self, path: str, destination: str, overwrite: bool) -> None:
        with self._parent(path, "moved") as source:
            os.stat(source.name, dir_fd=source.directory, follow_symlinks=False)
            with self._parent(destination, "the destination", make=True) as to:
                changing.move(source, to, overwrite=overwrite)

    def _copy(
        self, path: str, destination: str, temporary: bytes, overwrite: bool, stop: Event
    ) -> None:
        with self._parent(path, "copied") as source:
            looking.must_be_file(*source)
            with self._parent(destination, "the destination", make=True) as to:
                changing.copy(source, to, temporary=temporary, overwrite=overwrite, stop=stop)

    def _make_directory(self, path: str) -> None:
        with self._parent(path, "made", make=True) as (directory, name):
            changing.make_directory(directory, name)

    def _remove_directory(self, path: str) -> None:
        with _absent_is_fine(), self._parent(path, "removed") as (directory, name):
            changing.remove_directory(directory, name)

    def _make_link(self, path: str, target: str) -> None:
        with self._parent(path, "made", make=True) as (directory, name):
            changing.make_link(directory, name, encoded(target))

    def _change_mode(self, path: str, mode: int) -> None:
        with self._parent(path, "given another mode") as (directory, name):
            changing.change_mode(directory, name, mode)

    def _sync(self, paths: Sequence[str]) -> None:
        for path in paths:
            with _absent_is_fine(), self._parent(path, "synced") as (directory, name):
                changing.sync(directory, name)

    @contextmanager
    def _parent(self, path: str, what: str, *, make: bool = False) -> Iterator[HeldName]:
        """The held directory and the name in it; errors in the block name the path and reason."""
        *above, name = names_of(path)
        try:
            with (
                hold_root(self._root) as root,
                hold_directory(root, above, make=make) as directory,
            ):
                yield HeldName(directory, encoded(name))
        except PathRefused as refusal:
            raise PathRefused(path, refusal.reason) from None
        except FileUnreadable as error:
            raise FileUnreadable(f"{path!r} cannot be {what}: {error}") from None
        except OSError as error:
            why = error.told if isinstance(error, NoWorkspace) else _why(error)
            raise FileUnreadable(f"{path!r} cannot be {what}: {why}") from error


_NOT_THERE = (FileNotFoundError, NotADirectoryError)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except FileUnreadable as error:
        if not isinstance(error.__cause__, _NOT_THERE):
            raise


def _temporary(token: str) -> bytes:
    if not _TOKEN.fullmatch(token):
        raise InvalidRequest("must be 1 to 200 letters, digits, '-' or '_'", field="token")
    return f".vespera-{token}.tmp".encode()


def _refuse_detours(root: int, path: str) -> None:
    for place in left_upwards(path):
        if _is_link(root, place):
            reason = f"its '..' comes after {place!r}, a symbolic link, which is never followed"
            raise PathRefused(path, reason)


def _refuse_devices(root: int, path: str, names: Sequence[str]) -> None:
    """A file that has such a name already is no device: the workspace was not made for Windows."""
    for place, name in enumerate(names, 1):
        if is_device(name) and _mode_of(root, "/".join(names[:place])) is None:
            reason = f"{name!r} is the name of a device on Windows; choose another name"
            raise PathRefused(path, reason)


def _is_link(root: int, place: str) -> bool:
    mode = _mode_of(root, place)
    return mode is not None and stat.S_ISLNK(mode)


def _mode_of(root: int, place: str) -> int | None:
    try:
        return os.stat(encoded(place), dir_fd=root, follow_symlinks=False).st_mode
    except OSError:
        return None


def _observe_one(root: int, path: str, stop: Event) -> PathState:
    try:
        *above, name = names_of(path)
        with hold_directory(root, above) as directory:
            return looking.look(directory, encoded(name), stop)
    except PathRefused as refusal:
        return UnknownState(f"refused: {refusal.reason}")
    except _NOT_THERE:
        return Absent()
    except OSError as error:
        return looking.unknown(error)


def _why(error: OSError) -> str:
    return f"{error.strerror}{_WAYS_OUT.get(error.errno or 0, '')}"
