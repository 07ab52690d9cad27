"""What can be said of files on behalf of one task."""

from collections.abc import Awaitable, Callable, Mapping

from vespera.application.ports.files import AnyPath
from vespera.application.usecases.file_results import TrackFileOperationResult
from vespera.domain.file_operation import OperationKind, PathState


class TaskTracking:
    """Each method says that something is about to be done to a file, or (``after=True``) that it
    was; see those of ``TrackFileOperationsUseCase``. ``expected`` is what it is to leave. Who
    inherits gives ``_say``, which records it.
    """

    _say: Callable[..., Awaitable[TrackFileOperationResult]]

    async def track_file_create(
        self,
        path: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Say that a file is created."""
        kind = OperationKind.CREATE
        return await self._say(kind, (path,), metadata, after=after, expected=expected)

    async def track_file_modify(
        self,
        path: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
        expected: PathState | None = None,
    ) -> TrackFileOperationResult:
        """Say that a file is changed."""
        kind = OperationKind.MODIFY
        return await self._say(kind, (path,), metadata, after=after, expected=expected)

    async def track_file_delete(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that a file is deleted."""
        return await self._say(OperationKind.DELETE, (path,), metadata, after=after)

    async def track_file_read(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that a file is read."""
        return await self._say(OperationKind.READ, (path,), metadata, after=after)

    async def track_file_move(
        self,
        source: AnyPath,
        destination: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        overwrite: bool = False,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that something is moved."""
        paths, kind = (source, destination), OperationKind.MOVE
        return await self._say(kind, paths, metadata, overwrite=overwrite, after=after)

    async def track_file_copy(
        self,
        source: AnyPath,
        destination: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        overwrite: bool = False,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that a file is copied."""
        paths, kind = (source, destination), OperationKind.COPY
        return await self._say(kind, paths, metadata, overwrite=overwrite, after=after)

    async def track_mkdir(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that a directory is made."""
        return await self._say(OperationKind.MKDIR, (path,), metadata, after=after)

    async def track_rmdir(
        self, path: AnyPath, metadata: Mapping[str, object] | None = None, *, after: bool = False
    ) -> TrackFileOperationResult:
        """Say that an empty directory is removed."""
        return await self._say(OperationKind.RMDIR, (path,), metadata, after=after)

    async def track_symlink(
        self,
        path: AnyPath,
        target: AnyPath,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that a symbolic link is made that leads to ``target``."""
        kind = OperationKind.SYMLINK
        return await self._say(kind, (path,), metadata, target=target, after=after)

    async def track_chmod(
        self,
        path: AnyPath,
        mode: int,
        metadata: Mapping[str, object] | None = None,
        *,
        after: bool = False,
    ) -> TrackFileOperationResult:
        """Say that a file or a directory is given these permission bits."""
        return await self._say(OperationKind.CHMOD, (path,), metadata, mode=mode, after=after)

    async def track_file_scope(
        self, pattern: str, metadata: Mapping[str, object] | None = None
    ) -> TrackFileOperationResult:
        """Say that nobody declares what happens where the pattern matches, as ``build/**``."""
        return await self._say(OperationKind.SCOPE, (pattern,), metadata)
