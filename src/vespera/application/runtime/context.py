"""What a specialist holds in hand while it works on a task."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar, cast, overload

from vespera.application.ports.clock import Clock
from vespera.application.runtime.children import Child
from vespera.application.runtime.costs.of_task import TaskCosts
from vespera.application.runtime.equipment import Equipment
from vespera.application.runtime.heartbeats import current_call
from vespera.application.runtime.resources.of_task import TaskResources
from vespera.application.runtime.step_calls import StepCalls
from vespera.application.runtime.step_names import check_callable, check_own_name, check_step_name
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.domain.errors import InvalidRequest, UnexpectedSignal
from vespera.domain.ids import TaskId
from vespera.domain.request import Given, moment_of, seconds_of, span_of
from vespera.domain.retry import NEVER, RetryPolicy
from vespera.domain.signal import APPROVAL, Approval
from vespera.domain.task import ENDED_BADLY, TaskFailure, TaskOutcome
from vespera.domain.value_type import check_value_type, has_type, type_in_words

T = TypeVar("T")


class TaskContext:
    """One attempt at one task.

    Attributes:
        id, title, description, specialist_type: as they were asked for.
        payload: the decoded payload.
        attempt: 1 for the first claim of the task; one more after each crash or retry.
    """

    def __init__(self, equipment: Equipment) -> None:
        task = equipment.task
        self.id: TaskId = task.id
        self.title, self.description = task.title, task.description
        self.specialist_type, self.attempt = task.specialist_type, task.attempt
        self.payload = cast("Mapping[str, object]", equipment.work.codec.decode(task.payload))
        self._equipment = equipment
        self._steps = StepCalls(equipment)

    @property
    def files(self) -> TaskFiles:
        """The workspace, tracked."""
        return self._equipment.files

    @property
    def resources(self) -> TaskResources:
        """Directories, locks, processes, sessions: held for a while, and released whatever happens.
        A replay acquires others.
        """
        return self._equipment.resources

    @property
    def costs(self) -> TaskCosts:
        """What the task spends: tokens, money, time; and whether its budget allows it."""
        return self._equipment.costs

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
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
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
        heartbeat_timeout: float | None = None,
        in_thread: bool = True,
        undo: Callable[[Any], object] | None = None,
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
            undo: sync or async; called with what the step gave, if the task fails in the end or is
                cancelled: once for each step that succeeded, the last first, retried as the step.
            kwargs: passed on.

        Returns:
            What was stored, decoded: the same on the first run as on a replay.

        Raises:
            InvalidRequest: an argument makes no sense (the error names it; nothing was called), or
                the step is asked for inside another step.
            StepFailed: the last call raised or took too long, or its value cannot be stored.
            LeaseLost: another worker has the task; what the function gave is not recorded.
        """
        check_callable(function, "function")
        return await self._steps.value(
            name,
            partial(function, *args, **kwargs),
            retry=NEVER if retry is None else retry,
            timeout=timeout,
            heartbeat_timeout=heartbeat_timeout,
            in_thread=in_thread,
            undo=undo,
        )

    def remembers(self, name: str) -> bool:
        """Whether an earlier attempt has recorded what the next step of this name gave, or how it
        failed: asked for, it comes back at once, and nothing is called.
        """
        return self._equipment.log.remembers(name)

    async def sleep(self, seconds: float | timedelta, *, name: str = "sleep") -> None:
        """Go on after so many seconds, however often the process dies meanwhile.

        The moment is recorded when it is first asked for. A task that waits takes no place of the
        worker's ``concurrency``, and its ``timeout`` stands still; if it waits for long, it is let
        go of (``finally`` blocks run), and its handler begins anew when the moment has come.

        Raises:
            InvalidRequest: it is no number of seconds, or the wait is inside a step.
            LeaseLost: another worker has the task.
        """
        check_own_name(name)
        await self._equipment.waits.moment(name, self._clock.now() + span_of(seconds, "seconds"))

    async def sleep_until(self, moment: datetime, *, name: str = "sleep") -> None:
        """Go on at this moment, which has a time zone. Otherwise as ``sleep``."""
        check_own_name(name)
        await self._equipment.waits.moment(name, moment_of(moment, "moment"))

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
            returns: of which type the payload must be, as ``str`` or ``list[int]``.

        Raises:
            WaitTimedOut: no signal came in time; a replay raises it again.
            UnexpectedSignal: the payload is of another type.
            InvalidRequest: the name, the timeout or the type is none, or the wait is in a step.
            LeaseLost: another worker has the task.
        """
        check_step_name(name)
        check_value_type(returns, "returns")
        payload = await self._equipment.waits.signal(name, self._after(timeout))
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
        check_step_name(question, "question")
        if name:
            check_step_name(name)
        signal = f"{APPROVAL}:{name}" if name else APPROVAL
        said = await self._equipment.waits.signal(signal, self._after(timeout), awaits=question)
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
            returns: of which type its result must be, as ``str`` or ``list[int]``.
            fields: as for ``create_task``.

        Raises:
            InvalidRequest: the request is bad, or the child is asked for inside a step.
            LeaseLost: another worker has the task; no child was created.
        """
        check_value_type(returns, "returns")
        return await self._equipment.children.spawn(name, request, fields, returns)

    async def gather(self, *children: Child[T]) -> list[T]:
        """The results of all of these children, in that order, once they all have ended.

        Raises:
            ChildFailed: one of them failed, or was cancelled; the first in that order.
            InvalidRequest: one is no child.
        """
        for place, child in enumerate(children):
            if not callable(getattr(child, "result", None)):
                told = f"expected a child, as spawn gives it, got {type(child).__name__};"
                given = f"children[{place}]"
                raise InvalidRequest(f"{told} pass several as gather(*children)", field=given)
        return [await child.result() for child in children]

    @property
    def _clock(self) -> Clock:
        return self._equipment.work.supervision.clock

    def _after(self, timeout: float | None) -> datetime | None:
        seconds = seconds_of(timeout, "timeout")
        now = self._clock.now()
        return None if seconds is None else now + timedelta(seconds=seconds)

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
        await self._clock.sleep(0)

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
        return await self.step("task.now", self._clock.now, in_thread=False)

    async def patched(self, name: str) -> bool:
        """Whether the task goes the new way where the handler has been changed.

        True for a task that had not passed this place when the change came to it, and from then on
        in every attempt, which is recorded; False for one that had. What was asked for first under
        this ``name`` holds for the whole task.

            fee = await task.step("fee", new_fee if await task.patched("new fee") else old_fee)

        Once no task from before the change is left, the old way and the call may go.

        Raises:
            InvalidRequest: the name is no text, or it is asked for inside a step.
            LeaseLost: another worker has the task.
        """
        check_step_name(name)
        return await self._equipment.patches.holds(name)

    def uuid(self, name: str = "") -> str:
        """A new id, as the text of a UUID, the same in each attempt: fit for the idempotency key
        of an outside service.

        It is derived from the task and from how often ``name`` was asked for before; what asks in
        branches side by side should give names of its own.
        """
        return self._equipment.derived.uuid(name)

    def random(self, name: str = "") -> Random:
        """A new generator of random numbers, which gives the same ones in each attempt; not for
        secrets. ``name``: as for ``uuid``.
        """
        return Random(self._equipment.derived.seed(name))  # noqa: S311 -- the same each time

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the work has come, for `status.progress`, `vespera task show` and events.

        Returns at once; steps and threads may call it as often as they like. The first word is
        stored at once, then the newest at most every second, and the last one when the attempt
        ends: a crash loses a second of it. It says nothing about what a replay does.

        Args:
            done: how much is done, from 0.
            total: of how much; None if that is not known.
            message: what is being done.

        Raises:
            InvalidRequest: a number is none, or out of range, or the message is no text.
        """
        self._equipment.report.say(done, total, message)

    async def dependencies(self) -> Mapping[TaskId, TaskOutcome]:
        """What came of the tasks that this one waited for, by id, in the order they were given."""
        done = await self._equipment.work.tasks.dependencies_of(self.id)
        decode = self._equipment.work.outcomes.decode
        return {
            task.id: decode(task.outcome)
            for task in done
            if task.outcome is not None and task.status not in ENDED_BADLY
        }

    async def failed_dependencies(self) -> Mapping[TaskId, TaskFailure]:
        """Why those tasks that this one waited for have failed, or were cancelled; by id, in the
        order they were given. There are some only with ``on_failed_dependency="run"``.
        """
        found = await self._equipment.work.tasks.dependencies_of(self.id)
        return {t.id: t.error for t in found if t.error is not None and t.status in ENDED_BADLY}


def _of_type(value: object, kind: type[T], what: str) -> T:
    if not has_type(value, kind):
        asked, brought = type_in_words(kind), type(value).__name__
        raise UnexpectedSignal(f"{what} was to bring {asked}, but brought {brought}: {value!r}")
    return cast("T", value)
