"""Values that are too long to be read, cut, with their length told."""

from collections.abc import Mapping

LONGEST_TEXT = 500
LONGEST_VALUE = 5_000


def shortened(value: object) -> object:
    """A value in JSON types, with every long text in it cut."""
    if isinstance(value, str):
        return cut(value, LONGEST_TEXT)
    if isinstance(value, Mapping):
        return {cut(str(key), LONGEST_TEXT): shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    return value


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and how long it is."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 5]}... ({len(text):,} characters)"
