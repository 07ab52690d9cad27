"""What a transaction did, in a line."""

import re
from collections.abc import Sequence
from functools import lru_cache

_CHANGE = re.compile(
    r"\s*(INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO)\s+\"?(\w+)",
    re.IGNORECASE,
)
_TEXT = re.compile(r"[Xx]'[^']*'|'((?:[^']|'')*)'")  # of a blob, nothing is told
_MOST_TEXTS = 3
_LONGEST = 40
_MOST_REMEMBERED = 2_000  # characters of a statement


def described(statements: Sequence[str]) -> str:
    """The changes among the statements: ``INSERT steps 'order-7' 'debit'; UPDATE tasks ...``."""
    changes = [text for text in map(_described_one, statements) if text]
    return "; ".join(dict.fromkeys(changes)) or _first_read(statements)


def _described_one(sql: str) -> str:
    return _remembered(sql) if len(sql) < _MOST_REMEMBERED else _found_in(sql)


@lru_cache(maxsize=2_000)
def _remembered(sql: str) -> str:
    """The same statements come in life after life."""
    return _found_in(sql)


def _found_in(sql: str) -> str:
    found = _CHANGE.match(sql)
    if found is None:
        return ""
    verb = found[1].split()[0].upper()
    return " ".join([verb, found[2], *_texts_in(sql)[:_MOST_TEXTS]])


def _first_read(statements: Sequence[str]) -> str:
    for sql in statements:
        found = re.search(r"\bFROM\s+\"?(\w+)", sql, re.IGNORECASE)
        if found:
            return " ".join([found[1], *_texts_in(sql)[:1]])
    return ""


def _texts_in(sql: str) -> list[str]:
    return [f"'{text}'" for text in _TEXT.findall(sql) if text and len(text) <= _LONGEST]
