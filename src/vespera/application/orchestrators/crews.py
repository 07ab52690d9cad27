"""Crews as durable tasks, and as specialists."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

from vespera.application.orchestrators.agent_calls import CallsAsSteps, CallsInMemory
from vespera.application.orchestrators.crew_run import CrewRun
from vespera.application.orchestrators.direct_adapter import DirectAdapter
from vespera.application.ports.codec import Codec
from vespera.application.ports.persistence import StepRepository
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.supervision import interrupted
from vespera.application.workflows.task_execution_workflow import TaskExecutionWorkflow
from vespera.application.workflows.task_result import TaskResult
from vespera.domain.agents import AgentOutcome, AgentStatus, CrewMember, CrewPlan, CrewResult, ended
from vespera.domain.errors import CrewFailed, InvalidRequest, RequestError
from vespera.domain.ids import TaskId
from vespera.domain.request import specialist_type_of
from vespera.domain.step import StepRecord
from vespera.domain.task import Completion, TaskOutcome, TaskStatus

_KEYS = frozenset({"idempotency_key", "dedup_key"})
"""By which a request may mean a task that is there already."""

Planning = Callable[[Sequence[CrewMember]], CrewPlan]


class CrewOrchestrator(Protocol):
    """What runs a crew: ``SequentialOrchestrator``, ``ParallelOrchestrator``, ``DagOrchestrator``,
    or your own.
    """

    async def execute(
        self, task: object, adapter: DirectAdapter, *, within: TaskContext | None = None
    ) -> CrewResult:
        """Run the agents of ``adapter`` on ``task``, as steps of the task ``within``."""
        ...


class AgentCrew:
    """A crew that is a specialist: tasks of its type go on with it after a crash, in whichever
    process, without being asked for again.

        specialists = providers.Aggregate(
            review=providers.Factory(AgentCrew, Container.sequential_orchestrator, adapter)
        )

    The agents are told the payload's ``task``, or the whole payload if it has none. The task's
    ``result`` is the ``CrewResult``; where an agent failed that is not optional, the task fails
    with ``CrewFailed``, and its ``retry`` calls again those agents that are not done.
    """

    def __init__(self, orchestrator: CrewOrchestrator, adapter: DirectAdapter) -> None:
        self._orchestrator, self._adapter = orchestrator, adapter

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """Run the crew as this task.

        Raises:
            CrewFailed: an agent failed that is not optional, or the crew was refused.
        """
        result = await self._orchestrator.execute(told_by(task), self._adapter, within=task)
        return TaskOutcome(summary=_summary(result), result=result)


@dataclass(slots=True)
class _Asked:
    """A crew that somebody waits for in this process."""

    planning: Planning
    adapter: DirectAdapter
    result: CrewResult | None = None
    was_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewParts:
    """What durable crews are made of."""

    workflow: TaskExecutionWorkflow
    specialists: Specialists
    steps: StepRepository
    codec: Codec
    new_id: Callable[[], str]

    async def id_of(self, request: Mapping[str, object]) -> str:
        """The id that the task of a request has, or will have."""
        if request.keys().isdisjoint(_KEYS):
            return str(request.get("task_id") or self.new_id())
        created = await self.workflow.create_task({**request, "completion": Completion.AUTO})
        return str(created.task_id or "")

    async def done(self, request: Mapping[str, object]) -> TaskResult:
        """How the task of a request stands, when nothing more will come of it."""
        stands = await self.workflow.run(request)
        if stands.status is TaskStatus.ASSIGNED:  # by a process that did not know the crew
            return await self.workflow.execute_task(str(stands.task_id))
        return stands

    async def recorded(self, plan: CrewPlan, stands: TaskResult) -> CrewResult:
        """What came of a crew, as far as it is stored."""
        found = await self.steps.of_task(TaskId(str(stands.task_id)))
        records = {record.name: record for record in found if record.occurrence == 1}
        ended_itself = stands.success or str(stands.error).startswith(CrewFailed.__name__)
        outcomes = {
            member.name: self._outcome(member, records[member.name])
            for member in plan.members
            if member.name in records
        }
        if ended_itself:
            return plan.result(outcomes)
        missing = f"nothing of it is recorded: {stands.error}"
        return replace(plan.result(outcomes, missing), error=stands.error)

    def _outcome(self, member: CrewMember, record: StepRecord) -> AgentOutcome:
        if record.error is None:
            value = self.codec.decode(record.value or b"null")
            return ended(member, AgentStatus.DONE, value=value)
        message, kinds = cast("tuple[str, list[str]]", self.codec.decode(record.error))
        told = f"{kinds[0]}: {message}"
        return ended(member, AgentStatus.FAILED, told, error_types=kinds)


class CrewTasks:
    """Runs crews as durable tasks of their own, one for each call.

    Args:
        parts: gives what they are made of; asked when a crew runs. Were it given at once, no
            specialist could have an orchestrator, as what runs tasks knows the specialists.
    """

    def __init__(self, parts: Callable[[], CrewParts]) -> None:
        self._parts = parts
        self._asked: dict[str, _Asked] = {}
        self._latest: dict[str, tuple[Planning, DirectAdapter]] = {}

    async def run(
        self,
        task: object,
        adapter: DirectAdapter,
        planning: Planning,
        request: Mapping[str, object],
    ) -> CrewResult:
        """Run a crew as a task that completes by itself; see ``SequentialOrchestrator.execute``."""
        parts = self._parts()
        try:
            plan = planning(adapter.members)
            kind = self._known(parts.specialists, adapter.name or plan.type_name)
        except RequestError as error:
            return CrewResult(success=False, error=str(error))
        self._latest[kind] = planning, adapter
        asked = {"title": kind, "payload": {"task": task}, **request, "specialist_type": kind}
        return await self._awaited(parts, plan, asked, _Asked(planning, adapter))

    async def work(self, kind: str, task: TaskContext) -> TaskOutcome:
        """Run the crew of a task of this type: the one that was asked for, or after a crash the
        last one of its name.
        """
        asked = self._asked.get(task.id) or _Asked(*self._latest[kind])
        try:
            plan = asked.planning(asked.adapter.members)
            run = CrewRun(plan, told_by(task), asked.adapter, CallsAsSteps(task))
            asked.result = await run.result()
        except asyncio.CancelledError:
            asked.was_cancelled = not interrupted()
            raise
        return TaskOutcome(summary=_summary(asked.result))

    async def _awaited(
        self, parts: CrewParts, plan: CrewPlan, request: Mapping[str, object], asked: _Asked
    ) -> CrewResult:
        task_id = await parts.id_of(request)
        if request.keys().isdisjoint(_KEYS):
            request = {**request, "task_id": task_id}
        first = self._asked.setdefault(task_id, asked)
        try:
            stands = await parts.done(request)
        finally:
            if first is asked:
                del self._asked[task_id]
        if first.was_cancelled:
            raise asyncio.CancelledError(stands.error)
        if stands.task_id is None:
            return CrewResult(success=False, error=stands.error)
        found = first.result or await parts.recorded(plan, stands)
        success = found.success and stands.success
        error = None if success else found.error or stands.error
        return replace(found, success=success, error=error, task_id=stands.task_id)

    def _known(self, specialists: Specialists, kind: str) -> str:
        """Let tasks of this type be done here.

        Raises:
            InvalidRequest: the container has a specialist of this type, or no type has this name.
        """
        specialist_type_of(kind)
        is_known = specialists.knows(kind)
        if is_known and kind not in self._latest:
            raise InvalidRequest(
                f"{kind!r} is a specialist of the container; give the adapter another name, or"
                " run a task of that type",
                field="name",
            )
        if not is_known:
            specialists.register(kind, _CrewHandler(self, kind))
        return kind


class _CrewHandler:
    """Does the tasks of one type of crew."""

    def __init__(self, tasks: CrewTasks, kind: str) -> None:
        self._tasks, self._kind = tasks, kind

    async def execute(self, task: TaskContext) -> TaskOutcome:
        return await self._tasks.work(self._kind, task)


async def executed(
    task: object,
    adapter: DirectAdapter,
    planning: Planning,
    *,
    within: TaskContext | None,
    tasks: CrewTasks | None,
    request: Mapping[str, object],
) -> CrewResult:
    """Run a crew where it belongs: as steps of a task, as a task of its own, or in memory."""
    try:
        _check_kinds(adapter, within)
    except RequestError as error:
        return CrewResult(success=False, error=str(error))
    if within is None and isinstance(task, TaskContext):
        within, task = task, told_by(task)
    if within is None and tasks is not None:
        return await tasks.run(task, adapter, planning, request)
    try:
        plan = planning(adapter.members)
        _check_here(adapter, within, request)
    except RequestError as error:
        return CrewResult(success=False, error=str(error))
    calls = CallsInMemory() if within is None else CallsAsSteps(within)
    return await CrewRun(plan, task, adapter, calls).result()


def told_by(task: TaskContext) -> object:
    """What the agents of a crew are told that is a task."""
    return task.payload.get("task", task.payload)


def _check_kinds(adapter: object, within: object) -> None:
    """Refuse what is no adapter, or no task.

    Raises:
        InvalidRequest: one is something else; the error names it.
    """
    if not isinstance(adapter, DirectAdapter):
        told = f"must be a DirectAdapter with the agents, not {type(adapter).__name__}"
        raise InvalidRequest(told, field="adapter")
    if not isinstance(within, TaskContext | None):
        told = f"must be the TaskContext of a handler, not {type(within).__name__}"
        raise InvalidRequest(told, field="within")


def _check_here(
    adapter: DirectAdapter, within: TaskContext | None, request: Mapping[str, object]
) -> None:
    """Refuse what needs a durable task of the crew's own.

    Raises:
        InvalidRequest: it does; the error says what to do.
    """
    if request:
        named = ", ".join(request)
        raise InvalidRequest(
            f"{named}: a task has that, and this crew is none of its own; take the orchestrator"
            " from a container, and give no TaskContext",
        )
    undone = [agent.member.name for agent in adapter.agents if agent.undo is not None]
    if within is None and undone:
        raise InvalidRequest(
            f"agent {undone[0]!r} has an undo, which needs a durable task; take the orchestrator"
            " from a container, or give it a TaskContext",
            field="undo",
        )


def _summary(result: CrewResult) -> str:
    """What a task says of its crew.

    Raises:
        CrewFailed: it is no success.
    """
    if not result.success:
        raise CrewFailed(str(result.error))
    return str(result)
