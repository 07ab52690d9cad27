"""Scans of the workspace on the local file system."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from os import PathLike
from pathlib import Path
from threading import Event

from blake3 import blake3

from vespera.application.ports.clock import Clock
from vespera.application.ports.scanning import ScanProgress, TellProgress
from vespera.domain.errors import FileUnreadable
from vespera.domain.manifest import Manifest, canonical_folders
from vespera.infrastructure.files.ignoring import rules_of
from vespera.infrastructure.files.paths import OF_A_DATABASE
from vespera.infrastructure.files.scanning import View, Walk
from vespera.infrastructure.files.secrets import SECRETS
from vespera.infrastructure.files.tree import NoWorkspace, hold_root
from vespera.infrastructure.files.trust import Trust, trust_in
from vespera.infrastructure.threads import Threads

_SECOND = 1_000_000_000
Judge = Callable[[str, int, int], Trust]


class LocalWorkspaceScanner:
    """A ``WorkspaceScanner`` over one directory, in one worker thread at a time.

    Args:
        root: the workspace.
        threads: where the scans run.
        clock: tells when a scan began and ended.
        database: the database file, if there is one; it is never looked at.
        ignore: patterns, as in ``.gitignore``, of what to leave out besides.
        watch: patterns of what is hashed wherever it is, and never kept.
        trust: how far the file system is to be trusted; as ``trust_in``.

    Raises:
        InvalidRequest: something is no pattern.
    """

    def __init__(
        self,
        root: str | PathLike[str],
        threads: Threads,
        clock: Clock,
        *,
        database: Path | None = None,
        ignore: Sequence[str] = (),
        watch: Sequence[str] = SECRETS,
        trust: Judge = trust_in,
    ) -> None:
        self._root = str(Path(root).absolute())
        self._threads, self._clock = threads, clock
        self._database = database
        self._rules = rules_of(ignore, watch)
        self._trust = trust

    async def scan(
        self,
        previous: Manifest | None = None,
        *,
        full: bool = False,
        progress: TellProgress | None = None,
    ) -> Manifest:
        """See ``WorkspaceScanner.scan``."""
        tell = _teller(previous, progress)
        began_at = self._clock.now()

        def scan(stop: Event) -> Manifest:
            return self._scan(previous, began_at, stop, tell, full=full)

        return await self._threads.run_stoppable(scan)

    def _scan(
        self,
        previous: Manifest | None,
        began_at: datetime,
        stop: Event,
        tell: Callable[[int, int], None],
        *,
        full: bool,
    ) -> Manifest:
        try:
            with hold_root(self._root) as root:
                trust = self._trust(self._root, root, int(began_at.timestamp() * _SECOND))
                view = View(
                    previous=previous.folders if previous else {},
                    rules=self._rules,
                    trust=trust,
                    own=self._own_files(),
                    full=full or not trust.files,
                    stop=stop,
                    tell=tell,
                )
                walk = Walk(root, view)
                folders = walk.run()
        except NoWorkspace as error:
            raise FileUnreadable(error.told) from error
        return Manifest(
            folders=folders,
            began_at=began_at,
            ended_at=self._clock.now(),
            digest=f"b3:{blake3(canonical_folders(folders)).hexdigest()}",
            hashed=walk.hashed,
            caution=trust.caution,
        )

    def _own_files(self) -> frozenset[bytes]:
        """The paths of the database's files, if they are in the workspace."""
        root = Path(os.path.realpath(self._root))
        if self._database is None or not self._database.is_relative_to(root):
            return frozenset()
        inside = os.fsencode(self._database.relative_to(root))
        return frozenset(inside + ending.encode() for ending in OF_A_DATABASE)


def _teller(previous: Manifest | None, progress: TellProgress | None) -> Callable[[int, int], None]:
    """What tells the caller, in the event loop, what the thread says."""
    if progress is None:
        return lambda _seen, _hashed: None
    loop = asyncio.get_running_loop()
    expected = cache(lambda: previous.totals().files if previous else None)

    def tell(seen: int, hashed: int) -> None:
        loop.call_soon_threadsafe(progress, ScanProgress(seen, hashed, expected()))

    return tell
