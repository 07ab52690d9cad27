"""What the text of a target means."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vespera.domain.globs import path_pattern
from vespera.infrastructure.di.graph import did_you_mean
from vespera.testing.faults.errors import FaultRefused

KINDS = ("step:", "file:", "database:", "commit")
_CHANGES = ("write", "delete", "move", "copy", "mkdir", "rmdir", "symlink", "chmod")
FILE_OPERATIONS = (*_CHANGES, "read", "observe")
TROUBLES = ("busy", "full", "read-only", "corrupt", "io-error")
DATABASE_TROUBLES = TROUBLES[:-1]
HOW = (
    "Targets are 'step:NAME', 'commit', 'database:TROUBLE', 'file:OPERATION PATH', and"
    " 'PART.METHOD' with a part's name or type; names and paths may have '*'."
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a fault is. ``kind`` is "step", "commit", "database", "file" or "call"."""

    kind: str
    name: str
    matches: Callable[[str], bool]


def parse_target(text: object) -> Target:
    """The target that ``text`` names; for "PART.METHOD" as it stands, not looked up yet.

    Raises:
        FaultRefused: it names nothing; near names are told.
    """
    if not isinstance(text, str):
        raise FaultRefused(f"{text!r} is no target, which is a text. {HOW}")
    kind, colon, name = text.partition(":")
    match kind:
        case "step" if name:
            return Target("step", name, lambda step: fnmatchcase(step, name))
        case "commit" if not colon:
            return Target("commit", "commit", lambda _: True)
        case "database" if colon:
            _check(text, name, DATABASE_TROUBLES)
            return Target("database", name, lambda trouble: trouble == name)
        case "file" if colon:
            return _file_target(text, name)
        case _ if "." in text and not colon:
            return Target("call", text, lambda call: fnmatchcase(call, text))
        case _:
            raise FaultRefused(f"{text!r} is no target.{did_you_mean(text, KINDS)} {HOW}")


def _file_target(text: str, name: str) -> Target:
    operation, _, path = name.partition(" ")
    if operation != "*":
        _check(text, operation, FILE_OPERATIONS)
    pattern = path_pattern(path.strip() or "**")

    def matches(act: str) -> bool:
        done, _, where = act.partition(" ")
        return operation in {"*", done} and pattern.fullmatch(where) is not None

    return Target("file", name, matches)


def _check(text: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        known = ", ".join(words)
        raise FaultRefused(f"{text!r}: {word!r} is none of {known}.{did_you_mean(word, words)}")
