"""The store of file contents: what a diff shows, and what is put back."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from vespera.domain.content import ContentFlaw, ContentSource, PutResult, Removal, StoreUsage

Live = Callable[[], Awaitable[Collection[str]]]
"""Gives the digests that something refers to, as of the moment it is asked."""


class ContentStore(Protocol):
    """Keeps bytes by their digests (``b3:...``), each once. Several processes may use one store.

    What ``put`` has returned for is on disk, and stays for at least an hour, as long as this
    process lives: within that time, commit what refers to it. From then on it stays as long as
    something refers to it. No method blocks the event loop, and what is cancelled ends soon.

    All methods raise ``ContentError`` if the disk or its permissions do not let them do their work,
    and ``InvalidRequest`` for a digest that is none.
    """

    async def put(self, sources: Sequence[ContentSource]) -> Sequence[PutResult]:
        """Keep these; gives what became of each, in their order. Files are read in blocks,
        however large they are. Few calls with many sources are much cheaper than many calls.

        Raises:
            StoreFull: they do not fit into the quota, also after all was collected that nothing
                refers to, or onto the disk. None of them is promised to be kept then; whoever
                records an operation does so without its content.
        """
        ...

    async def get(self, digest: str) -> bytes:
        """The content, which is checked against its digest.

        Raises:
            ContentMissing: it is not there.
            ContentDamaged: what is there is something else.
        """
        ...

    def stream(self, digest: str) -> AsyncGenerator[bytes, None]:
        """The content in blocks of at most a megabyte, for what is too large for ``get``. It is
        whole and checked only when the last block was followed by the end, and not an error. Close
        it (``contextlib.aclosing``) if you do not read it to the end.

        Raises:
            ContentMissing, ContentDamaged: as for ``get``; the second perhaps behind some blocks.
        """
        ...

    async def has(self, digests: Collection[str]) -> Collection[str]:
        """Those that are there at this moment. Only ``put`` makes sure that they stay."""
        ...

    async def usage(self) -> StoreUsage:
        """How much there is. Nothing is made, changed or removed."""
        ...

    async def gc(self, live: Live | None = None, *, share: float = 0.0) -> Removal:
        """Collect the garbage: remove what was put more than an hour or two ago, or by a process
        that has ended, and is not among the digests of ``live``. It is crash-safe at each step, and
        others may go on putting.

        Args:
            live: what is referred to; by default that of which the store was told at its making.
            share: leave a pack alone if less than this part of it (0 to 1) is garbage.

        Raises:
            StoreBusy: another process does the same, for too long.
        """
        ...

    async def purge(self, digests: Collection[str] | None) -> Removal:
        """Remove these at once, whatever refers to them; None: all there is. When this returns, the
        files that held them are gone from the disk.

        Raises:
            StoreBusy: as for ``gc``.
        """
        ...

    async def check(self) -> Sequence[ContentFlaw]:
        """Read everything, and tell what is not as it was stored. Nothing is changed."""
        ...


class ContentReferences(Protocol):
    """What of the store is referred to by what is kept in the database."""

    async def digests(self, since: datetime | None) -> Collection[str]:
        """The digests in all file operations, and in all snapshots that were taken with contents;
        or in those recorded and taken at that moment or later.

        Raises:
            ContentError: a snapshot cannot be read, so that nobody knows what it refers to.
        """
        ...

    async def digests_by_path(self) -> Collection[tuple[str, str]]:
        """Each path of a file operation, and of a snapshot that was taken with contents, with each
        digest that was seen there.

        Raises:
            ContentError: as for ``digests``.
        """
        ...
