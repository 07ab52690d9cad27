"""Whose content is never stored: secrets, by the names of their files."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

from vespera.domain.errors import InvalidRequest

FIELD: Final = "store_never"


def never_stored(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells of a path in the workspace whether one of the patterns is for it. They do not tell
    upper from lower case: what may be a secret is taken for one.

    Raises:
        InvalidRequest: a pattern cannot be understood; the setting is named.
    """
    checked = [pattern.lower() for pattern in checked_patterns(patterns)]

    @cache
    def prepared() -> tuple[Callable[[str], object], Callable[[str], bool]]:
        spec = _compiled(checked)
        return _suspicion(spec), spec.match_file

    def judge(path: str) -> bool:
        is_suspect, is_meant = prepared()
        lowered = path.lower().replace("\n", " ")  # for a regular expression, a line ends there
        return bool(is_suspect(lowered)) and is_meant(lowered)

    return judge


def checked_patterns(given: object) -> tuple[str, ...]:
    """The patterns, if they are some.

    Raises:
        InvalidRequest: they are not; the setting is named.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidRequest(f"must be a list of patterns, not {given!r}", field=FIELD)
    for pattern in given:
        if not isinstance(pattern, str) or not pattern.strip() or "\0" in pattern:
            raise InvalidRequest(f"{pattern!r} is no pattern of .gitignore", field=FIELD)
    return tuple(given)


def matching(patterns: Sequence[str], paths: Sequence[str]) -> set[str]:
    """Those of the paths that one of the patterns is for.

    Raises:
        InvalidRequest: a pattern cannot be understood.
    """
    is_meant = _compiled(checked_patterns(patterns)).match_file
    return {path for path in paths if is_meant(path)}


def _compiled(patterns: Sequence[str]) -> Any:
    # The package is imported when something is first stored.
    spec = import_module("pathspec").GitIgnoreSpec
    try:
        return spec.from_lines(patterns)
    except ValueError as error:
        raise InvalidRequest(f"cannot be understood: {error}", field=FIELD) from error


_ANYWHERE = "^(?:.+/)?"
_NAMED_GROUP = re.compile(r"\?P<\w+>")


def _suspicion(spec: Any) -> Callable[[str], object]:
    """Whether any of the patterns is for a path, whatever others take back: one expression for all
    of them is an order of magnitude faster than one after the other.
    """
    texts = [_NAMED_GROUP.sub("?:", p.regex.pattern) for p in spec.patterns if p.include]
    anywhere = [text.removeprefix(_ANYWHERE) for text in texts if text.startswith(_ANYWHERE)]
    whole = [text for text in texts if not text.startswith(_ANYWHERE)]
    parts = [*whole, *([f"(?:^|/)(?:{'|'.join(anywhere)})"] if anywhere else [])]
    return re.compile("|".join(f"(?:{part})" for part in parts) or "(?!)").search
