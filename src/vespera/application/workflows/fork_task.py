"""Begin a new task in the middle of what another one has done."""

from dataclasses import dataclass

from vespera.application.ports.persistence import StepRepository, TaskRepository
from vespera.application.ports.revivals import Revivals
from vespera.application.runtime.intake import Intake
from vespera.application.runtime.notices import Notices
from vespera.application.workflows.retry_task import UNDONE
from vespera.domain.errors import DuplicateRow, InvalidRequest
from vespera.domain.forking import copied, fork_of, parse_point
from vespera.domain.ids import TaskId
from vespera.domain.request import mapping_of, optional_text_of, task_id_of
from vespera.domain.task import Task, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkTaskUseCase:
    """Creates tasks from others and their records; each in one transaction."""

    tasks: TaskRepository
    steps: StepRepository
    revivals: Revivals
    notices: Notices
    intake: Intake

    async def fork(
        self, task_id: object, *, from_step: object, new_task_id: object, payload: object
    ) -> Task:
        """The new task, as it was stored: pending, or cancelled with what it would wait for.

        Raises:
            RequestError, PayloadError: what was asked for makes no sense; nothing was stored.
        """
        point = parse_point(from_step)
        fork_id = TaskId(optional_text_of(new_task_id, "new_task_id") or self.intake.new_id())
        values = None if payload is None else dict(mapping_of(payload, "payload"))
        codec = self.intake.codec
        task = await self.tasks.get(task_id_of(task_id))
        stored = task.payload if values is None else codec.encode(values, what="payload")
        undone = codec.encode(UNDONE, what="error of an undone step")
        records = await self.steps.of_task(task.id)
        fork = fork_of(task, fork_id, stored, self.intake.clock.now())
        copies = copied(task, records, point, fork, undone=undone)
        dependencies = [other.id for other in await self.tasks.dependencies_of(task.id)]
        try:
            await self.revivals.fork(fork, dependencies, copies)
        except DuplicateRow as error:
            told = f"{fork_id!r} is taken by another task"
            raise InvalidRequest(told, field="new_task_id") from error
        self.notices.work()
        now = await self.tasks.get(fork_id)
        return now if now.status is TaskStatus.CANCELLED else fork  # a worker may have begun
