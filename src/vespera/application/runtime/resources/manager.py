"""Resources for a while: acquired, used, and released whatever happens."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from vespera.application.ports.owners import Owners
from vespera.application.ports.resources import ResourceRepository
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.application.runtime.resources.reclaiming import Reclaiming
from vespera.application.runtime.resources.session import (
    DEFAULT_TYPE,
    Resource,
    ResourceSession,
    ResourceWork,
)
from vespera.application.runtime.supervision import Supervision
from vespera.domain.errors import InvalidRequest, ResourceError
from vespera.domain.ids import OwnerId, ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, ResourceState, checked_word
from vespera.domain.retry import whole_number_of

LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupStatus:
    """Whether a resource is gone.

    Attributes:
        cleaned_up: it is recorded as released, and nothing of it is there: it was looked.
        resource_id: of which resource.
        state: as it is recorded; None: there is no such resource.
        found: what is still there of it, in words.
        error: why it is not gone, or cannot be told to be.
    """

    cleaned_up: bool
    resource_id: str
    state: ResourceState | None = None
    found: tuple[str, ...] = ()
    error: str | None = None


class AsyncResourceManager:
    """Acquires resources in sessions, which release them, and finds what others have left.

        async with manager.create_session() as session:
            workdir = await session.create_resource(resource_type="temporary_directory")
            ...

    Every resource is recorded with the process that holds it, before it is acquired. If that
    process dies, the next worker that starts, or ``vespera recover``, releases what is left of it,
    on the same machine.
    """

    def __init__(
        self,
        *,
        repository: ResourceRepository,
        catalogue: ResourceCatalogue,
        reclaiming: Reclaiming,
        supervision: Supervision,
        owners: Owners,
        new_id: Callable[[], str],
        release_seconds: float,
    ) -> None:
        """``release_seconds``: how long a release may take, 0.001 to ten years."""
        self._repository, self._catalogue = repository, catalogue
        self._reclaiming, self._owners = reclaiming, owners
        self._owner: OwnerId | None = None
        self._open: list[ResourceSession] = []
        self._work = ResourceWork(
            repository=repository,
            catalogue=catalogue,
            reclaiming=reclaiming,
            supervision=supervision,
            new_id=new_id,
            owner=self._own_id,
            release_seconds=release_seconds,
        )

    @property
    def started(self) -> bool:
        """Whether it has begun to hold resources."""
        return self._owner is not None

    def create_session(self, *, task_id: str | None = None) -> ResourceSession:
        """A session, to be entered: ``async with manager.create_session() as session:``.

        Args:
            task_id: for which task its resources are; ``task.resources`` says that by itself.

        Raises:
            InvalidRequest: the task's id is no text.
        """
        task = None if task_id is None else TaskId(checked_word(task_id, "task_id"))
        session = ResourceSession(self._work, task_id=task, left=self._left)
        self._open.append(session)
        return session

    @asynccontextmanager
    async def create_resource(
        self,
        *,
        resource_type: str = DEFAULT_TYPE,
        configuration: Mapping[str, object] | None = None,
        task_id: str | None = None,
    ) -> AsyncIterator[Resource]:
        """One resource, held for the block: ``async with manager.create_resource(...) as one:``.

        Arguments and errors are those of ``ResourceSession.create_resource``; when the block ends,
        it is released as at the end of a session.
        """
        async with self.create_session(task_id=task_id) as session:
            yield await session.create_resource(
                resource_type=resource_type, configuration=configuration
            )

    async def verify_cleanup(self, resource_id: str) -> CleanupStatus:
        """Look whether a resource is gone; of whatever process and session it was.

        Returns:
            ``cleaned_up`` only if its release is recorded and nothing of it is found; what is not
            known is not called clean. A day after its release nothing is known of it any more.

        Raises:
            StorageError: the database cannot be read.
        """
        try:
            record = await self._repository.get(ResourceId(checked_word(resource_id, "id")))
        except (InvalidRequest, ResourceError) as error:
            return CleanupStatus(cleaned_up=False, resource_id=str(resource_id), error=str(error))
        status = CleanupStatus(
            cleaned_up=False, resource_id=record.id, state=record.state, error=record.error
        )
        try:
            kind = self._catalogue.find(record.resource_type)
            found = tuple(await kind.remains(record.trace))
        except Exception as error:  # noqa: BLE001  (the boundary to the resource type; told)
            return replace(status, error=in_words(error))
        clean = record.state is ResourceState.RELEASED and not found
        why = record.error or (None if clean else _why(record.state, found))
        return replace(status, cleaned_up=clean, found=found, error=why)

    async def reclaim(self) -> Sequence[ResourceRecord]:
        """Release what dead processes have left, and what would not go before; workers do so by
        themselves. Gives them as they are now: released, or ``left`` with an error.

        Raises:
            StorageError: the database cannot do it.
        """
        await self._reclaiming.tidy()
        return await self._reclaiming.reclaim(again=True)

    async def release_leftover(self, resource_id: str) -> CleanupStatus:
        """Release a resource because somebody knows that nobody holds it any more: of another
        machine, or of before a restart, that cannot be told otherwise. What is held in good order
        by a session elsewhere is taken away from it.

        Returns:
            As ``verify_cleanup``.

        Raises:
            StorageError: the database cannot do it.
        """
        try:
            record = await self._repository.get(ResourceId(checked_word(resource_id, "id")))
            self._catalogue.find(record.resource_type)
        except (InvalidRequest, ResourceError) as error:
            return CleanupStatus(cleaned_up=False, resource_id=str(resource_id), error=str(error))
        await self._reclaiming.settle(record)
        return await self.verify_cleanup(record.id)

    async def list_resources(
        self, *, released: bool = False, limit: int = 100, before: str | None = None
    ) -> Sequence[ResourceRecord]:
        """Resources that are not released, the oldest first; or with ``released``, all of them, the
        newest first.

        Args:
            released: those, too, that were released in the last day.
            limit: how many, 1 to 1000.
            before: with ``released``: begin behind the resource of this id.

        Raises:
            InvalidRequest: the limit makes no sense.
        """
        whole_number_of(limit, "limit", least=1, most=LARGEST_PAGE)
        if not released:
            return (await self._repository.unreleased())[:limit]
        behind = None if before is None else ResourceId(checked_word(before, "before"))
        return await self._repository.page(before=behind, limit=limit)

    async def stop(self) -> None:
        """Release what sessions still hold: the container is being cleaned up."""
        failures: list[Exception] = []
        for session in reversed(self._open[:]):
            failures += await session.close()
        if self._owner is not None:
            owner, self._owner = self._owner, None
            self._owners.leave(owner)
        if failures:
            raise ExceptionGroup("Resources were not released", failures)

    async def reclaim_of(self, task_id: TaskId) -> None:
        """Release what earlier attempts at a task have left."""
        await self._reclaiming.reclaim(task_id)

    def _own_id(self) -> OwnerId:
        if self._owner is None:
            self._owner = self._owners.register()
        return self._owner

    def _left(self, session: ResourceSession) -> None:
        if session in self._open:
            self._open.remove(session)


def _why(state: ResourceState, found: Sequence[str]) -> str:
    return "; ".join(found) or f"it is recorded as {state}"
