"""Keep what files contain before a task replaces or deletes them."""

import logging

from vespera.application.ports.contents import ContentStore
from vespera.domain.content import NotKept, replaced_by
from vespera.domain.errors import ContentError
from vespera.domain.file_operation import FileOperation

logger = logging.getLogger("vespera")


class ReplacedContents:
    """Gives the store what an operation is about to take away, so that it can be put back.

    Args:
        contents: the store.
        is_kept: False: nothing is given to it.
    """

    def __init__(self, contents: ContentStore, *, is_kept: bool = True) -> None:
        self._contents, self._is_kept = contents, is_kept

    async def keep(self, operation: FileOperation) -> None:
        """Keep it, before the operation is recorded as intended; on disk when this returns.

        An operation never fails because its past cannot be kept: that it was not is logged. What
        the store may not keep (secrets, by their names) is left out without a word.
        """
        sources = replaced_by(operation) if self._is_kept else ()
        if not sources:
            return
        try:
            results = await self._contents.put(sources)
        except ContentError as error:
            logger.warning(_NOT_KEPT, sources[0].path, error)
            return
        for source, result in zip(sources, results, strict=False):  # a mocked store gives none
            if result.reason not in {None, NotKept.NEVER}:
                logger.warning(_NOT_KEPT, source.path, result.reason)

    async def get(self, digest: str) -> bytes | None:
        """What was kept with this digest; None: nothing, or it cannot be read."""
        try:
            return await self._contents.get(digest)
        except ContentError:
            return None


_NOT_KEPT = "What %r contains is not kept, and cannot be put back later: %s"
