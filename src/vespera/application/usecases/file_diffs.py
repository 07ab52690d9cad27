"""What is different in the files that a task changed, as far as the contents are to be had."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.files import FileStore
from vespera.domain.changed_file import ChangedFile
from vespera.domain.effects import name_of
from vespera.domain.errors import (
    ContentError,
    ContentMissing,
    InvalidRequest,
    WorkspaceError,
)
from vespera.domain.file_operation import (
    Absent,
    DirectoryState,
    FileOperation,
    FileState,
    PathState,
    UnknownState,
    sides,
)
from vespera.domain.net_changes import NetChange
from vespera.domain.text_diff import TextDiff, text_diff

LARGEST_TEXT = 512 * 1024
"""Bytes of a file that is read in order to be shown."""

MOST_LINES = 20_000

NeverStored = Callable[[str], bool]
"""Whether the content at this path is never kept, and so never shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiffs:
    """Reads contents where they are: on the disk, as long as they are the same there, or in the
    store. Nothing is shown of a file that is named like a secret, nor of one with its content.
    """

    files: FileStore
    contents: ContentStore
    threads: BlockingCalls
    never: NeverStored

    async def of(
        self,
        changes: Sequence[NetChange],
        operations: Sequence[FileOperation],
        *,
        most: int | None = None,
    ) -> Sequence[ChangedFile]:
        """The changes with what is different.

        Args:
            changes: all of the task.
            operations: that were recorded on their paths; they tell which contents are secret.
            most: of more changes, only so many are compared, those of the smallest files.
        """
        texts = _Texts(self, changes, self._secrets(changes, operations))
        origins = {net.change.path: net.change.before for net in changes}
        chosen = {net.change.path for net in sorted(changes, key=_size)[:most]}
        return [
            await self._told(net, origins, texts) if net.change.path in chosen else _left_out(net)
            for net in changes
        ]

    def _secrets(
        self, changes: Sequence[NetChange], operations: Sequence[FileOperation]
    ) -> Collection[str]:
        """The digests of all that was seen at paths whose content is never shown."""
        seen = [
            (side.path, state)
            for operation in operations
            for side in sides(operation)
            for state in (side.before, side.after, side.expected)
        ]
        for net in changes:
            path = net.change.path
            seen += [(path, net.change.before), (path, net.change.after), (path, net.now)]
        secret = {path for path in {path for path, _ in seen} if self.never(path)}
        return {
            state.digest for path, state in seen if path in secret and isinstance(state, FileState)
        }

    async def _told(
        self, net: NetChange, origins: Mapping[str, PathState], texts: "_Texts"
    ) -> ChangedFile:
        if net.moved_to is not None:
            return ChangedFile(net=net, diff=TextDiff(), note=f"moved to {net.moved_to!r}")
        before, after = net.change.before, net.change.after
        if net.moved_from is not None:
            before = origins[net.moved_from]
        if note := _why_no_text(before, after):
            return ChangedFile(net=net, diff=TextDiff(), note=note)
        old, new = await texts.of(before), await texts.of(after)
        if old.why_not or new.why_not:
            told = f"before: {old.why_not}" if old.why_not else f"after: {new.why_not}"
            return ChangedFile(net=net, diff=TextDiff(), note=told)
        diff = await self.threads.call(lambda: text_diff(old.text, new.text), what="diff")
        return ChangedFile(net=net, diff=diff)


@dataclass(frozen=True, slots=True)
class _Text:
    text: str = ""
    why_not: str = ""


class _Texts:
    """The texts of states, from wherever they are to be had."""

    def __init__(
        self, parts: FileDiffs, changes: Sequence[NetChange], secrets: Collection[str]
    ) -> None:
        self._parts, self._secrets = parts, secrets
        self._there = {
            net.now.digest: net.change.path for net in changes if isinstance(net.now, FileState)
        }

    async def of(self, state: PathState) -> _Text:
        """The text of a file; nothing, where nothing is."""
        if not isinstance(state, FileState):
            return _Text()
        if state.digest in self._secrets:
            return _Text(why_not="its content is never shown, as it is named like a secret")
        if state.size > LARGEST_TEXT:
            return _Text(why_not=f"{state.size:,} bytes are too many to be shown")
        try:
            return _text_of(await self._content(state.digest))
        except ContentMissing:
            return _Text(why_not="its content was not kept")
        except (ContentError, InvalidRequest) as error:  # damaged, or a digest of another kind
            return _Text(why_not=str(error))

    async def _content(self, digest: str) -> bytes:
        path = self._there.get(digest)
        if path is not None:
            try:
                data = await self._parts.files.read(path)
            except WorkspaceError:  # it went, or became something else: the store may have it
                data = b""
            if self._parts.files.digest(data) == digest:
                return data
        return await self._parts.contents.get(digest)


def _size(net: NetChange) -> int:
    states = (net.change.before, net.change.after)
    return max(state.size if isinstance(state, FileState) else 0 for state in states)


def _left_out(net: NetChange) -> ChangedFile:
    return ChangedFile(net=net, diff=TextDiff(), note="not compared, as so many paths changed")


def _text_of(content: bytes) -> _Text:
    if b"\0" in content:
        return _Text(why_not="it is binary")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _Text(why_not="it is binary")
    if text.count("\n") > MOST_LINES:
        return _Text(why_not=f"more than {MOST_LINES:,} lines are too many to be shown")
    return _Text(text)


def _why_no_text(before: PathState, after: PathState) -> str:
    """What a change is that is none of text; empty, if it is one."""
    match before, after:
        case (UnknownState(reason), _):
            return f"what was there before is not known: {reason}"
        case (_, UnknownState(reason)):
            return f"what is there now is not known: {reason}"
        case (FileState(), FileState()) if before.digest == after.digest:
            return "its content is the same"
        case ((FileState() | Absent()), (FileState() | Absent())):
            return ""
        case (DirectoryState(), DirectoryState()):
            return "it is a directory still"
        case _:
            return f"there was {name_of(before)}, then {name_of(after)}"
