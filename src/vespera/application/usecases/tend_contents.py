"""Looks after the store of contents: how large it is, what of it can go, what must go."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from vespera.application.ports.contents import ContentReferences, ContentStore
from vespera.domain.content import ContentFlaw, Removal, StoreUsage
from vespera.domain.errors import InvalidRequest

DIGEST_MARK = "b3:"
Matching = Callable[[Sequence[str], Sequence[str]], Collection[str]]
"""Those of the paths (second) that one of the patterns (first) is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeContentsResult:
    """What was removed; or why nothing was."""

    success: bool
    error: str | None = None
    removal: Removal = field(default_factory=Removal)


class TendContentsUseCase:
    """What ``vespera store`` does."""

    def __init__(
        self, *, contents: ContentStore, references: ContentReferences, matching: Matching
    ) -> None:
        self._contents, self._references, self._matching = contents, references, matching

    async def usage(self) -> StoreUsage:
        """How much there is; nothing is changed."""
        return await self._contents.usage()

    async def collect(self) -> Removal:
        """Remove what nothing refers to that is kept, or that is young enough.

        Raises:
            StoreBusy, ContentError: as ``ContentStore.gc``.
        """
        return await self._contents.gc()

    async def check(self) -> Sequence[ContentFlaw]:
        """What cannot be read as it was stored; nothing is changed."""
        return await self._contents.check()

    async def purge(self, chosen: Sequence[str] = (), *, all_: bool = False) -> PurgeContentsResult:
        """Remove contents at once and for good, whatever refers to them.

        Args:
            chosen: digests (``b3:...``), and patterns of paths in the syntax of ``.gitignore``:
                all contents that an operation or a snapshot has seen at such a path, which may be
                at other paths, too.
            all_: everything, instead.

        Raises:
            StoreBusy, ContentError: as ``ContentStore.purge``.
        """
        try:
            digests = None if all_ else await self._digests(chosen)
            removal = await self._contents.purge(digests)
        except InvalidRequest as error:
            return PurgeContentsResult(success=False, error=str(error))
        return PurgeContentsResult(success=True, removal=removal)

    async def _digests(self, chosen: Sequence[str]) -> Collection[str]:
        digests = {text for text in chosen if text.startswith(DIGEST_MARK)}
        patterns = [text for text in chosen if text not in digests]
        if not patterns:
            return digests
        seen = await self._references.digests_by_path()
        meant = self._matching(patterns, [path for path, _ in seen])
        return digests | {digest for path, digest in seen if path in meant}
