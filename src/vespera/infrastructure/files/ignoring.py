"""Which names in the workspace are tracked, which are only watched, and which are left out.

The patterns are those of git (``pathspec`` knows their grammar). They come, the strongest first,
from the container's setting, from the ``.vesperaignore`` and ``.gitignore`` of the directory and
of those above it, and from ``.git/info/exclude``. As with git, nothing inside a directory that is
left out can be taken in again; but what matches a watch pattern is watched wherever it is.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import groupby

from blake3 import blake3

from vespera.domain.errors import InvalidRequest
from vespera.infrastructure.files.paths import OWN_DIRECTORY, decoded, encoded

RULE_FILES = (b".vesperaignore", b".gitignore")
"""In a directory, the stronger first."""

LARGEST_RULE_FILE = 1024 * 1024
_OWN_FILES = re.compile(rb"\.vespera-[A-Za-z0-9_-]{1,200}\.tmp")
_DIRECTORY_MARK = b"(?P<ps_d>/)"
_FINGERPRINT = 16


class Care(Enum):
    """What is done with a name: its content is hashed and may be kept, is hashed only, or is not
    looked at.
    """

    TRACKED = 1
    WATCHED = 2
    IGNORED = 3


@dataclass(frozen=True, slots=True)
class PatternFile:
    """Patterns that hold below one directory: ``base``, with a slash behind it or empty. Of those
    that match, the last one decides.
    """

    base: bytes
    groups: tuple[tuple[bool, re.Pattern[bytes]], ...]

    def decide(self, path: bytes) -> bool | None:
        """Whether a path (of a directory: with a slash behind it) is matched; None: not a word."""
        rest = path[len(self.base) :]
        for matched, pattern in self.groups:
            if pattern.match(rest):
                return matched
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold in one directory, the strongest patterns first."""

    settings: tuple[PatternFile, ...] = ()
    files: tuple[PatternFile, ...] = ()
    base: tuple[PatternFile, ...] = ()
    watch: PatternFile = field(default_factory=lambda: PatternFile(b"", ()))
    fingerprint: bytes = b""

    def below(self, base: bytes, texts: Sequence[bytes]) -> "Rules":
        """The rules in a directory that has rule files of these texts."""
        prefix = base + b"/" if base else b""
        own = tuple(PatternFile(prefix, _groups_of_text(text)) for text in texts)
        return Rules(
            self.settings, (*own, *self.files), self.base, self.watch, self._mixed(base, *texts)
        )

    def on(self, exclude: bytes) -> "Rules":
        """These rules over those of ``.git/info/exclude``, the weakest of all."""
        own = (PatternFile(b"", _groups_of_text(exclude)),)
        return Rules(self.settings, self.files, own, self.watch, self._mixed(exclude))

    def care_for(self, path: bytes, *, is_directory: bool, inside_ignored: bool) -> Care:
        """What is done with the path, which is in a directory that these rules are of."""
        if is_directory:
            path += b"/"
        elif self.watch.decide(path):
            return Care.WATCHED
        if inside_ignored:
            return Care.IGNORED
        for patterns in (*self.settings, *self.files, *self.base):
            decided = patterns.decide(path)
            if decided is not None:
                return Care.IGNORED if decided else Care.TRACKED
        return Care.TRACKED

    def _mixed(self, *parts: bytes) -> bytes:
        mixed = blake3(self.fingerprint)
        for part in parts:
            mixed.update(b"%d " % len(part))
            mixed.update(part)
        return mixed.digest(_FINGERPRINT)


def rules_of(ignore: Sequence[str], watch: Sequence[str]) -> Rules:
    """The rules that hold everywhere, of the container's settings.

    Raises:
        InvalidRequest: something is no pattern; the error names the setting.
    """
    settings = PatternFile(b"", _groups(map(encoded, ignore), _refusing("snapshot_ignore")))
    watched = PatternFile(b"", _groups(map(encoded, watch), _refusing("snapshot_watch")))
    text = encoded("\0".join((*ignore, "", *watch)))
    fingerprint = blake3(text).digest(_FINGERPRINT)
    return Rules((settings,), (), (), watched, fingerprint)


def is_own(name: bytes, *, at_root: bool) -> bool:
    """Whether a name belongs to Vespera: nobody looks at it."""
    if at_root and decoded(name).casefold() == OWN_DIRECTORY:
        return True
    return name.startswith(b".vespera-") and _OWN_FILES.fullmatch(name) is not None


Refuse = Callable[[bytes], None]


def _refusing(field_name: str) -> Refuse:
    def refuse(line: bytes) -> None:
        raise InvalidRequest(
            f"{decoded(line)!r} is no pattern as .gitignore has them", field=field_name
        )

    return refuse


def _tolerate(_line: bytes) -> None:
    """What git ignores in its files is ignored here."""


@lru_cache(maxsize=1024)
def _groups_of_text(text: bytes) -> tuple[tuple[bool, re.Pattern[bytes]], ...]:
    return _groups(text.removeprefix(codecs.BOM_UTF8).split(b"\n"), _tolerate)


def _groups(lines: Iterable[bytes], refuse: Refuse) -> tuple[tuple[bool, re.Pattern[bytes]], ...]:
    """Neighbouring patterns of the same effect as one expression, the last ones first."""
    found = [pattern for line in lines for pattern in _pattern(line, refuse)]
    joined = [
        (matched, re.compile(b"|".join(text for _, text in group), re.DOTALL))
        for matched, group in groupby(found, key=lambda pattern: pattern[0])
    ]
    return tuple(reversed(joined))


def _pattern(line: bytes, refuse: Refuse) -> Iterable[tuple[bool, bytes]]:
    """The effect and the expression of one line; nothing for a comment, or for what is none."""
    # It takes longer to import than all else that a first task needs.
    from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    try:
        pattern = GitIgnoreSpecPattern(line.removesuffix(b"\r"))
    except GitIgnorePatternError:
        refuse(line)
        return
    if pattern.include is not None and pattern.regex is not None:
        yield bool(pattern.include), b"(?:%b)" % _of_the_path_itself(pattern.regex.pattern)


def _of_the_path_itself(expression: bytes) -> bytes:
    """An expression of pathspec matches what is below a directory, too. Here each directory is
    decided on by itself, so it must match the path only, which for a directory ends in a slash;
    and from its beginning, as a search would try each place in it.
    """
    expression = expression.replace(b"(?:%b|$)" % _DIRECTORY_MARK, rb"/?\Z")
    expression = expression.replace(_DIRECTORY_MARK, rb"/\Z")
    anywhere = b"" if expression.startswith(b"^") else b".*"
    inside = b"." if expression.endswith(b"/") else b""
    return anywhere + expression + inside
