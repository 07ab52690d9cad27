"""Finds the videos and pictures of a folder."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"})
PICTURES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
WORTH_ANOTHER_TRY = ("ModelUnavailable", "AnswerUnreadable")
"""A refusal stays one, and a file that cannot be read is read no better two seconds later."""

_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A video or a picture.

    Attributes:
        path: where it is; absolute.
        name: its path in the folder, for people.
        digest: stands for its content.
    """

    path: Path
    name: str
    digest: str

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return self.path.suffix.lower() in VIDEOS

    @property
    def slug(self) -> str:
        """A name for a directory, other than that of any other medium or content."""
        stem = re.sub(r"[^\w-]+", "-", self.name, flags=re.ASCII).strip("-")[:60] or "medium"
        known = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:4]
        return f"{stem}-{known}-{self.digest[:8]}"

    def request(self, *, model: str, frames: int) -> Mapping[str, object]:
        """The task that looks at it with this model; the same for the same content."""
        key = hashlib.sha256(
            b"\0".join([os.fsencode(self.path), f"{self.digest} {model} {frames}".encode()])
        ).hexdigest()
        return {
            "title": f"Look at {self.name}"[:200],
            "specialist_type": "viewer",
            "payload": {
                "path": os.fsencode(self.path),
                "name": self.name,
                "slug": self.slug,
                "is_video": self.is_video,
                "frames": frames,
            },
            "retry": {"max_attempts": 3, "delay": 2.0, "retry_on": WORTH_ANOTHER_TRY},
            "completion": "auto",
            "idempotency_key": f"look {key}",
            "task_id": f"look-{key[:24]}",
        }


def find_media(folder: Path, *, without: Path | None = None) -> Sequence[Medium]:
    """The videos and pictures below a folder, by name; what is hidden is left out, and what is in
    the directory ``without``. It reads all of them, and so belongs into a thread.
    """
    left_out = without.resolve() if without else None
    found = []
    for directory, names, files in os.walk(folder):
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".") and Path(directory, name).resolve() != left_out
        )
        for file in sorted(files):
            path = Path(directory, file)
            is_medium = path.suffix.lower() in VIDEOS | PICTURES
            if is_medium and not file.startswith(".") and path.is_file():
                found.append(_medium(folder, path))
    return found


def _medium(folder: Path, path: Path) -> Medium:
    name = os.fsencode(path.relative_to(folder)).decode(errors="backslashreplace")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_SHORT]
    except OSError:
        digest = "unreadable"
    return Medium(path=path.absolute(), name=name, digest=digest)
