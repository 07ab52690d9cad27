"""A path that a task changed, with what is different in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from vespera.domain.effects import name_of
from vespera.domain.file_operation import Absent, DirectoryState, FileState, PathState
from vespera.domain.net_changes import NetChange
from vespera.domain.text_diff import TextDiff

_NOWHERE = "/dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """A path that the task changed, and how.

    Attributes:
        net: the path with its states.
        diff: what is different in the text; empty, if that is not a matter of text, or cannot be
            told.
        note: why there is no diff, in words; or empty.
    """

    net: NetChange
    diff: TextDiff
    note: str = ""

    @property
    def remarks(self) -> Sequence[str]:
        """What people have to know besides: where it came from, why there is no diff, whether it is
        still so.
        """
        net = self.net
        told = [f"moved from {net.moved_from!r}"] if net.moved_from is not None else []
        told += [self.note] if self.note else []
        told += _change_of_mode(net.change.before, net.change.after)
        told += ["others changed it meanwhile"] if net.disturbed else []
        return told if net.as_left else [*told, f"now there is {name_of(net.now)}"]

    @property
    def patch(self) -> str:
        """The difference with its headings, as ``patch`` and ``git apply`` take it; or empty."""
        if not self.diff.text:
            return ""
        change = self.net.change
        old = _named("a", self.net.moved_from or change.path)
        new = _named("b", change.path)
        if change.before == Absent() and self.net.moved_from is None:
            old = _NOWHERE
        if change.after == Absent():
            new = _NOWHERE
        return f"--- {old}\n+++ {new}\n{self.diff.text}"


def _named(side: str, path: str) -> str:
    """The path in a heading; what would break the line is escaped."""
    return f"{side}/{path}" if path.isprintable() else ascii(f"{side}/{path}")


def _change_of_mode(before: PathState, after: PathState) -> Sequence[str]:
    match before, after:
        case (FileState(mode=old), FileState(mode=new)) if old != new:
            return [f"its mode was {old:04o} and became {new:04o}"]
        case (DirectoryState(old), DirectoryState(new)) if old != new:
            return [f"its mode was {old:04o} and became {new:04o}"]
        case _:
            return []
