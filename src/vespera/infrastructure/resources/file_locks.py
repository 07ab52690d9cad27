"""Locks that one process of a machine holds at a time, and that go when it dies."""

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from vespera.application.ports.clock import Clock
from vespera.application.ports.resources import Held
from vespera.domain.errors import InvalidRequest, ResourceBusy, ResourceError
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, only_known
from vespera.domain.retry import TEN_YEARS, number_of
from vespera.infrastructure.threads import Threads

try:
    import fcntl
except ImportError:
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

PATIENCE = 10.0
_TRY_AGAIN = 0.05  # seconds
_MOST = 100  # bytes
_SIGNED = re.compile(rb"([0-9a-f]{32})?")


class FileLocks:
    """Takes the lock of a file, which is made if need be, and is left there afterwards. An empty
    file says who holds it; in one that says something else nothing is written.

    The operating system frees it when the process dies, however that happens.

    Configuration:
        path: of the file.
        timeout: seconds to wait while somebody else has it (10); 0: not at all; None: for ever.

    Value: the file's ``Path``. There are no operations: to hold it is all there is.
    """

    def __init__(self, threads: Threads, clock: Clock) -> None:
        self._threads, self._clock = threads, clock

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        only_known(configuration, ("path", "timeout"))
        path = configuration.get("path")
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise InvalidRequest(
                f"must be the path of a file, not {path!r}", field="configuration.path"
            )
        if not _HAS_LOCKS:
            raise ResourceError("This system has no locks of files (fcntl).")
        _timeout_of(configuration)
        return {"path": str(Path(os.fspath(path)).absolute()), "id": resource_id}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``.

        Raises:
            ResourceBusy: somebody else has it for too long.
        """
        path, opened = Path(str(trace["path"])), list[int]()
        try:
            await self._threads.run(lambda: opened.append(_opened(path)))  # also if it is cancelled
            await self._taken(opened[0], path, _timeout_of(configuration))
            _sign(opened[0], str(trace["id"]))
            yield Held(value=path)
            _sign(opened[0], "")
        finally:
            for lock in opened:
                os.close(lock)

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``. Somebody else may have taken the lock rightly."""
        path = Path(str(trace["path"]))
        is_ours = await self._threads.run(_is_held_by, path, str(trace["id"]))
        return (f"the lock of {path} is held",) if is_ours else ()

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``. The system has done it already."""

    async def _taken(self, lock: int, path: Path, timeout: float | None) -> None:
        """Ask again and again: a thread that waits in the system could not be called off."""
        until = None if timeout is None else self._clock.monotonic() + timeout
        while not _take(lock):
            left = None if until is None else until - self._clock.monotonic()
            if left is not None and left <= 0:
                raise ResourceBusy(
                    f"{path}: the lock is held by somebody else"
                    f"{_named(lock)}, and was not free within {timeout:g} s."
                )
            await self._clock.sleep(_TRY_AGAIN if left is None else min(_TRY_AGAIN, left))


def _timeout_of(configuration: Mapping[str, object]) -> float | None:
    given = configuration.get("timeout", PATIENCE)
    if given is None:
        return None
    return number_of(
        given, "configuration.timeout", least=0, most=TEN_YEARS, what="a number of seconds"
    )


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(lock: int, text: str) -> None:
    """Write down who holds it; but not into a file that says something else."""
    if _SIGNED.fullmatch(os.pread(lock, _MOST, 0)):
        os.ftruncate(lock, 0)
        os.pwrite(lock, text.encode(), 0)


def _named(lock: int) -> str:
    found = os.pread(lock, _MOST, 0)
    return f" (resource {found.decode()})" if found and _SIGNED.fullmatch(found) else ""


def _is_held_by(path: Path, resource_id: str) -> bool:
    """Whether the file says that it is this resource's, and is locked. What is no file never is."""
    if not path.is_file():
        return False
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if os.pread(lock, _MOST, 0) != resource_id.encode():
            return False
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
