"""Whether this installation, its database and its workspace are fit for work."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from posixpath import dirname

from vespera.application.ports.care import DatabaseCare
from vespera.application.ports.clock import Clock
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.host import Host
from vespera.application.ports.owners import Owners
from vespera.domain import health
from vespera.domain.errors import ContentError, StorageError
from vespera.domain.health import Level, Remark
from vespera.domain.ids import OwnerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineInstallationResult:
    """All remarks; ``success`` is False if one of them is an error."""

    remarks: Sequence[Remark]

    @property
    def success(self) -> bool:
        """Whether Vespera can work here."""
        return all(remark.level is not Level.ERROR for remark in self.remarks)


class ExamineInstallationUseCase:
    """Look at everything that Vespera stands on. Nothing is changed, migrated or made."""

    def __init__(
        self,
        *,
        host: Host,
        care: DatabaseCare,
        owners: Owners,
        clock: Clock,
        owners_directory: str | PathLike[str] | None,
        workspace: str | PathLike[str],
        contents: ContentStore,
    ) -> None:
        """``owners_directory``: where workers keep their lock files, if they do."""
        self._host, self._care, self._owners, self._clock = host, care, owners, clock
        self._owners_directory, self._workspace = owners_directory, workspace
        self._contents = contents

    async def examine(self) -> ExamineInstallationResult:
        """Look, and judge. A database that cannot be read is a remark, not an error raised."""
        remarks = [
            *health.on_host(self._host.describe()),
            *await self._on_database(),
            *await self._on_owners(),
            *health.on_workspace(await self._host.look_at(self._workspace)),
            *await self._on_contents(),
        ]
        return ExamineInstallationResult(remarks=remarks)

    async def _on_database(self) -> Sequence[Remark]:
        facts = self._care.facts()
        path = facts.path
        library = health.on_sqlite(facts.sqlite, takes_turns=facts.takes_turns)
        kept = health.on_durability(facts.durability, in_memory=path is None)
        if path is None:
            return [library, kept]
        file, directory, log = [
            await self._host.look_at(place) for place in (path, dirname(path), f"{path}-wal")
        ]
        of_file = health.on_database_file(file, directory, log, self._clock.now())
        return [library, kept, await self._on_tables(path, facts.newest), *of_file]

    async def _on_tables(self, path: str, newest: str) -> Remark:
        try:
            revision = await self._care.revision()
        except StorageError as error:
            return Remark(Level.ERROR, "database", str(error))
        return health.on_revision(revision, newest, path)

    async def _on_owners(self) -> Sequence[Remark]:
        directory = self._owners_directory
        if directory is None:
            return []
        found = [OwnerId(name) for name in await self._host.names_in(directory)]
        dead, strangers = self._owners.dead(found), self._owners.strangers(found)
        alive = set(found) - set(dead) - set(strangers)
        leftovers = health.on_leftovers(str(directory), dead, strangers)
        return [health.on_workers(alive), *leftovers]

    async def _on_contents(self) -> Sequence[Remark]:
        try:
            usage = await self._contents.usage()
        except ContentError as error:
            return [Remark(Level.ERROR, "store", str(error))]
        if usage.directory is None:
            return []
        place = await self._host.look_at(usage.directory)
        return list(health.on_contents(usage, place))
