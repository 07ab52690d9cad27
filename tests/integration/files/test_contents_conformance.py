"""The packed store keeps the promises of the port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vespera.application.ports.contents import Live
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.threads import Threads
from vespera.testing.conformance import ContentStoreConformance


class References:
    """What the test says is referred to."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def digests(self, since):
        return await self._live()

    async def digests_by_path(self):
        return []


@pytest.mark.usefixtures("open_descriptors")
class TestPackedContents(ContentStoreConformance):
    async def make_contents(
        self, directory: Path, workspace: Path, live: Live
    ) -> AsyncIterator[PackedContents]:
        threads = Threads()
        store = PackedContents(
            directory,
            workspace,
            threads,
            references=References(live),
            clock=SystemClock(),
            quota=self.quota,
        )
        yield store
        await store.stop()
        threads.close()
