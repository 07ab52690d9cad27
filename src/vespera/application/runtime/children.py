"""Tasks that a task has created, and waits for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, cast

from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.crew import Crew
from vespera.application.runtime.intake import Intake
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.step_names import check_step_name
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.waits import Found, Waits
from vespera.domain.errors import (
    ChildFailed,
    DuplicateRow,
    InvalidRequest,
    TaskNotFound,
    UnexpectedResult,
)
from vespera.domain.ids import TaskId
from vespera.domain.request import Given, parse_request
from vespera.domain.step import RESULT_PREFIX, SPAWN_PREFIX
from vespera.domain.task import (
    ENDED_BADLY,
    Completion,
    ParentEnd,
    Task,
    TaskOutcome,
    TaskRequest,
    TaskStatus,
)
from vespera.domain.value_type import has_type, type_in_words

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildWork:
    """What children are made of, and what runs them."""

    tasks: TaskRepository
    intake: Intake
    outcomes: Outcomes
    notices: Notices
    crew: Crew


class Child(Generic[T_co]):
    """A task that another one has spawned.

    Attributes:
        id: of the child.
        name: under which it was spawned.
    """

    def __init__(
        self, children: "Children", task_id: TaskId, name: str, returns: type[T_co]
    ) -> None:
        self.id, self.name = task_id, name
        self._children, self._returns = children, returns
        self._outcome: TaskOutcome | None = None

    async def outcome(self) -> TaskOutcome:
        """What came of it, once it is completed; a replay gets the same.

        While the task waits, it takes no place of the worker's ``concurrency``.

        Raises:
            ChildFailed: it failed, or was cancelled; a replay raises it again.
        """
        if self._outcome is None:
            self._outcome = await self._children.outcome_of(self.id, self.name)
        return self._outcome

    async def result(self) -> T_co:
        """What its specialist handed back.

        Raises:
            ChildFailed: as ``outcome``.
            UnexpectedResult: it is of another type than ``returns`` said.
        """
        result = (await self.outcome()).result
        if not has_type(result, self._returns):
            raise UnexpectedResult(
                f"Child {self.name!r} ({self.id}) was to hand back {type_in_words(self._returns)},"
                f" not {type(result).__name__}: {result!r}"
            )
        return cast("T_co", result)


class Children:
    """The children of one attempt's task. Each is created once, together with the record of it."""

    def __init__(self, *, task: Task, log: StepLog, waits: Waits, work: ChildWork) -> None:
        self._task, self._log, self._waits, self._work = task, log, waits, work

    async def spawn(
        self, name: str, given: Given, fields: Mapping[str, object], returns: type[T]
    ) -> Child[T]:
        """The child of this name, by default its title; created, durably, if no earlier attempt has
        done it.

        Raises:
            InvalidRequest: the request is bad; the error names the field.
        """
        request = self._request(given, fields)
        name = name or request.title
        check_step_name(name)
        key, record = self._log.ask(f"{SPAWN_PREFIX}{name}")
        if record is not None:
            return Child(self, TaskId(str(self._log.replay(record))), name, returns)
        child = self._work.intake.task(request)
        depends_on = [TaskId(each) for each in request.depends_on]
        try:
            await self._log.spawned_one(key, child, depends_on)
        except DuplicateRow as error:
            told = f"{child.id!r} is taken by another task"
            raise InvalidRequest(told, field="task_id") from error
        except TaskNotFound as error:
            raise InvalidRequest(str(error), field="depends_on") from error
        self._work.notices.work()
        return Child(self, child.id, name, returns)

    async def outcome_of(self, child_id: TaskId, name: str) -> TaskOutcome:
        """What came of a child, once it has ended."""

        async def look() -> Found | None:
            child = (await self._work.tasks.find([child_id])).get(child_id)
            if child is None:  # its parent was retried after its end, or came from elsewhere
                told = f"Child {name!r} ({child_id}) is not here: it was purged, or not imported."
                return Found(error=ChildFailed(told))
            if child.status is TaskStatus.COMPLETED:
                return Found(child.outcome or b"null")
            return Found(error=_failure_of(child, name)) if child.status in ENDED_BADLY else None

        awaits = f"the task {child_id!r} ({name})"
        async with self._work.crew.engaged():
            stored = await self._waits.other(f"{RESULT_PREFIX}{name}", awaits, look)
        return self._work.outcomes.decode(stored)

    def _request(self, given: Given, fields: Mapping[str, object]) -> TaskRequest:
        request = parse_request(given, fields)
        if request.idempotency_key is not None:
            told = "a child needs none: it is created once, whatever happens"
            raise InvalidRequest(told, field="idempotency_key")
        if request.dedup_key is not None:
            told = "a child is its parent's own; create a task of its own for what others share"
            raise InvalidRequest(told, field="dedup_key")
        if request.parent_id not in {None, self._task.id}:
            raise InvalidRequest("is the task that spawns the child", field="parent_id")
        named = {**(given if isinstance(given, Mapping) else {}), **fields}
        end = request.on_parent_end if "on_parent_end" in named else ParentEnd.CANCEL
        if self._task.id in request.depends_on and end is ParentEnd.CANCEL:
            told = "it waits for its parent, whose end calls it off; on_parent_end='leave' does not"
            raise InvalidRequest(told, field="depends_on")
        return replace(
            request, parent_id=self._task.id, completion=Completion.AUTO, on_parent_end=end
        )


def _failure_of(child: Task, name: str) -> ChildFailed:
    return ChildFailed(f"Child {name!r} ({child.id}) is {child.status}: {child.error}")
