"""What a path inside the workspace may look like. Nothing here looks at the disk."""

import os
from collections.abc import Iterator, Sequence

from vespera.domain.errors import PathRefused

OWN_DIRECTORY = ".vespera"
LONGEST_NAME = 255
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{kind}{number}" for kind in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"}
)
OF_A_DATABASE = ("", "-wal", "-shm", "-journal", ".lock", ".owners", "-values", "-contents")
"""The endings of what lies beside a database and belongs to it."""


def text_of(path: object) -> str:
    """The path as text, bytes that are no UTF-8 as surrogate escapes.

    Raises:
        PathRefused: it is no path, or holds characters that no file name can have.
    """
    try:
        given = os.fspath(path)  # type: ignore[call-overload]  # anything may be given
    except TypeError:
        reason = f"a path is text, bytes or a PathLike, not {type(path).__name__}"
        raise PathRefused(ascii(path), reason) from None
    try:
        return decoded(given if isinstance(given, bytes) else encoded(given))
    except UnicodeEncodeError:
        raise PathRefused(ascii(given), "it has characters that no file name can have") from None


def encoded(path: str) -> bytes:
    """The bytes that the file system knows; the locale has no say in it."""
    return path.encode("utf-8", "surrogateescape")


def decoded(path: bytes) -> str:
    """The text for bytes of the file system; ``encoded`` gives the same bytes again."""
    return path.decode("utf-8", "surrogateescape")


def relative(path: str, roots: Sequence[str]) -> str:
    """The form that is recorded: relative to the workspace, normalised without the disk.

    ``roots`` are the absolute names by which the workspace is known; the first one is told.

    Raises:
        PathRefused: there is no such place in the workspace.
    """
    if not path:
        raise PathRefused(path, "the path is empty")
    if "\0" in path:
        raise PathRefused(path, "the path has a NUL in it")
    parts = _below(path, roots) if path.startswith("/") else _normalise(path)
    if parts is None:
        raise PathRefused(path, f"it lies outside the workspace {roots[0]!r}")
    if not parts:
        raise PathRefused(path, "it is the workspace itself, not a file in it")
    inside = "/".join(parts)
    names_of(inside)
    return inside


def left_upwards(path: str) -> Iterator[str]:
    """The places in the path that a ``..`` leaves; from a symbolic link it leads elsewhere."""
    parts: list[str] = []
    above = "/" if path.startswith("/") else ""
    for part in path.split("/"):
        if part == ".." and parts:
            yield above + "/".join(parts)
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)


def names_of(path: str) -> list[str]:
    """The parts of a relative, normalised path.

    Raises:
        PathRefused: it is not in the form that ``relative`` gives.
    """
    names = path.split("/")
    if "\0" in path or not {"", ".", ".."}.isdisjoint(names):
        raise PathRefused(path, "it is not a normalised path relative to the workspace")
    if names[0].casefold() == OWN_DIRECTORY:
        raise PathRefused(path, f"{OWN_DIRECTORY!r} belongs to Vespera; choose another directory")
    for name in names:
        if len(encoded(name)) > LONGEST_NAME:
            raise PathRefused(path, f"a part of it is longer than {LONGEST_NAME} bytes")
    return names


def is_device(name: str) -> bool:
    """Whether Windows has a device of this name, whatever ending follows and wherever it is asked
    for: written there, what was meant for a file is gone.

    Source: Microsoft, "Naming Files, Paths, and Namespaces".
    """
    return name.partition(".")[0].partition(":")[0].rstrip(" ").casefold() in _DEVICES


def _below(path: str, roots: Sequence[str]) -> list[str] | None:
    parts = _normalise(path) or []
    for root in roots:
        above = _normalise(root) or []
        if parts[: len(above)] == above:
            return parts[len(above) :]
    return None


def _normalise(path: str) -> list[str] | None:
    """The parts that are left; None if ``..`` leads above the start of a relative path."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts and not path.startswith("/"):
                return None
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts
