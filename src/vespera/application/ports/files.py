"""The workspace: the one directory tree that tasks may touch."""

from collections.abc import Sequence
from os import PathLike
from typing import Protocol

from vespera.domain.file_operation import FileState, PathState

AnyPath = str | bytes | PathLike[str]


class FileStore(Protocol):
    """Looks at and changes files below the workspace's root, never outside it.

    Paths are relative to the root, in the form that ``locate`` gives. No method follows a
    symbolic link, opens a FIFO or a device, or blocks the event loop.
    """

    def digest(self, content: bytes) -> str:
        """The digest that ``observe`` would give for a file with this content."""
        ...

    async def locate(self, path: AnyPath) -> str:
        """The path relative to the root (``/`` between parts, surrogate escapes for bytes that
        are no UTF-8). Absolute paths inside the workspace are accepted.

        Raises:
            PathRefused: it is empty, has a NUL, lies outside, goes through a symbolic link, or
                lies in Vespera's own directory ``.vespera``, or belongs to its database; or it has
                the name of a device of Windows (``nul``, ``con.txt``), and nothing is there.
        """
        ...

    async def observe(self, paths: Sequence[str]) -> Sequence[PathState]:
        """What is at each of the paths now; content is hashed anew. What cannot be seen is
        ``UnknownState``, never an error.
        """
        ...

    async def read(self, path: str) -> bytes:
        """The file's content.

        Raises:
            FileUnreadable: it is not there, is no regular file, or cannot be read.
            PathRefused: the path became a way out of the workspace.
        """
        ...

    async def write(
        self, path: str, content: bytes, *, token: str, mode: int | None = None
    ) -> FileState:
        """Replace or create the file at once and for good: temporary file in the same directory
        (its name made of ``token``, so that a repetition cleans up after a crash), fsync, rename,
        fsync of the directory. Missing parent directories are made. ``mode``: permission bits; by
        default those of the file it replaces, or 0o666 less the umask.

        Raises:
            FileUnreadable: it cannot be written (permission, disk full, a directory is there).
            PathRefused: as for ``read``.
        """
        ...

    async def delete(self, path: str) -> None:
        """Remove the file or symbolic link; durable when it returns. Absent is fine.

        Raises:
            FileUnreadable: it cannot be removed, or is a directory.
            PathRefused: as for ``read``.
        """
        ...

    async def move(self, path: str, destination: str, *, overwrite: bool = False) -> None:
        """Give what is there, a directory too, another place at once and for good. Missing parent
        directories are made. ``overwrite``: it may replace a file or a symbolic link.

        Raises:
            FileUnreadable: nothing is there, something is in the way, or the system refuses.
            PathRefused: as for ``read``, of one of the paths.
        """
        ...

    async def copy(
        self, path: str, destination: str, *, token: str, overwrite: bool = False
    ) -> None:
        """Copy a file with its mode, at once and for good, as ``write``; however large it is.
        ``overwrite``: the copy may replace a file or a symbolic link.

        Raises:
            FileUnreadable: there is no file, something is in the way, or the system refuses.
            PathRefused: as for ``read``, of one of the paths.
        """
        ...

    async def make_directory(self, path: str) -> None:
        """Make a directory, and missing ones above it; durable when it returns.

        Raises:
            FileUnreadable: something is there already, or the system refuses.
            PathRefused: as for ``read``.
        """
        ...

    async def remove_directory(self, path: str) -> None:
        """Remove an empty directory; durable when it returns. Absent is fine.

        Raises:
            FileUnreadable: it is not empty, is no directory, or the system refuses.
            PathRefused: as for ``read``.
        """
        ...

    async def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link, and missing directories above it; durable when it returns. Where it
        leads to is not looked at: nothing ever follows it.

        Raises:
            FileUnreadable: something is there already, or the system refuses.
            PathRefused: as for ``read``.
        """
        ...

    async def change_mode(self, path: str, mode: int) -> None:
        """Give a file or a directory these permission bits; durable when it returns.

        Raises:
            FileUnreadable: nothing is there, it is something else, or the system refuses.
            PathRefused: as for ``read``; or the file has hard links, which may be outside.
        """
        ...

    async def sync(self, paths: Sequence[str]) -> None:
        """Make durable what is at these paths now, or that nothing is.

        Raises:
            FileUnreadable: the system refuses.
            PathRefused: as for ``read``.
        """
        ...
