"""Which versions of a handler there are, where one of a type was changed under running tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vespera.domain.errors import InvalidRequest
from vespera.domain.request import filled_text_of

REFUSE, CONTINUE = "refuse", "continue"


@dataclass(frozen=True, slots=True)
class VersionedHandler:
    """A handler that says which version it is; what ``versioned`` gives."""

    execute: Callable[[Any], object]
    version: str
    on_other_version: str = REFUSE


def versioned(
    handler: Callable[[Any], object], version: str, *, on_other_version: str = REFUSE
) -> VersionedHandler:
    """Let a function say its version. A class says it by its attributes ``version`` and, if it is
    not to be "refuse", ``on_other_version``.

    Args:
        handler: what does tasks.
        version: any text.
        on_other_version: what becomes of tasks that another version has begun which is not there:
            "refuse" leaves them to workers that have it, "continue" goes on with them.

    Raises:
        InvalidRequest: a value makes no sense; the error names it.
    """
    checked = filled_text_of(version, "version")
    if on_other_version not in {REFUSE, CONTINUE}:
        told = f"must be 'refuse' or 'continue', not {on_other_version!r}"
        raise InvalidRequest(told, field="on_other_version")
    return VersionedHandler(handler, checked, on_other_version)


def version_of(specialist: object) -> str | None:
    """The version that a specialist, or its class, says; None if it says none."""
    said = getattr(specialist, "version", None)
    return said if isinstance(said, str) and said else None


def members_of(given: object) -> Sequence[object]:
    """The versions that were given side by side, the newest first; or the only one."""
    return given if isinstance(given, list | tuple) and given else [given]


def check_members(given: object) -> None:
    """Refuse versions side by side that cannot be told apart.

    Raises:
        InvalidRequest: one of several says no version, or two say the same.
    """
    members = members_of(given)
    said = {version_of(member) for member in members}
    if len(members) > 1 and (None in said or len(said) < len(members)):
        told = "each of several must say a version of its own; see versioned()"
        raise InvalidRequest(told, field="specialist")


def is_taken(members: Sequence[object], version: str) -> bool:
    """Whether one of these goes on with tasks that this version has begun."""
    newest = version_of(members[0])
    if newest is None or getattr(members[0], "on_other_version", REFUSE) == CONTINUE:
        return True
    return version in map(version_of, members)


def version_after(members: Sequence[object], version: str | None) -> str | None:
    """The version that a task has after this one, or to begin with, where these are the members.

    What the newest goes on with is its own from then on: an older worker that took it back would
    not know the steps that it has done since.
    """
    newest = version_of(members[0])
    if version is not None and (newest is None or version in map(version_of, members)):
        return version
    return newest


def chosen(members: Sequence[object], version: str | None) -> object:
    """The member that goes on with tasks of this version: that one, or else the newest."""
    return next((m for m in members if version and version_of(m) == version), members[0])
