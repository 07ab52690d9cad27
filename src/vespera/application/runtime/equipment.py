"""What one attempt works with, made when it is first asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from vespera.application.ports.codec import Codec
from vespera.application.ports.events import ProgressRepository
from vespera.application.ports.persistence import TaskRepository
from vespera.application.runtime.children import Children, ChildWork
from vespera.application.runtime.compensation import Compensation
from vespera.application.runtime.costs.of_task import TaskCosts
from vespera.application.runtime.costs.tracker import CostTracker
from vespera.application.runtime.file_memory import epoch_of
from vespera.application.runtime.file_notes import FileWork
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.patches import Patches
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.reporting import ProgressReport
from vespera.application.runtime.resources.manager import AsyncResourceManager
from vespera.application.runtime.resources.of_task import TaskResources
from vespera.application.runtime.steps import StepLog
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.tracked_files import TaskFiles
from vespera.application.runtime.waits import Waits, WaitWork
from vespera.domain.derived import Derived
from vespera.domain.file_operation import FileOperation
from vespera.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptWork:
    """What attempts are made of, the same for all tasks."""

    tasks: TaskRepository
    codec: Codec
    outcomes: Outcomes
    supervision: Supervision
    files: FileWork
    progress: ProgressRepository
    waits: WaitWork
    children: ChildWork
    resources: Callable[[], AsyncResourceManager]
    costs: Callable[[], CostTracker]


class Equipment:
    """One attempt's tools. Most handlers use few of them, and each task would carry all of them
    about while it is under way: so a tool is made when it is first asked for. But what threads may
    ask for is there from the beginning.
    """

    def __init__(
        self,
        *,
        task: Task,
        log: StepLog,
        presence: Presence,
        work: AttemptWork,
        operations: Sequence[FileOperation] = (),
    ) -> None:
        """``operations``: what earlier attempts have recorded of files."""
        self.task, self.log, self.presence, self.work = task, log, presence, work
        self._operations = operations
        self.derived = Derived(task)
        clock = work.supervision.clock
        self.report = ProgressReport(log.fence, progress=work.progress, clock=clock)

    @cached_property
    def files(self) -> TaskFiles:
        """The workspace."""
        return TaskFiles(
            fence=self.log.fence,
            recorded=self._operations,
            epoch=epoch_of(self.task),
            work=self.work.files,
        )

    async def settle(self) -> None:
        """Judge, at the handler's end, whether it asked for what had been recorded; and take back
        what it could not do to files.

        Raises:
            NonDeterministicTask: it did not.
            LeaseLost: another worker has the task.
        """
        self.log.check()
        if "files" in vars(self):
            self.files.check()
            await self.files.settle()

    @property
    def untouched(self) -> bool:
        """Whether no file operation of the task is known."""
        return not self._operations and ("files" not in vars(self) or not self.files.touched)

    @cached_property
    def compensation(self) -> Compensation:
        """What is to be undone."""
        return Compensation(
            log=self.log,
            codec=self.work.codec,
            supervision=self.work.supervision,
            presence=self.presence,
        )

    @cached_property
    def waits(self) -> Waits:
        """Moments and signals."""
        return Waits(
            task_id=self.task.id, log=self.log, presence=self.presence, work=self.work.waits
        )

    @cached_property
    def children(self) -> Children:
        """Tasks that this one spawns."""
        return Children(task=self.task, log=self.log, waits=self.waits, work=self.work.children)

    @cached_property
    def resources(self) -> TaskResources:
        """What the task holds for a while."""
        return TaskResources(self.task.id, self.work.resources)

    @cached_property
    def costs(self) -> TaskCosts:
        """What the task spends."""
        return TaskCosts(self.task, self.derived, self.work.costs)

    @cached_property
    def patches(self) -> Patches:
        """Changes of the handler."""
        return Patches(self.log, self.presence)
