"""Reading what is to be stored: files below the workspace's root, each as of one moment."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event
from types import TracebackType
from typing import Self

from vespera.domain.errors import FileUnreadable
from vespera.infrastructure.files.paths import encoded, names_of
from vespera.infrastructure.files.tree import NO_FOLLOW, hold_directory, hold_root

# A FIFO that takes a file's place must not block the thread for ever.
_READ = os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_BLOCK = 1024 * 1024


class OpenFile:
    """A regular file, open for the block; ``size`` is what it has at the beginning."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._found = os.fstat(descriptor)
        self._length = 0
        self.size = self._found.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    @property
    def is_regular(self) -> bool:
        """Whether it is no directory and nothing special."""
        return stat.S_ISREG(self._found.st_mode)

    def blocks(self, stop: Event) -> Iterator[bytes]:
        """Its content, block by block, but not much more than its size: a file that grows faster
        than it is read has no end.

        Raises:
            InterruptedError: ``stop`` was set.
            FileUnreadable: it cannot be read.
        """
        most = min(self.size + 1, _BLOCK)  # one more, to see that it has grown
        while self._length < self.size and (block := self._read(most)):
            if stop.is_set():
                raise InterruptedError("the call was cancelled")
            self._length += len(block)
            yield block

    def content(self, stop: Event) -> bytes:
        """All of it, if it is small; raises as ``blocks``."""
        blocks = list(self.blocks(stop))
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def is_as_it_was(self) -> bool:
        """Whether it has not changed since it was opened, and was read to its end."""
        now, then = os.fstat(self._descriptor), self._found
        return (
            self._length == self.size == now.st_size
            and now.st_mtime_ns == then.st_mtime_ns
            and now.st_ctime_ns == then.st_ctime_ns
        )

    def _read(self, most: int) -> bytes:
        try:
            return os.read(self._descriptor, most)
        except OSError as error:
            raise FileUnreadable(f"it cannot be read: {error.strerror}") from error


class WorkspaceFiles:
    """Opens files by their paths; the directory of the last one stays open, for the next.

    Use it as a context manager, in one thread.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._held, self._entered = ExitStack(), ExitStack()
        self._top: int | None = None
        self._above: str | None = None
        self._directory = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered.close()
        self._held.close()

    def open(self, path: str) -> OpenFile:
        """The file, which is no link, and is reached by none.

        Raises:
            PathRefused: the path is no path in the workspace.
            FileUnreadable: there is no regular file, or it cannot be read.
        """
        above, _, name = path.rpartition("/")
        is_near = above == self._above and above and _is_name(name)
        try:
            if not is_near:
                self._enter(above, names_of(path)[:-1])
            file = OpenFile(os.open(encoded(name), _READ, dir_fd=self._directory))
        except (OSError, UnicodeEncodeError) as error:
            raise FileUnreadable(f"{path!r} cannot be read: {error}") from error
        if file.is_regular:
            return file
        with file:
            raise FileUnreadable(f"{path!r} is no regular file")

    def _enter(self, above: str, names: list[str]) -> None:
        if self._top is None:
            self._top = self._held.enter_context(hold_root(self._root))
        self._above = None
        self._entered.close()
        self._directory = self._entered.enter_context(hold_directory(self._top, names))
        self._above = above


def _is_name(name: str) -> bool:
    """Whether it may be a name in a directory; what is too long, the system refuses."""
    return name not in {"", ".", ".."} and "\0" not in name
