"""Files that cannot be written, that are written in part, and that vanish."""

import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from vespera.application.ports.files import AnyPath
from vespera.domain.errors import FileUnreadable
from vespera.domain.file_operation import FileState, PathState
from vespera.infrastructure.files import looking
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.testing.faults.calls import Struck
from vespera.testing.faults.plan import Strike

T = TypeVar("T")
TORN, VANISH = "torn", "vanish"
_IN_WORDS = {
    "write": "written",
    "read": "read",
    "delete": "deleted",
    "move": "moved",
    "copy": "copied",
    "mkdir": "made",
    "rmdir": "removed",
    "symlink": "made",
    "chmod": "given another mode",
}


class FaultyFileStore:
    """A ``FileStore`` whose operations fail as the operating system lets them fail.

    On local files the failure arises below the store's own translation of errors.
    """

    def __init__(self, inner: Any, struck: Struck) -> None:
        self._inner, self._struck = inner, struck

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def locate(self, path: AnyPath) -> str:
        """See ``FileStore.locate``; it does not fail on cue."""
        return str(await self._inner.locate(path))

    async def observe(self, paths: Sequence[str]) -> Sequence[PathState]:
        """See ``FileStore.observe``. A failing look gives ``UnknownState``."""
        given = tuple(paths)
        strikes = [await self._struck.before("file", f"observe {path}") for path in given]
        seen = list(await self._inner.observe(given))
        for number, struck in enumerate(strikes):
            for strike in struck:
                if strike.error == VANISH:
                    await self._inner.delete(given[number])
                elif isinstance(strike.error, str):
                    seen[number] = looking.unknown(_system_error(strike.error))
                elif error := strike.thrown():
                    raise error
        return seen

    async def read(self, path: str) -> bytes:
        """See ``FileStore.read``."""
        return await self._do("read", path, lambda: self._inner.read(path))

    async def write(
        self, path: str, content: bytes, *, token: str, mode: int | None = None
    ) -> FileState:
        """See ``FileStore.write``."""

        def write() -> Awaitable[FileState]:
            written: Awaitable[FileState] = self._inner.write(path, content, token=token, mode=mode)
            return written

        return await self._do("write", path, write, torn=(token, content[: len(content) // 2]))

    async def delete(self, path: str) -> None:
        """See ``FileStore.delete``."""
        await self._do("delete", path, lambda: self._inner.delete(path))

    async def move(self, path: str, destination: str, *, overwrite: bool = False) -> None:
        """See ``FileStore.move``."""
        act = partial(self._inner.move, path, destination, overwrite=overwrite)
        await self._do("move", path, act)

    async def copy(
        self, path: str, destination: str, *, token: str, overwrite: bool = False
    ) -> None:
        """See ``FileStore.copy``."""
        act = partial(self._inner.copy, path, destination, token=token, overwrite=overwrite)
        await self._do("copy", path, act)

    async def make_directory(self, path: str) -> None:
        """See ``FileStore.make_directory``."""
        await self._do("mkdir", path, partial(self._inner.make_directory, path))

    async def remove_directory(self, path: str) -> None:
        """See ``FileStore.remove_directory``."""
        await self._do("rmdir", path, partial(self._inner.remove_directory, path))

    async def make_link(self, path: str, target: str) -> None:
        """See ``FileStore.make_link``."""
        await self._do("symlink", path, partial(self._inner.make_link, path, target))

    async def change_mode(self, path: str, mode: int) -> None:
        """See ``FileStore.change_mode``."""
        await self._do("chmod", path, partial(self._inner.change_mode, path, mode))

    async def _do(
        self,
        operation: str,
        path: str,
        act: Callable[[], Awaitable[T]],
        *,
        torn: tuple[str, bytes] | None = None,
    ) -> T:
        strikes = await self._struck.before("file", f"{operation} {path}")
        await self._break(operation, path, [s for s in strikes if not s.is_behind], torn)
        result = await act()
        await self._break(operation, path, [s for s in strikes if s.is_behind], None)
        if any(strike.error == VANISH for strike in strikes):
            await self._inner.delete(path)
        for strike in strikes:
            error = strike.thrown()
            if error is not None:
                raise error
        return result

    async def _break(
        self, operation: str, path: str, strikes: list[Strike], torn: tuple[str, bytes] | None
    ) -> None:
        for strike in strikes:
            if not isinstance(strike.error, str) or strike.error == VANISH:
                continue
            error = _system_error(strike.error)
            what = _IN_WORDS[operation]
            if not isinstance(self._inner, LocalFileStore):
                raise FileUnreadable(f"{path!r} cannot be {what}: {error.strerror}") from error
            half = torn if strike.error == TORN else None
            threads = self._inner._threads  # noqa: SLF001 -- where the store itself would fail
            await threads.run(_fail, self._inner, path, what, error, half)


def _fail(
    store: LocalFileStore, path: str, what: str, error: OSError, half: tuple[str, bytes] | None
) -> None:
    """Fail where the system would: the store is about to act on the file's directory."""
    with store._parent(path, what, make=what == "written") as (directory, _):  # noqa: SLF001
        if half is not None:
            token, content = half
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            temporary = os.open(f".vespera-{token}.tmp", flags, 0o600, dir_fd=directory)
            with os.fdopen(temporary, "wb") as file:
                file.write(content)
        raise error


def _system_error(name: str) -> OSError:
    code = errno.EIO if name == TORN else int(getattr(errno, name))
    return OSError(code, os.strerror(code))
