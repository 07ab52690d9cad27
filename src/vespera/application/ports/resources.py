"""What can be acquired, and what is kept of what was."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vespera.domain.ids import ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A resource that is there.

    Attributes:
        value: what its users work with.
        trace: by what it is found again; None: by what was announced.
        operations: what ``execute_operation`` calls, by name; async or not.
    """

    value: object
    trace: Trace | None = None
    operations: Mapping[str, Callable[..., object]] = field(default_factory=dict)


class ResourceType(Protocol):
    """How resources of one type are acquired and released, and found when their holder is dead.

    The trace is stored before ``hold`` is entered, and again once it is. So whenever the process
    dies, what is left can be found by one of both, by another process on the same machine.
    """

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """By what the resource will be found, as far as it is known before; plain JSON types.

        Raises:
            InvalidRequest: the configuration makes no sense; the error names the field.
        """
        ...

    def hold(
        self, trace: Trace, configuration: Mapping[str, object]
    ) -> AbstractAsyncContextManager[Held]:
        """Entering acquires it, leaving releases it. Both happen in one asyncio task, which may be
        cancelled while it enters.

        Raises (when it is entered):
            Exception: it cannot be acquired; nothing is left of the attempt.
        """
        ...

    async def remains(self, trace: Trace) -> Sequence[str]:
        """What is still there of it, in words, whoever asks; nothing if it is gone.

        Raises:
            Exception: that cannot be told.
        """
        ...

    async def reclaim(self, trace: Trace) -> None:
        """Release what a dead process has left. Safe to repeat, and where nothing is left; never
        touches what is not surely this resource.

        Raises:
            Exception: it cannot be released.
        """
        ...


class ResourceRepository(Protocol):
    """What is kept of resources. Each write is a transaction of its own, also inside a unit of
    work, and durable when it returns.
    """

    async def add(self, record: ResourceRecord) -> None:
        """Keep a new one.

        Raises:
            DuplicateRow: the id exists already.
        """
        ...

    async def save(self, record: ResourceRecord) -> None:
        """Keep the state, the trace and the error of a resource as they are now. One that is
        released stays so: nothing changes then.
        """
        ...

    async def get(self, resource_id: ResourceId) -> ResourceRecord:
        """The resource.

        Raises:
            ResourceNotFound: there is none of this id.
        """
        ...

    async def unreleased(self, task_id: TaskId | None = None) -> Sequence[ResourceRecord]:
        """All that are not released, in the order of their ids; or those of a task."""
        ...

    async def page(
        self, *, before: ResourceId | None = None, limit: int
    ) -> Sequence[ResourceRecord]:
        """Of all of them, the newest first, beginning behind ``before``."""
        ...

    async def forget(self, before: datetime) -> int:
        """Remove what was released before that; gives how many."""
        ...
