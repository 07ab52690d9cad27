"""What the engine goes through while the ground shakes.

A ``Place`` has the files, and those who watch; ``container_at`` makes the engine there, with time
that hurries and with somebody looking at its every move. What it does is in ``stages``.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from chaoskit.points import Reach, Watched, WatchedLane
from vespera import Container, providers
from vespera.domain.errors import StorageError
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.di.base import Service
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.event_log import SqlEventLog, SqlProgressRepository
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.gates import SqlGates
from vespera.infrastructure.persistence.report_repository import SqlReportRepository
from vespera.infrastructure.persistence.schedule_repository import SqlScheduleRepository
from vespera.infrastructure.persistence.signal_repository import SqlSignalRepository
from vespera.infrastructure.persistence.spilling import Spill
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_archive import SqlTaskArchive
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.value_files import ValueFiles, ValueReference

SPEED = 50
BEGINNING = time.time()
"""Shared by all processes that are forked from this one."""


class HurriedClock(SystemClock):
    """Real time, ``SPEED`` times as fast, so that nobody waits long; alike in all processes.

    ``ahead``: seconds by which it is set forward, as after a power cut that took a while.
    """

    def __init__(self, ahead: float = 0.0) -> None:
        self._ahead, self.set_by = ahead, 0.0

    def set_ahead(self, seconds: float) -> None:
        """Somebody sets the clock: so much ahead of what it would show."""
        self.set_by = seconds

    def now(self) -> datetime:
        hurried = BEGINNING + (time.time() - BEGINNING) * SPEED + self._ahead + self.set_by
        return datetime.fromtimestamp(hurried, UTC)

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return asyncio.timeout(None if seconds is None else seconds / SPEED)


def into_file(path: Path) -> Callable[..., None]:
    """Facts as lines of a file that outlives the process."""

    def tell(**fact: object) -> None:
        append(path, json.dumps(fact))

    return tell


def append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def nowhere(_name: str) -> None:
    """There are no places at which to die."""


@dataclass(slots=True)
class Place:
    """Where a life is lived, to whom it tells, and who watches it."""

    directory: Path
    tell: Callable[..., None] = field(default=lambda **_: None)
    reach: Reach = nowhere
    file: Callable[[str, str, bytes | None], None] = field(default=lambda *_: None)
    durability: str = "full"
    ahead: float = 0.0
    lease_seconds: float = 3600.0

    @property
    def database(self) -> Path:
        return self.directory / "work.db"

    @property
    def workspace(self) -> Path:
        return self.directory / "workspace"

    @property
    def effects(self) -> Path:
        return self.directory / "effects"

    @property
    def facts(self) -> Path:
        return self.directory / "facts"

    def put_in_order(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)


class ToldFileStore(LocalFileStore):
    """Tells what it is about to do to the workspace, and what it has done."""

    def __init__(self, place: Place, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._place = place

    async def write(self, path: str, content: bytes, **how: Any) -> Any:
        return await self._telling(path, content, super().write(path, content, **how))

    async def delete(self, path: str) -> None:
        await self._telling(path, None, super().delete(path))

    async def _telling(self, path: str, data: bytes | None, doing: Awaitable[Any]) -> Any:
        self._place.reach("before the workspace")
        self._place.file("placing", path, data)
        done = await doing
        self._place.file("placed", path, data)
        self._place.reach("after the workspace")
        return done


def _watched(part: Callable[..., object], name: str) -> Callable[..., Any]:
    return lambda place, database: Watched(part(database), name, place.reach)


class ChaosContainer(Container):
    """The engine, with somebody looking at its every move."""

    place = providers.Object(Place(Path()))
    clock = providers.Singleton(lambda place: HurriedClock(place.ahead), place)
    lane = providers.Singleton(lambda place: partial(WatchedLane, reach=place.reach), place)
    tasks = providers.Singleton(_watched(SqlTaskRepository, "tasks"), place, Container.database)
    queue = providers.Singleton(_watched(SqlTaskQueue, "queue"), place, Container.database)
    steps = providers.Singleton(_watched(SqlStepRepository, "steps"), place, Container.database)
    signals = providers.Singleton(
        _watched(SqlSignalRepository, "signals"), place, Container.database
    )
    schedules = providers.Singleton(
        _watched(SqlScheduleRepository, "schedules"), place, Container.database
    )
    gates = providers.Singleton(_watched(SqlGates, "gates"), place, Container.database)
    archive = providers.Singleton(_watched(SqlTaskArchive, "archive"), place, Container.database)
    event_log = providers.Singleton(_watched(SqlEventLog, "events"), place, Container.database)
    progress = providers.Singleton(
        _watched(SqlProgressRepository, "progress"), place, Container.database
    )
    operations = providers.Singleton(
        _watched(SqlFileOperationRepository, "operations"), place, Container.database
    )
    reports = providers.Singleton(
        _watched(SqlReportRepository, "reports"), place, Container.database
    )
    files = Service(
        ToldFileStore,
        place,
        Container.config.workspace,
        Container.threads,
        database=Container.database.provided.path,
    )


class HastyDatabase(AsyncDatabaseManager):
    """A planted bug: says that a unit is written before it is."""

    _late: "set[asyncio.Task[Any]]"

    async def commit(self, writes: Any, holder: Any = None) -> Any:
        if any(write.statement.returns for write in writes):
            return await super().commit(writes, holder)
        self._late = getattr(self, "_late", set())
        commit = asyncio.create_task(super().commit(writes, holder))
        self._late.add(commit)
        commit.add_done_callback(self._late.discard)
        return []

    async def stop(self) -> None:
        await asyncio.gather(*getattr(self, "_late", ()))
        await super().stop()


class HastyContainer(ChaosContainer):
    """The engine with that bug in it."""

    database = Service(
        HastyDatabase,
        Container.config.database_url,
        durability=Container.config.durability,
        lane=ChaosContainer.lane,
    )


class DeafDatabase(AsyncDatabaseManager):
    """A planted bug: does not listen when the disk says that a commit has failed."""

    async def commit(self, writes: Any, holder: Any = None) -> Any:
        try:
            return await super().commit(writes, holder)
        except StorageError:
            return []


class DeafContainer(ChaosContainer):
    """The engine with that bug in it."""

    database = Service(
        DeafDatabase,
        Container.config.database_url,
        durability=Container.config.durability,
        lane=ChaosContainer.lane,
    )


class EarlySpill(Spill):
    """A planted bug: the rows come first, then the files that they refer to."""

    async def commit(self, commit: Any, writes: Any) -> Any:
        keep, self.files.keep = self.files.keep, ValueReference.to  # type: ignore[union-attr, method-assign]
        changed, _ = self._spilled(writes)
        self.files.keep = keep  # type: ignore[union-attr, method-assign]
        returned = await commit(changed)
        self._spilled(writes)
        return returned


class UnsyncedFiles(ValueFiles):
    """A planted bug: what is written into a file may stay in the memory of the machine."""

    def _write(self, path: Path, value: bytes) -> None:
        draft = self._draft_of(path.name)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(value)
        draft.replace(path)


class NamelessFiles(ValueFiles):
    """A planted bug: the file is on the disk, but perhaps not its name."""

    def keep(self, value: bytes) -> ValueReference:
        reference = ValueReference.to(value)
        self._make_directory()
        self._write(self.path_of(reference), value)
        return reference


class FilingDatabase(AsyncDatabaseManager):
    """A database with one of these bugs."""

    def __init__(self, *args: Any, bug: str, **how: Any) -> None:
        super().__init__(*args, **how)
        path = self.path
        assert path is not None
        if bug == "early":
            self._spill = EarlySpill(path, self._spill._above)
        else:
            kinds = {"unsynced": UnsyncedFiles, "nameless": NamelessFiles}
            self._spill.files = kinds[bug](path)


def _with_bug(bug: str) -> type[ChaosContainer]:
    class Buggy(ChaosContainer):
        database = Service(
            FilingDatabase,
            Container.config.database_url,
            durability=Container.config.durability,
            spill_above=Container.config.spill_above,
            lane=ChaosContainer.lane,
            bug=bug,
        )

    return Buggy


class TwofoldContainer(ChaosContainer):
    """A planted bug: what belongs into one transaction goes into one after the other."""

    unit_of_work = providers.Object(nullcontext)


ENGINES = {
    "right": ChaosContainer,
    "hasty": HastyContainer,
    "deaf": DeafContainer,
    "twofold": TwofoldContainer,
    **{bug: _with_bug(bug) for bug in ("early", "unsynced", "nameless")},
}


LINGER = 1.0
"""Hurried seconds after which a task that only waits is let go of."""


def container_at(
    place: Place, kind: type[ChaosContainer] = ChaosContainer, **settings: object
) -> ChaosContainer:
    """A container whose database and workspace are those of the place."""
    place.put_in_order()
    container = kind(
        {
            "database_url": str(place.database),
            "workspace": str(place.workspace),
            "durability": place.durability,
            "lease_seconds": place.lease_seconds,
            "linger_seconds": LINGER,
            **settings,
        }
    )
    container.place.override(providers.Object(place))
    return container
