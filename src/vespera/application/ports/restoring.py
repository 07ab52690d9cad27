"""Putting back what was in the workspace, where others may be at work at the same time."""

from collections.abc import AsyncGenerator, AsyncIterable, Collection, Mapping, Sequence
from typing import Protocol

from vespera.domain.file_operation import PathState
from vespera.domain.ids import RollbackId
from vespera.domain.rollback import Quarantined, RollbackConflict, RollbackStep


class Restorer(Protocol):
    """Carries out the steps of rollbacks so that nobody's work is lost, whatever happens meanwhile.

    What is displaced stays in the rollback's quarantine until it is cleared, so that whoever has it
    open still writes to something that is there. Paths are as ``FileStore`` has them: no symbolic
    link is followed, and nothing outside the workspace is touched. The event loop is not blocked.
    """

    async def names_in(self, paths: Collection[str]) -> Mapping[str, Collection[str]]:
        """The names in each of the paths that is a directory and can be listed."""
        ...

    async def stage(
        self,
        rollback_id: RollbackId,
        number: int,
        state: PathState,
        content: AsyncIterable[bytes] | None = None,
    ) -> None:
        """Make what a step is going to put in place: a file of this content and mode, a symbolic
        link, or a directory. It is on disk when this returns, where nobody looks. What was made for
        the same step before is made anew.

        Raises:
            FileUnreadable: it cannot be made (disk full, permission), or has another content.
            PathRefused: Vespera's own directory is a symbolic link.
        """
        ...

    async def carry_out(
        self, rollback_id: RollbackId, number: int, step: RollbackStep
    ) -> RollbackConflict | None:
        """Do the step, or finish it if it was broken off anywhere in the middle; durable when it
        returns. Doing it twice is doing it once. None: the path is as wanted.

        What takes the place of something is looked at after the exchange: if it was not ``found``
        that came out, it is put back, and nothing was changed. If its place was taken by something
        newer meanwhile, that stays, and the conflict tells where the displaced is ``kept``.
        """
        ...

    async def tidy(self, rollback_id: RollbackId, unused: Collection[int]) -> None:
        """Remove what was staged for steps that were never begun, or were given up, and what is
        left empty by that. What was displaced stays.
        """
        ...

    async def displaced(self, rollback_id: RollbackId) -> Mapping[int, PathState]:
        """What is kept of a rollback, as it is now, by the numbers of the steps."""
        ...

    def content(self, rollback_id: RollbackId, number: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file that is kept of this step, in blocks.

        Raises:
            FileUnreadable: there is none, or it cannot be read.
        """
        ...

    async def quarantined(self) -> Sequence[Quarantined]:
        """What is kept of which rollback, oldest first."""
        ...

    async def clear(self, rollback_ids: Collection[RollbackId]) -> None:
        """Remove what is kept of these rollbacks, for good.

        Raises:
            FileUnreadable: the system refuses.
        """
        ...
