"""What a specialist holds in hand while it works on a task."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, overload

from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.children import Child, Children
from vespera.application.runtime.compensation import Compensation
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.steps import Key, StepLog
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.application.runtime.waits import Waits
from vespera.domain.errors import InvalidRequest, LeaseLost, StorageError, UnexpectedSignal
from vespera.domain.ids import TaskId
from vespera.domain.request import Given, moment_of, seconds_of
from vespera.domain.retry import NEVER, RetryPolicy
from vespera.domain.signal import APPROVAL, Approval
from vespera.domain.task import Task, TaskOutcome, TaskRequest

T = TypeVar("T")
_step: ContextVar[str | None] = ContextVar("step", default=None)


class TaskContext:
    """One attempt at one task.

    Attributes:
        id, title, description, specialist_type: as they were asked for.
        payload: the decoded payload.
        attempt: 1 for the first claim of the task; one more after each crash or retry.
        files: the workspace, tracked.
    """

    def __init__(
        self,
        *,
        task: Task,
        payload: Mapping[str, object],
        log: StepLog,
        files: TaskFiles,
        waits: Waits,
        presence: Presence,
        compensation: Compensation,
        children: Children,
        supervision: Supervision,
        tasks: TaskRepository,
        outcomes: Outcomes,
    ) -> None:
        self.id: TaskId = task.id
        self.title, self.description = task.title, task.description
        self.specialist_type, self.attempt = task.specialist_type, task.attempt
        self.payload = payload
        self.files = files
        self._log, self._supervision = log, supervision
        self._waits, self._presence = waits, presence
        self._compensation, self._children = compensation, children
        self._tasks, self._outcomes = tasks, outcomes

    @overload
    async def step(
        self,
        name: str,
        function: Callable[..., Awaitable[T]],
        /,
        *args: object,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        undo: Callable[[T], object] | None = None,
        **kwargs: object,
    ) -> T: ...
    @overload
    async def step(
        self,
        name: str,
        function: Callable[..., T],
        /,
        *args: object,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        undo: Callable[[T], object] | None = None,
        **kwargs: object,
    ) -> T: ...
    async def step(
        self,
        name: str,
        function: Callable[..., object],
        /,
        *args: object,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        undo: Callable[[Any], object] | None = None,
        **kwargs: object,
    ) -> object:
        """Call ``function(*args, **kwargs)`` once, ever, and remember what it gave.

        On a replay the remembered value comes back and ``function`` is not called. Steps are told
        apart by ``name`` and by how often the name was asked for. There is at most one recorded
        result; but if the process dies after ``function`` took effect and before the result was
        on disk, the next attempt calls it again: give an outside service an idempotency key where
        that matters. A function that is not async is called on the event loop.

        Args:
            name: what the step is called in the task's history.
            function: sync or async.
            args: passed on.
            retry: how often and after how long to call again when it raises; by default never.
            timeout: seconds for each call.
            undo: sync or async; called with what the step gave, if the task fails in the end or is
                cancelled: once for each step that succeeded, the last first, retried as the step.
            kwargs: passed on.

        Returns:
            What was stored, decoded: the same on the first run as on a replay.

        Raises:
            InvalidRequest: the name is no text, or the step is asked for inside another step.
            StepFailed: the last call raised or took too long, or its value cannot be stored.
            LeaseLost: another worker has the task; what the function gave is not recorded.
        """
        _check(name)
        key, record = self._log.ask(name)
        if record is not None:
            value = self._log.replay(record)
            self._remember(key, undo, value, retry)
            return value
        call = partial(function, *args, **kwargs)
        await self._presence.begin_work()
        within = _step.set(name)
        try:
            value = await self._supervision.call(
                f"Step {name!r}", call, retry=retry or NEVER, timeout=timeout
            )
            stored = await self._log.succeeded(key, value, undoable=undo is not None)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:  # the boundary to the step's function; recorded whole
            raise await self._log.failed(key, error) from error
        finally:
            _step.reset(within)
            self._presence.end_work()
        self._remember(key, undo, stored, retry)
        return stored

    def _remember(
        self,
        key: Key,
        undo: Callable[[Any], object] | None,
        value: object,
        retry: RetryPolicy | None,
    ) -> None:
        if undo is not None:
            self._compensation.add(key, undo, value, retry or NEVER)

    async def sleep(self, seconds: float | timedelta, *, name: str = "sleep") -> None:
        """Go on after so many seconds, however often the process dies meanwhile.

        The moment is recorded when it is first asked for. A task that waits takes no place of the
        worker's ``concurrency``, and its ``timeout`` stands still; if it waits for long, it is let
        go of (``finally`` blocks run), and its handler begins anew when the moment has come.

        Raises:
            InvalidRequest: it is no number of seconds, or the wait is inside a step.
            LeaseLost: another worker has the task.
        """
        _check(name)
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        span = timedelta(seconds=seconds_of(seconds, "seconds") or 0.0)
        await self._waits.moment(name, self._supervision.clock.now() + span)

    async def sleep_until(self, moment: datetime, *, name: str = "sleep") -> None:
        """Go on at this moment, which has a time zone. Otherwise as ``sleep``."""
        _check(name)
        await self._waits.moment(name, moment_of(moment, "moment"))

    @overload
    async def wait_for_signal(
        self, name: str, *, timeout: float | None = None, returns: type[T]
    ) -> T: ...
    @overload
    async def wait_for_signal(self, name: str, *, timeout: float | None = None) -> object: ...
    async def wait_for_signal(
        self, name: str, *, timeout: float | None = None, returns: type[object] = object
    ) -> object:
        """The payload of the next signal of this name that is sent to the task.

        One that was sent before is received at once; each is received once, in the order of
        sending, and a replay gets the same again. While the task waits, it is as in ``sleep``.

        Args:
            name: what senders call it: ``orchestrator.signal(task_id, name, payload)``.
            timeout: seconds to wait, from the first time this was asked for; None: for ever.
            returns: of which type the payload must be.

        Raises:
            WaitTimedOut: no signal came in time; a replay raises it again.
            UnexpectedSignal: the payload is of another type.
            InvalidRequest: the name or the timeout is none, or the wait is inside a step.
            LeaseLost: another worker has the task.
        """
        _check(name)
        payload = await self._waits.signal(name, self._after(timeout))
        return _of_type(payload, returns, f"signal {name!r}")

    async def wait_for_approval(
        self, question: str, *, name: str = "", timeout: float | None = None
    ) -> Approval:
        """What a person decides: ``orchestrator.approve(task_id)``, or ``vespera task approve``.

        Args:
            question: shown to the person, by ``vespera task show`` and ``vespera task list``.
            name: tells several questions of one task apart.
            timeout: as for ``wait_for_signal``, which raises the same.
        """
        _check(question)
        signal = f"{APPROVAL}:{name}" if name else APPROVAL
        said = await self._waits.signal(signal, self._after(timeout), awaits=question)
        return _of_type(said, Approval, f"approval {question!r}")

    @overload
    async def spawn(
        self, request: Given = None, /, *, name: str = "", returns: type[T], **fields: object
    ) -> Child[T]: ...
    @overload
    async def spawn(
        self, request: Given = None, /, *, name: str = "", **fields: object
    ) -> Child[object]: ...
    async def spawn(
        self,
        request: Given = None,
        /,
        *,
        name: str = "",
        returns: Any = object,
        **fields: object,
    ) -> Child[Any]:
        """Create a task that runs beside this one, once, ever; ``child.result()`` waits for it.

        It runs by itself and completes by itself, wherever there is a worker. If this task ends
        before it, it is called off; with ``on_parent_end="leave"`` it goes on.

        Args:
            request: as for ``create_task``.
            name: of the child in this task's history; its title, if it is not given.
            returns: of which type its result must be.
            fields: as for ``create_task``.

        Raises:
            InvalidRequest: the request is bad, or the child is asked for inside a step.
            LeaseLost: another worker has the task; no child was created.
        """
        named = name or str(fields.get("title", "") or _title_of(request))
        _check(named)
        return await self._children.spawn(named, request, fields, returns)

    async def gather(self, *children: Child[T]) -> list[T]:
        """The results of all of these children, in that order, once they all have ended.

        Raises:
            ChildFailed: one of them failed, or was cancelled; the first in that order.
        """
        return [await child.result() for child in children]

    def _after(self, timeout: float | None) -> datetime | None:
        seconds = seconds_of(timeout, "timeout")
        now = self._supervision.clock.now()
        return None if seconds is None else now + timedelta(seconds=seconds)

    async def dependencies(self) -> Mapping[TaskId, TaskOutcome]:
        """What came of the tasks that this one waited for, by id, in the order they were given."""
        done = await self._tasks.dependencies_of(self.id)
        decode = self._outcomes.decode
        return {task.id: decode(task.outcome) for task in done if task.outcome is not None}


def current_step() -> str | None:
    """The name of the step whose function is being called, if one is."""
    return _step.get()


def _title_of(request: Given) -> str:
    if isinstance(request, TaskRequest):
        return request.title
    return str(request.get("title", "")) if isinstance(request, Mapping) else ""


def _of_type(value: object, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise UnexpectedSignal(
            f"{what} was to bring {kind.__name__}, but brought {type(value).__name__}: {value!r}"
        )
    return value


def _check(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"a step's name must be text, not {name!r}", field="name")
    outer = _step.get()
    if outer is not None:
        raise InvalidRequest(
            f"step {name!r} is asked for inside step {outer!r}, which a replay does not call"
            " again; ask for it in the handler",
            field="name",
        )
