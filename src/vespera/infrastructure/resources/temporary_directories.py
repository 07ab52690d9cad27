"""Directories that go when nobody needs them any more."""

import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from vespera.application.ports.resources import Held
from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, only_known
from vespera.infrastructure.threads import Threads


class TemporaryDirectories:
    """Makes a directory of its own for each resource, readable by its owner only.

    Configuration:
        directory: where to make it, a path that exists; by default the system's temporary one.

    Value: its ``Path``. Operations: ``write_text(name, text)``, ``read_text(name)``, and
    ``names()`` of all files, relative to it.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        only_known(configuration, ("directory",))
        given = configuration.get("directory")
        root = tempfile.gettempdir() if given is None else given
        if not isinstance(root, str | os.PathLike) or not root:
            raise InvalidRequest(
                f"must be the path of a directory, not {given!r}", field="configuration.directory"
            )
        path = Path(os.fspath(root)).absolute() / f"vespera-{resource_id}"
        return {"path": str(path)}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``."""
        path = Path(str(trace["path"]))
        await self._threads.run(partial(path.mkdir, mode=0o700))
        try:
            yield Held(value=path, operations=_operations(path))
        finally:
            await self._threads.run(_remove, path)

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``."""
        path = Path(str(trace["path"]))
        there = await self._threads.run(os.path.lexists, path)
        return (f"the directory {path} is there",) if there else ()

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``."""
        await self._threads.run(_remove, Path(str(trace["path"])))


def _remove(path: Path) -> None:
    """Remove the directory with all that is in it; what is no directory there is not ours."""
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):  # or there can be none
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, onerror=_try_harder)


def _try_harder(function: Callable[..., object], path: str, _error: object) -> None:
    """Somebody took the right to write away; or somebody else has removed it meanwhile."""
    with suppress(FileNotFoundError):
        parent = os.path.dirname(path)  # noqa: PTH120  (as it was given)
        for place in (parent, path):
            if not os.path.islink(place):  # noqa: PTH114
                os.chmod(place, 0o700)  # noqa: PTH101
        if function in {os.rmdir, os.unlink}:
            function(path)
        else:  # it could not be listed or opened
            shutil.rmtree(path)


def _operations(root: Path) -> Mapping[str, Callable[..., object]]:
    def write_text(name: str, text: str) -> None:
        path = _inside(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read_text(name: str) -> str:
        return _inside(root, name).read_text(encoding="utf-8")

    def names() -> list[str]:
        found = (path for path in root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(root).as_posix() for path in found)

    return {"write_text": write_text, "read_text": read_text, "names": names}


def _inside(root: Path, name: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or path == root.resolve():
        raise InvalidRequest(f"{name!r} leads out of the directory", field="name")
    return path
