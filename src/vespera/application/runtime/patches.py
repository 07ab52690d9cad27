"""Changes to a handler that hold for those of its tasks that have not passed them yet."""

import asyncio
from dataclasses import dataclass, field

from vespera.application.runtime.presence import Presence
from vespera.application.runtime.rewinding import Rewind
from vespera.application.runtime.steps import StepLog
from vespera.domain.step import PATCH_PREFIX


@dataclass(slots=True)
class Patches:
    """What one attempt has found out about the changes that its handler asks for, each once."""

    log: StepLog
    presence: Presence
    _known: dict[str, bool] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def holds(self, name: str) -> bool:
        """Whether the task goes the new way; see ``TaskContext.patched``.

        Raises:
            Rewind: nothing new is done any more.
            LeaseLost: another worker has the task.
        """
        async with self._turn:
            if name not in self._known:
                self._known[name] = await self._find_out(name)
            return self._known[name]

    async def _find_out(self, name: str) -> bool:
        key = (f"{PATCH_PREFIX}{name}", 1)
        if self.log.find(key) is not None:
            return True
        if self.log.has_more():
            return False
        if self.log.rewinding:
            raise Rewind
        await self.presence.begin_work()
        try:
            await self.log.succeeded(key, None)
        finally:
            self.presence.end_work()
        return True
