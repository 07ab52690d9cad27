"""What is acquired for a while, and has to be released whatever happens."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from vespera.domain.errors import InvalidRequest
from vespera.domain.ids import OwnerId, ResourceId, TaskId

KEPT_AFTER_RELEASE: Final = timedelta(days=1)
"""For how long it can be asked whether a resource that was released is gone."""

Trace = Mapping[str, object]
"""By what a resource is found again when the process that held it is dead; plain JSON types."""


class ResourceState(StrEnum):
    """How far a resource has come. ``ACQUIRING``: announced, perhaps there already. ``LEFT``: its
    release failed, or took too long; recovery tries again.
    """

    ACQUIRING = "acquiring"
    HELD = "held"
    LEFT = "left"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRecord:
    """What is kept of one resource: who holds it, for which task, and how it is found again."""

    id: ResourceId
    resource_type: str
    owner: OwnerId
    state: ResourceState
    trace: Trace
    created_at: datetime
    task_id: TaskId | None = None
    released_at: datetime | None = None
    error: str | None = None

    def held(self, trace: Trace) -> "ResourceRecord":
        """It is there now, and known by this."""
        return replace(self, state=ResourceState.HELD, trace=trace)

    def released(self, now: datetime) -> "ResourceRecord":
        """It is gone."""
        return replace(self, state=ResourceState.RELEASED, released_at=now, error=None)

    def left(self, why: str) -> "ResourceRecord":
        """It could not be released."""
        return replace(self, state=ResourceState.LEFT, error=why)

    def is_leftover(self, dead: Collection[OwnerId]) -> bool:
        """Whether nobody will release it but recovery."""
        if self.state is ResourceState.RELEASED:
            return False
        return self.state is ResourceState.LEFT or self.owner in dead


def checked_mapping(given: object, field: str) -> Mapping[str, object]:
    """A mapping whose keys are text; None is an empty one.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        kind = type(given).__name__
        raise InvalidRequest(f"must be a mapping of names to values, not {kind}", field=field)
    return dict(given)


def checked_word(given: object, field: str) -> str:
    """Text that is not blank, and can be stored.

    Raises:
        InvalidRequest: it is something else; the error names ``field``.
    """
    if not isinstance(given, str) or not given.strip():
        raise InvalidRequest(f"must be text that is not blank, not {given!r}", field=field)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("has a lone surrogate, which cannot be stored", field=field) from None
    return given


def only_known(configuration: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse a field of a configuration that nobody reads.

    Raises:
        InvalidRequest: there is one; the error names it and those that are known.
    """
    for name in configuration:
        if name not in known:
            hint = f"known are {', '.join(known)}" if known else "there are none"
            raise InvalidRequest(f"unknown field; {hint}", field=f"configuration.{name}")
