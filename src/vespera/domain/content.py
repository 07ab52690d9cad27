"""The bytes of files, kept by their digests: what is given to the store, and what it tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vespera.domain.file_operation import FileOperation, FileState, OperationKind
from vespera.domain.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ContentSource:
    """Bytes that are to be kept.

    Attributes:
        path: the file in the workspace that they are of, in the form that ``FileStore.locate``
            gives; the patterns of what is never stored are held against it. Empty: they are of no
            file, and no pattern applies.
        digest: the one they were seen to have; other bytes are not kept. None: whatever they are.
        data: the bytes themselves; None: they are read from the file.
    """

    path: str
    digest: str | None = None
    data: bytes | None = None


def replaced_by(operation: FileOperation) -> Sequence[ContentSource]:
    """What is not there any more, once an operation has been carried out that is intended now."""
    place, state = operation.path, operation.before
    if operation.destination is not None:
        place, state = operation.destination.path, operation.destination.before
    if operation.kind in _REPLACING and isinstance(state, FileState):
        return [ContentSource(place, state.digest)]
    return ()


_REPLACING = frozenset(
    {
        OperationKind.CREATE,
        OperationKind.MODIFY,
        OperationKind.DELETE,
        OperationKind.MOVE,
        OperationKind.COPY,
    }
)


def contents_of(manifest: Manifest) -> Iterator[ContentSource]:
    """What the files contain that a scan has seen, but for those that are only watched."""
    for path, entry in manifest.entries():
        if isinstance(entry.state, FileState) and not entry.watched:
            yield ContentSource(path, entry.state.digest)


class NotKept(StrEnum):
    """Why bytes were not kept.

    ``NEVER``: a pattern says so; they were not even read. ``CHANGED``: they are not those of the
    digest, or kept changing. ``UNREADABLE``: there is no regular file that can be read.
    """

    NEVER = "never"
    CHANGED = "changed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one source. ``digest`` and ``size`` (in bytes) are those of what was kept;
    of what was not, ``digest`` is the one that was given.
    """

    digest: str | None
    size: int = 0
    reason: NotKept | None = None

    @property
    def kept(self) -> bool:
        """Whether it is in the store, on disk."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUsage:
    """How much the store holds, in bytes but for ``contents`` and ``packs``.

    Attributes:
        directory: where it is; None: nowhere yet.
        contents: how many.
        packs: files that they are in.
        size: of all these files, with those that are being written.
        plain: of the contents, as they were before they were compressed.
        quota: what ``size`` may come to.
    """

    directory: str | None
    contents: int = 0
    packs: int = 0
    size: int = 0
    plain: int = 0
    quota: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """How many contents went, and by how many bytes the store became smaller."""

    contents: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class ContentFlaw:
    """Something that cannot be read as it was stored. ``digest`` None: a whole pack."""

    pack: str
    digest: str | None
    text: str
