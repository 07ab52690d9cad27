"""Releasing what nobody will release any more: what the dead have left, and what would not go."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from vespera.application.ports.clock import Clock
from vespera.application.ports.owners import Owners
from vespera.application.ports.resources import ResourceRepository
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.domain.errors import StorageError
from vespera.domain.ids import ResourceId, TaskId
from vespera.domain.resource import KEPT_AFTER_RELEASE, ResourceRecord

logger = logging.getLogger("vespera")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaiming:
    """Finds leftovers and releases them. Any process of the machine may, and several at once.

    ``release_seconds``: how long one of them may take.
    """

    repository: ResourceRepository
    catalogue: ResourceCatalogue
    owners: Owners
    clock: Clock
    release_seconds: float
    _refused: set[ResourceId] = field(default_factory=set)

    async def reclaim(
        self, task_id: TaskId | None = None, *, again: bool = False
    ) -> Sequence[ResourceRecord]:
        """Release all leftovers, or those of a task, side by side; gives them as they are now.

        One that would not go is tried once by each process, unless ``again``. One whose type is
        not known here is left to others.

        Raises:
            StorageError: the database cannot do it.
        """
        unreleased = await self.repository.unreleased(task_id)
        dead = self.owners.dead({record.owner for record in unreleased}) if unreleased else ()
        known = self.catalogue.names()
        leftovers = [one for one in unreleased if one.is_leftover(dead)]
        tried = [one for one in leftovers if again or one.id not in self._refused]
        settling = [self.settle(record) for record in tried if record.resource_type in known]
        settled = await asyncio.gather(*settling, return_exceptions=True)
        for one in settled:
            if isinstance(one, BaseException):
                raise one
        return [one for one in settled if not isinstance(one, BaseException)]

    async def settle(self, record: ResourceRecord) -> ResourceRecord:
        """Release one of which it is not known how much of it is there; gives it as it is now.

        Raises:
            StorageError: the database cannot do it.
        """
        why = await self._why_not_gone(record)
        if why:
            self._refused.add(record.id)
            logger.warning("Resource %s (%s): %s", record.id, record.resource_type, why)
            settled = record.left(why)
        else:
            settled = record.released(self.clock.now())
        if settled != record:
            await self.repository.save(settled)
        return settled

    async def tidy(self) -> None:
        """Forget what was released long ago.

        Raises:
            StorageError: the database cannot do it.
        """
        await self.repository.forget(self.clock.now() - KEPT_AFTER_RELEASE)

    async def _why_not_gone(self, record: ResourceRecord) -> str:
        try:
            kind = self.catalogue.find(record.resource_type)
            async with self.clock.timeout(self.release_seconds):
                await kind.reclaim(record.trace)
                remains = await kind.remains(record.trace)
        except StorageError:
            raise
        except TimeoutError:
            return f"it was not released within {self.release_seconds:g} s"
        except Exception as error:  # noqa: BLE001  (the boundary to the type; recorded)
            return in_words(error)
        return "; ".join(remains)
