"""What a URL carries in itself, and where things are kept."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

_DATA = re.compile(r"data:(\w+/[\w.+-]+);base64,(.*)", re.DOTALL)
_SUFFIXES = {
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The content of a ``data:`` URL, and the suffix that a file of it has."""

    suffix: str
    content: bytes


def carried_by(url: str) -> Carried | None:
    """What a ``data:`` URL of a sound or a picture carries; None of any other."""
    found = _DATA.fullmatch(url)
    if found is None or found[1] not in _SUFFIXES:
        return None
    try:
        content = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return None
    return Carried(suffix=_SUFFIXES[found[1]], content=content)


def folder_of(premise: str, take: int) -> str:
    """The directory of a story: the same for the same premise and take."""
    words = re.findall(r"[a-z0-9]+", premise.lower())[:6]
    known = hashlib.sha256(f"{take} {premise}".encode()).hexdigest()[:8]
    return f"stories/{'-'.join([*words, known])}"
