"""A task that says what it does to files, in a workspace that is made up."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from unittest.mock import AsyncMock, Mock

import pytest

from vespera import Container, TrackFileOperationsUseCase
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.files import FileStore
from vespera.application.usecases.inspect_files import InspectFilesUseCase
from vespera.domain.changed_file import ChangedFile
from vespera.domain.content import NotKept, PutResult
from vespera.domain.errors import ContentMissing, FileUnreadable
from vespera.domain.file_operation import Absent, FileState, PathState

Disk = dict[str, bytes | PathState]


def digest_of(content: bytes) -> str:
    """As the made up file store has it."""
    return f"b3:{sha256(content).hexdigest()}"


def state_of(there: bytes | PathState) -> PathState:
    return FileState(digest_of(there), len(there), 0o644) if isinstance(there, bytes) else there


class Desk:
    """The task "task".

    ``disk``: what is at each path, the content of a file, or another state; nothing, if it is not
    in here. ``files`` and ``contents`` are the mocks of the ports; ``kept``: what the store has.
    """

    def __init__(self, container: Container) -> None:
        self.disk: Disk = {}
        self.kept: dict[str, bytes] = {}
        self.files = files = AsyncMock(spec=FileStore)
        files.locate.side_effect = str
        files.digest = Mock(side_effect=digest_of)
        files.read.side_effect = self._read
        files.observe.side_effect = lambda paths: [
            state_of(self.disk.get(path, Absent())) for path in paths
        ]
        self.contents = AsyncMock(spec=ContentStore)
        self.contents.get.side_effect = self._get
        self.contents.stream = self._stream
        self.contents.put.side_effect = lambda sources: [
            PutResult(source.digest, reason=NotKept.NEVER) for source in sources
        ]
        self.contents.has.side_effect = lambda digests: set(digests) & set(self.kept)
        container.override(FileStore, files)
        container.override(ContentStore, self.contents)
        self.container = container
        self.tracker = container.get(TrackFileOperationsUseCase).tracker_for("task")

    @property
    def inspect(self) -> InspectFilesUseCase:
        return self.container.get(InspectFilesUseCase)

    def keep(self, content: bytes) -> bytes:
        """Let the store have it."""
        self.kept[digest_of(content)] = content
        return content

    async def modify(self, path: str, content: bytes | PathState) -> None:
        await self.tracker.track_file_modify(path)
        self.disk[path] = content

    async def create(self, path: str, content: bytes) -> None:
        await self.tracker.track_file_create(path)
        self.disk[path] = content

    async def delete(self, path: str) -> None:
        await self.tracker.track_file_delete(path)
        del self.disk[path]

    async def move(self, path: str, to: str) -> None:
        await self.tracker.track_file_move(path, to)
        self.disk[to] = self.disk.pop(path)

    async def changes(self) -> Sequence[ChangedFile]:
        shown = await self.inspect.show_changes("task")
        assert shown.success, shown.error
        return shown.changes

    async def only(self) -> ChangedFile:
        [one] = await self.changes()
        return one

    def _read(self, path: str) -> bytes:
        there = self.disk.get(path)
        if not isinstance(there, bytes):
            raise FileUnreadable
        return there

    async def _stream(self, digest: str) -> AsyncIterator[bytes]:
        yield self._get(digest)

    def _get(self, digest: str) -> bytes:
        if digest not in self.kept:
            raise ContentMissing
        return self.kept[digest]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    container = Container(workspace="/nonexistent/vespera")
    yield Desk(container)
    await container.cleanup_async_services()
