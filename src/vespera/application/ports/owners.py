"""Which workers are alive, as far as this host can tell at once."""

from collections.abc import Collection
from typing import Protocol

from vespera.domain.ids import OwnerId


class Owners(Protocol):
    """A worker registers under an id for as long as its process lives."""

    def register(self) -> OwnerId:
        """A new id, alive until ``leave`` or the end of the process, however it ends."""
        ...

    def leave(self, owner: OwnerId) -> None:
        """The worker has stopped in good order."""
        ...

    def dead(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """Those of the owners that are known to be dead. One that cannot be told (another host)
        is not among them; its lease decides.
        """
        ...

    def strangers(self, owners: Collection[OwnerId]) -> Collection[OwnerId]:
        """Those of the owners of whom nothing can be told here: they are of another host, or of
        an earlier start of this one.
        """
        ...
