"""What a specialist holds in hand while it works on a task."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from random import Random
from typing import TypeVar, overload

from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.derived import Derived
from vespera.application.runtime.heartbeats import Heart, current_call
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.domain.errors import InvalidRequest, LeaseLost, StorageError
from vespera.domain.ids import TaskId
from vespera.domain.request import seconds_of
from vespera.domain.retry import NEVER, RetryPolicy
from vespera.domain.task import Task, TaskOutcome

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
        self._derived = Derived(task)
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
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
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
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
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
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
        **kwargs: object,
    ) -> object:
        """Call ``function(*args, **kwargs)`` once, ever, and remember what it gave.

        On a replay the remembered value comes back and ``function`` is not called. Steps are told
        apart by ``name`` and by how often the name was asked for. There is at most one recorded
        result; but if the process dies after ``function`` took effect and before the result was
        on disk, the next attempt calls it again: give an outside service an idempotency key where
        that matters.

        A function that is not async runs in a thread, where ``contextvars`` are as here; an
        awaitable that it returns is awaited on the event loop. A thread cannot be stopped: when
        the time is over or the attempt is called off, what runs there goes on alone, nothing of
        it is recorded, and the clean-up of the container waits for its end. Tries of one step can
        thus overlap.

        Args:
            name: what the step is called in the task's history.
            function: sync or async.
            args: passed on.
            retry: how often and after how long to call again when it raises; by default never.
            timeout: seconds for each call, from when it is asked for.
            heartbeat_timeout: seconds without a ``heartbeat`` after which a call has failed, by
                ``HeartbeatMissed``; None: it need give none.
            in_thread: False keeps a function that is not async on the event loop, which stands
                still meanwhile: for tiny functions, and those that need the loop.
            kwargs: passed on.

        Returns:
            What was stored, decoded: the same on the first run as on a replay.

        Raises:
            InvalidRequest: the name is no text, a time is no number of seconds, or the step is
                asked for inside another step.
            StepFailed: the last call raised or took too long, or its value cannot be stored.
            LeaseLost: another worker has the task; what the function gave is not recorded.
        """
        _check(name)
        seconds_of(timeout, "timeout")
        seconds_of(heartbeat_timeout, "heartbeat_timeout")
        key, record = self._log.ask(name)
        if record is not None:
            return self._log.replay(record)
        what, supervision = f"Step {name!r}", self._supervision
        function = partial(function, *args, **kwargs)
        value = partial(supervision.value, what, function, in_thread=in_thread)
        heart = Heart(key, log=self._log, clock=supervision.clock, timeout=heartbeat_timeout)
        within = _step.set(name)
        try:
            call = partial(heart.call, value)
            given = await supervision.call(what, call, retry=retry or NEVER, timeout=timeout)
            if heart.shut():
                await heart.close()
            return await self._log.succeeded(key, given)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:  # the boundary to the step's function; recorded whole
            await heart.save()
            raise await self._log.failed(key, error) from error
        finally:
            _step.reset(within)
            if heart.shut():
                await heart.close()

    async def heartbeat(self, detail: object = None) -> None:
        """Say, inside a step's function, that it is alive; ``current_call().heartbeat`` does the
        same in a thread.

        It sets the step's ``heartbeat_timeout`` back. A ``detail``, any storable value, says how
        far the function has come: the next call finds it as ``last_heartbeat``, in this attempt or
        a later one. It is stored at once, which extends the lease too, or a second after the one
        before; so a crash may lose the last second of details. The worker extends the lease by
        itself as well.

        Raises:
            InvalidRequest: no step's function is being called.
            UnstorableValue, PayloadTooLarge: the detail cannot be stored.
        """
        current_call().heartbeat(detail)
        await self._supervision.clock.sleep(0)

    @property
    def last_heartbeat(self) -> object:
        """The detail of the last heartbeat of the step whose function is being called, also of an
        earlier call or attempt; None if there is none.

        Raises:
            InvalidRequest: no step's function is being called.
        """
        return current_call().last_heartbeat

    async def now(self) -> datetime:
        """The current moment, in UTC; recorded as a step, so that a replay gives the same one.

        Raises:
            InvalidRequest: it is asked for inside a step.
            LeaseLost: another worker has the task.
        """
        clock = self._supervision.clock
        return await self.step("task.now", clock.now, in_thread=False)

    def uuid(self, name: str = "") -> str:
        """A new id, as the text of a UUID, the same in each attempt: fit for the idempotency key
        of an outside service.

        It is derived from the task and from how often ``name`` was asked for before; what asks in
        branches side by side should give names of its own.
        """
        return self._derived.uuid(name)

    def random(self, name: str = "") -> Random:
        """A new generator of random numbers, which gives the same ones in each attempt; not for
        secrets. ``name``: as for ``uuid``.
        """
        return self._derived.random(name)

    async def dependencies(self) -> Mapping[TaskId, TaskOutcome]:
        """What came of the tasks that this one waited for, by id, in the order they were given."""
        done = await self._tasks.dependencies_of(self.id)
        decode = self._outcomes.decode
        return {task.id: decode(task.outcome) for task in done if task.outcome is not None}


def current_step() -> str | None:
    """The name of the step whose function is being called, if one is."""
    return _step.get()


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
