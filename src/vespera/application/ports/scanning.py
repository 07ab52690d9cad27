"""What stands in the workspace, all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vespera.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan has come: files looked at, files read, and how many there were before, if
    anybody knows.
    """

    seen: int
    hashed: int
    expected: int | None = None


TellProgress = Callable[[ScanProgress], None]


class WorkspaceScanner(Protocol):
    """Looks at the whole workspace.

    Symbolic links are never followed, FIFOs, sockets and devices never opened, other file systems
    never entered. ``.vespera`` and the database's files are not looked at, and not told of.
    """

    async def scan(
        self,
        previous: Manifest | None = None,
        *,
        full: bool = False,
        progress: TellProgress | None = None,
    ) -> Manifest:
        """All that stands in the workspace.

        Content is read where the file system does not prove that it is what it was in
        ``previous``; what is unchanged is shared with it. What cannot be seen is in the manifest
        as unknown, with the reason, never left out. The event loop is not blocked; a cancelled
        scan has ended when the cancellation is raised.

        Args:
            previous: the manifest of an earlier scan of this workspace.
            full: read everything.
            progress: is called now and then, in the event loop.

        Raises:
            FileUnreadable: the workspace itself is not there or cannot be entered.
        """
        ...
