"""How far what a file system says of its files proves that they are unchanged.

A stat key cannot tell two changes apart that the file system gives the same time stamp. So an
entry that is as young as the scan itself is not trusted by the next one; how young that is, the
file system's own clock says. Where keys prove nothing at all (files in memory, whose stamps
do not move with a store through a mapping; networks, whose answers may be old), each scan reads
everything.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

KNOWN_GOOD = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"})
"""File systems on which the key of a directory tells, too, whether its names are the same."""

_FOR_FILES_ONLY = frozenset({"overlay", "zfs", "bcachefs", "jfs", "reiserfs"})
_MOUNTS = "/proc/self/mountinfo"
_STAMPS = 4
_SECOND = 1_000_000_000
_TICKS = 20_000_000
"""Two ticks of the slowest kernel clock, in nanoseconds."""

_COARSE = 2 * _SECOND


@dataclass(frozen=True, slots=True)
class Trust:
    """What the next scan may rely on.

    Attributes:
        files: whether the keys of files prove anything.
        directories: whether those of directories do.
        before: keys whose change time is not before this prove nothing; nanoseconds.
        caution: why not everything is trusted, for people; or "".
    """

    files: bool
    directories: bool
    before: int
    caution: str = ""

    def in_file(self, ctime_ns: int) -> bool:
        """Whether the key of a file that was changed then proves anything next time."""
        return self.files and ctime_ns < self.before

    def in_directory(self, ctime_ns: int) -> bool:
        """The same for a directory."""
        return self.directories and ctime_ns < self.before


def trust_in(root: str, directory: int, now: int, mounts: str = _MOUNTS) -> Trust:
    """How far to trust the file system that ``directory``, of the name ``root``, is on.

    Args:
        root: the workspace, absolute.
        directory: the same, held open.
        now: the time in nanoseconds, for where the file system does not tell its own.
        mounts: the file that lists what is mounted where.
    """
    kind = kind_of_file_system(os.path.realpath(root), mounts)
    stamps = _stamps(directory)
    before = min(stamps) - slack_of(stamps) if stamps else now - _COARSE
    if kind in KNOWN_GOOD:
        return Trust(files=True, directories=True, before=before)
    if kind in _FOR_FILES_ONLY:
        return Trust(files=True, directories=False, before=before)
    told = f"the file system ({kind})" if kind else "the file system, whose kind is not known,"
    caution = f"{told} does not say reliably which files are unchanged; all were read"
    return Trust(files=False, directories=False, before=before, caution=caution)


def kind_of_file_system(root: str, mounts: str = _MOUNTS) -> str | None:
    """What is mounted there, as ``ext4``; None where the system does not tell."""
    best, kind = -1, None
    try:
        with Path(mounts).open("rb") as lines:
            for point, found in _mounted(lines):
                inside = root == point or root.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= best:  # of two on one place, the later hides the other
                    best, kind = len(point), found
    except OSError:
        return None
    return kind


def _mounted(lines: BinaryIO) -> Iterator[tuple[str, str]]:
    for line in lines:
        left, _, right = line.partition(b" - ")
        fields, kind = left.split(), right.split()
        if len(fields) > 4 and kind:  # noqa: PLR2004 - the fifth is the place
            place = fields[4].decode("unicode_escape").encode("latin-1")
            yield os.fsdecode(place), os.fsdecode(kind[0])


def _stamps(directory: int) -> list[int]:
    """The times that the file system itself gives to a few writes in a row; none if it cannot be
    written to. The file they go to has no name, so that nobody else sees it.
    """
    anonymous = getattr(os, "O_TMPFILE", None)
    if anonymous is None:
        return []
    try:
        descriptor = os.open(".", os.O_WRONLY | anonymous, 0o600, dir_fd=directory)
        with closing(os.fdopen(descriptor, "wb", buffering=0)) as file:
            return [_stamp(file) for _ in range(_STAMPS)]
    except OSError:
        return []


def _stamp(file: BinaryIO) -> int:
    file.write(b".")
    return os.fstat(file.fileno()).st_ctime_ns


def slack_of(stamps: Sequence[int]) -> int:
    """How much younger than a stamp a change may be that bears the same one."""
    if all(one < next_one for one, next_one in pairwise(stamps)):
        return 0  # each change that follows a look has a stamp of its own
    return _COARSE if all(stamp % _SECOND == 0 for stamp in stamps) else _TICKS
