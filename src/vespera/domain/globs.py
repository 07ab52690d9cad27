"""Patterns of paths: ``*`` and ``?`` stay within one part of a path, ``**`` crosses parts."""

import re
from functools import lru_cache

_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECES = re.compile(r"(\*\*/|\*\*|\*|\?)")


@lru_cache(maxsize=1024)
def path_pattern(glob: str) -> re.Pattern[str]:
    """What matches whole paths of this form."""
    pieces = _PIECES.split(glob)
    return re.compile("".join(_MEANINGS.get(p) or re.escape(p) for p in pieces), re.DOTALL)
