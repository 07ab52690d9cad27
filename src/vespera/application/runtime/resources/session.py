"""Resources that are released together, whatever happens."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import TracebackType
from typing import Any, Self

from vespera.application.ports.resources import Held, ResourceRepository, ResourceType
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.finishing import finished
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.application.runtime.resources.keeper import Keeper
from vespera.application.runtime.resources.reclaiming import Reclaiming
from vespera.application.runtime.supervision import Supervision
from vespera.domain.errors import (
    InvalidRequest,
    MissingExtra,
    ResourceError,
    ResourceNotAcquired,
    ResourceNotFound,
    ResourceNotReleased,
    StorageError,
)
from vespera.domain.ids import OwnerId, ResourceId, TaskId
from vespera.domain.request import seconds_of
from vespera.domain.resource import ResourceRecord, ResourceState, checked_mapping, checked_word

DEFAULT_TYPE = "temporary_directory"
PASS_AS_THEY_ARE = (InvalidRequest, MissingExtra, ResourceError, StorageError)
logger = logging.getLogger("vespera")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceWork:
    """What sessions are made of."""

    repository: ResourceRepository
    catalogue: ResourceCatalogue
    reclaiming: Reclaiming
    supervision: Supervision
    new_id: Callable[[], str]
    owner: Callable[[], OwnerId]
    release_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceOperationResult:
    """What an operation gave. One that raised has ``success=False``, what went wrong in words, and
    the ``exception`` itself, if there was one.
    """

    success: bool
    value: object = None
    error: str | None = None
    exception: Exception | None = None


class Resource:
    """A resource that a session holds.

    Attributes:
        id: of the resource; ``verify_cleanup`` takes it.
        resource_type: as it was asked for.
        value: what the type gives to work with: a path, a process, a client session.
    """

    def __init__(self, session: "ResourceSession", record: ResourceRecord, held: Held) -> None:
        self.id, self.resource_type = record.id, record.resource_type
        self.value: Any = held.value
        self._session = session

    async def execute_operation(
        self,
        *,
        operation: str,
        parameters: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> ResourceOperationResult:
        """Call one of its operations; see ``ResourceSession.execute_operation``."""
        return await self._session.execute_operation(
            self.id, operation=operation, parameters=parameters, timeout=timeout
        )


@dataclass(slots=True)
class _Kept:
    record: ResourceRecord
    keeper: Keeper
    held: Held | None = None


class ResourceSession:
    """Holds resources until its ``async with`` block ends, and then releases them, the last one
    first: also when the block fails or is cancelled. Each release has the time that the setting
    ``release_seconds`` gives it; a cancellation waits for all of them, and then passes.
    """

    def __init__(
        self,
        work: ResourceWork,
        *,
        task_id: TaskId | None = None,
        left: Callable[["ResourceSession"], None] = lambda _: None,
    ) -> None:
        self._work, self._task_id, self._left = work, task_id, left
        self._kept: dict[ResourceId, _Kept] = {}
        self._gone: set[ResourceId] = set()
        self._is_open = self._was_open = False

    async def create_resource(
        self,
        *,
        resource_type: str = DEFAULT_TYPE,
        configuration: Mapping[str, object] | None = None,
    ) -> Resource:
        """Acquire a resource. That it is announced, and that it is there, is durable when this
        returns: if the process dies, recovery finds it and releases it.

        Args:
            resource_type: one that the container knows; see its ``resource_types``.
            configuration: what the type is to know; each says what it takes.

        Raises:
            InvalidRequest: the session is not open, or the configuration makes no sense.
            UnknownResourceType: nobody has registered the type.
            ResourceNotAcquired: it could not be acquired; what was begun was released. The cause is
                the type's own error. ``ResourceBusy``: somebody else holds it.
            MissingExtra: the type needs a package that is not installed.
            StorageError: the database cannot keep it; nothing stays acquired after the session.
        """
        self._check_open()
        given = checked_mapping(configuration, "configuration")
        work, kind = self._work, self._work.catalogue.find(resource_type)
        record = self._announced(kind, resource_type, given)
        await self._recorded(record)
        hold = partial(kind.hold, record.trace, given)
        what = f"resource {record.id} ({resource_type})"
        kept = _Kept(record, Keeper(what, hold, work.supervision.clock))
        held = await self._acquired(kept)
        self._kept[record.id] = kept
        trace = record.trace if held.trace is None else held.trace
        kept.record, kept.held = record.held(trace), held
        await work.repository.save(kept.record)
        return Resource(self, kept.record, held)

    async def execute_operation(
        self,
        resource_id: str,
        *,
        operation: str,
        parameters: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> ResourceOperationResult:
        """Call an operation of a resource of this session; one that is not async in a thread.

        Args:
            resource_id: of the resource.
            operation: as its type calls it.
            parameters: its keyword arguments.
            timeout: seconds that it may take; None: any time.

        Returns:
            What it gave; or ``success=False`` with an ``error`` if it raised, took too long, or
            there is no such resource, or operation. Nothing of it is durable.

        Raises:
            asyncio.CancelledError: as always, it passes.
        """
        try:
            function = self._operation(resource_id, operation)
            call = _bound(operation, function, checked_mapping(parameters, "parameters"))
            seconds_of(timeout, "timeout")
        except (InvalidRequest, ResourceError) as refusal:
            return ResourceOperationResult(success=False, error=str(refusal))
        what = f"Operation {operation!r} of resource {resource_id}"
        supervision = self._work.supervision
        once = partial(supervision.value, what, call)
        try:
            value = await supervision.limited(what, once, timeout)
        except Exception as error:  # noqa: BLE001  (the boundary to the operation; handed over)
            told = in_words(error)
            return ResourceOperationResult(success=False, error=told, exception=error)
        return ResourceOperationResult(success=True, value=value)

    async def release(self, resource_id: str) -> None:
        """Release a resource before the session ends. Safe to repeat.

        Raises:
            InvalidRequest: the id is no text.
            ResourceNotFound: this session has none of this id.
            ResourceNotReleased: it would not go, or not in time; recovery tries again.
        """
        known = ResourceId(checked_word(resource_id, "resource_id"))
        if known in self._gone:
            return
        if known not in self._kept:
            raise ResourceNotFound(resource_id)
        error = await finished(self._release(self._kept[known]))
        if error is not None:
            raise error

    async def close(self) -> Sequence[Exception]:
        """Release all that is left, the last one first; gives what went wrong. Safe to repeat."""
        self._is_open = False
        self._left(self)
        return await finished(self._release_all())

    async def __aenter__(self) -> Self:
        if self._was_open:
            raise InvalidRequest("is entered once; make another one", field="session")
        self._is_open = self._was_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failures = await self.close()
        if failures and error is None:
            raise ExceptionGroup("Resources were not released", failures)
        for failure in failures:
            assert error is not None
            error.add_note(str(failure))

    def _check_open(self) -> None:
        if not self._is_open:
            told = (
                "is over" if self._was_open else "is not open: async with manager.create_session()"
            )
            raise InvalidRequest(told, field="session")

    def _announced(
        self, kind: ResourceType, name: str, configuration: Mapping[str, object]
    ) -> ResourceRecord:
        resource_id = ResourceId(self._work.new_id())
        return ResourceRecord(
            id=resource_id,
            resource_type=name,
            owner=self._work.owner(),
            state=ResourceState.ACQUIRING,
            trace=kind.announce(resource_id, configuration),
            created_at=self._work.supervision.clock.now(),
            task_id=self._task_id,
        )

    async def _recorded(self, record: ResourceRecord) -> None:
        """Announce it; if nobody waits for it any more, say at once that nothing is there."""
        try:
            await finished(self._work.repository.add(record))
        except asyncio.CancelledError:
            await finished(self._settled(record))
            raise

    async def _acquired(self, kept: _Kept) -> Held:
        try:
            return await self._still_open(kept.keeper)
        except PASS_AS_THEY_ARE:
            await finished(self._give_up(kept))
            raise
        except Exception as error:  # the boundary to the resource type; it is the cause
            await finished(self._give_up(kept))
            raise ResourceNotAcquired(
                f"A resource of the type {kept.record.resource_type!r} could not be acquired:"
                f" {in_words(error)}"
            ) from error
        except asyncio.CancelledError:
            await finished(self._give_up(kept))
            raise

    async def _still_open(self, keeper: Keeper) -> Held:
        """What is acquired; the session may have ended meanwhile, and would not release it."""
        held = await keeper.acquire()
        self._check_open()
        return held

    async def _give_up(self, kept: _Kept) -> None:
        """It was not acquired, or nobody waits for it; whatever is there of it goes."""
        await kept.keeper.release(self._work.release_seconds)
        await self._settled(kept.record)

    async def _settled(self, record: ResourceRecord) -> None:
        with suppress(StorageError):  # recovery finds it
            await self._work.reclaiming.settle(record)

    async def _release_all(self) -> Sequence[Exception]:
        failures = [await self._release(kept) for kept in reversed(list(self._kept.values()))]
        return [failure for failure in failures if failure is not None]

    async def _release(self, kept: _Kept) -> Exception | None:
        """Why it could not be released; its row says so, too."""
        record = kept.record
        self._kept.pop(record.id, None)
        self._gone.add(record.id)
        error = await kept.keeper.release(self._work.release_seconds)
        now = self._work.supervision.clock.now()
        settled = record.released(now) if error is None else record.left(in_words(error))
        try:
            await self._work.repository.save(settled)
        except StorageError as trouble:
            return error or trouble
        return None if error is None else _not_released(record, error)

    def _operation(self, resource_id: str, operation: object) -> Callable[..., object]:
        known = ResourceId(checked_word(resource_id, "resource_id"))
        if known in self._gone:
            raise ResourceError(f"The resource {resource_id!r} is released already.")
        kept = self._kept.get(known)
        if kept is None or kept.held is None:
            raise ResourceNotFound(resource_id)
        name, operations = checked_word(operation, "operation"), kept.held.operations
        if name not in operations:
            near = get_close_matches(name, operations) or sorted(operations)
            raise ResourceError(
                f"A resource of the type {kept.record.resource_type!r} has no operation {name!r};"
                f" it has {', '.join(map(repr, near)) or 'none'}."
            )
        return operations[name]


def _bound(
    operation: str, function: Callable[..., object], parameters: Mapping[str, object]
) -> Callable[[], object]:
    """The call, whose parameters fit, as far as the function tells which ones it takes.

    Raises:
        InvalidRequest: they do not.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return partial(function, **parameters)
    try:
        signature.bind(**parameters)
    except TypeError as error:
        told = f"{error}; {operation!r} takes {signature}"
        raise InvalidRequest(told, field="parameters") from error
    return partial(function, **parameters)


def _not_released(record: ResourceRecord, error: Exception) -> ResourceNotReleased:
    logger.error(
        "Resource %s (%s) was not released.", record.id, record.resource_type, exc_info=error
    )
    told = ResourceNotReleased(
        f"The resource {record.id} ({record.resource_type}) was not released:"
        f" {in_words(error)}; recovery tries again."
    )
    told.__cause__ = error
    return told
