"""A process in the hands of a scenario, and of those who judge what became of it."""

from collections.abc import Callable, Coroutine, Sequence
from threading import Event
from types import SimpleNamespace
from typing import Any, TypeVar, TypeVarTuple, overload

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.usecases.excusing import Excusing
from vespera.application.usecases.families import Families
from vespera.application.usecases.file_results import VerifyAllOperationsResult
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.workspace_surveys import Surveyed
from vespera.application.workflows.task_execution_workflow import TaskExecutionWorkflow
from vespera.domain.errors import TaskNotFound
from vespera.domain.ids import TaskId
from vespera.domain.policy import proof_policies_of
from vespera.domain.task import Task, TaskStatus
from vespera.domain.verification import Report
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.di.container import Container
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.ids import TimeOrderedIds
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.report_repository import SqlReportRepository
from vespera.infrastructure.persistence.task_repository import (
    SqlTaskRepository,
    task_from_row,
)
from vespera.infrastructure.persistence.waiver_repository import SqlWaivers
from vespera.infrastructure.threads import Threads
from vespera.testing.world import World
from vespera.testing.world_database import WorldDatabase

T = TypeVar("T")
Args = TypeVarTuple("Args")


class App:
    """One life of the program under test.

    Attributes:
        container: as ``build`` made it, bound to the world.
        world: what outlives it.
        life: its number, from 1.
        db: the rows of the database, as they are now.
        tasks: the tasks, as they are now.
        files: what the files say.
    """

    def __init__(self, container: Container, world: World, life: int) -> None:
        self.container = container
        self.world = world
        self.life = life
        self.db = Rows(world.database)
        self.tasks = StoredTasks(self.db, container)
        self.files = ProvenFiles(world)

    @property
    def orchestrator(self) -> TaskOrchestrator:
        """The container's orchestrator."""
        return self.container.get(TaskOrchestrator)

    @property
    def workflow(self) -> TaskExecutionWorkflow:
        """The container's workflow."""
        return self.container.get(TaskExecutionWorkflow)

    @overload
    def get(self, key: str) -> Any: ...
    @overload
    def get(self, key: Callable[..., T]) -> T: ...
    def get(self, key: Any) -> Any:
        """A part of the container; see ``Container.get``."""
        return self.container.get(key)

    async def run_until_idle(self) -> None:
        """Run everything that can run, now or after whatever virtual delay."""
        await self.orchestrator.run_until_idle()


class Rows:
    """The rows of a world's database, read at once and outside of the process.

    Columns are attributes: ``app.db.one("select status from tasks where id = ?", "a").status``.
    """

    def __init__(self, database: WorldDatabase) -> None:
        self._database = database

    def all(self, sql: str, *values: object) -> list[SimpleNamespace]:
        """All rows of a query."""
        return self._database.rows(sql, *values)

    def tuples(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query, as tuples."""
        return self._database.tuples(sql, *values)

    def one(self, sql: str, *values: object) -> SimpleNamespace:
        """The only row of a query.

        Raises:
            AssertionError: there is none, or there are several.
        """
        rows = self.all(sql, *values)
        if len(rows) != 1:
            raise AssertionError(f"{len(rows)} rows, not 1: {sql} {values or ''}")
        return rows[0]

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the only row.

        Raises:
            AssertionError: as for ``one``.
        """
        return next(iter(vars(self.one(sql, *values)).values()))


class StoredTasks:
    """The tasks of a world's database, without asking the engine."""

    def __init__(self, rows: Rows, container: Container) -> None:
        self._rows = rows
        self._container = container

    def all(self, status: TaskStatus | str | None = None) -> list[Task]:
        """Every task, or those of a status, in the order of their ids."""
        rows = self._rows.all("SELECT * FROM tasks ORDER BY id")
        tasks = [task_from_row(tuple(vars(row).values())) for row in rows]
        return [task for task in tasks if status in {None, task.status}]

    def get(self, task_id: str) -> Task:
        """The task.

        Raises:
            TaskNotFound: there is none.
        """
        for task in self.all():
            if task.id == task_id:
                return task
        raise TaskNotFound(TaskId(task_id))

    def stuck(self) -> list[Task]:
        """Tasks that nobody works on although somebody should: still running when all is idle, or
        ready and left alone. What is paused is left alone rightly.
        """
        now = self._container.get("clock").now()
        gates = self._rows.tuples("SELECT specialist_type FROM gates WHERE paused_at IS NOT NULL")
        paused = {kind for (kind,) in gates}
        waiting = [t for t in self.all() if not t.paused and t.specialist_type not in paused]
        running = self.all(TaskStatus.RUNNING)
        return running + [task for task in waiting if _is_left_alone(task, now)]


def _is_left_alone(task: Task, now: Any) -> bool:
    is_due = task.run_after is not None and task.run_after <= now
    if task.status is TaskStatus.WAITING:
        return is_due
    is_ready = task.status is TaskStatus.PENDING and task.blockers == 0
    return is_ready and (task.run_after is None or is_due)


class ProvenFiles:
    """The world's files, and the proof of what was done to them, without asking the process."""

    def __init__(self, world: World) -> None:
        self._world = world

    def verify_all(self) -> VerifyAllOperationsResult:
        """Judge every recorded file operation; see ``TrackFileOperationsUseCase.verify_all``."""
        found = self._ask(lambda tracking: tracking.verify_all())
        return VerifyAllOperationsResult(
            success=found.success,
            total_operations=found.total_operations,
            all_verified=found.verified,
            failed_verifications=found.failed_verifications,
            findings=found.findings,
            error=found.error,
        )

    def verify_task(self, task_id: str) -> Report:
        """Judge a task's file operations; see ``TrackFileOperationsUseCase.examine``."""
        return self._ask(lambda tracking: tracking.examine(TaskId(task_id)))

    def read(self, path: str) -> str:
        """The text of a file of the workspace."""
        return (self._world.workspace / path).read_text(encoding="utf-8")

    def names(self) -> Sequence[str]:
        """All files of the workspace, sorted."""
        root = self._world.workspace
        found = (path for path in root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(root).as_posix() for path in found)

    def _ask(self, ask: Callable[[TrackFileOperationsUseCase], Coroutine[Any, Any, T]]) -> T:
        return _at_once(ask(_tracking(self._world)))


def _tracking(world: World) -> TrackFileOperationsUseCase:
    """The use case on what lies there now; it needs no event loop, and writes nothing."""
    database: Any = _Lying(world.database)
    no_surveys: Any = _NoSurveys()
    clock, tasks = SystemClock(), SqlTaskRepository(database)
    return TrackFileOperationsUseCase(
        operations=SqlFileOperationRepository(database),
        reports=SqlReportRepository(database),
        files=LocalFileStore(world.workspace, _NoThreads()),
        clock=clock,
        new_id=TimeOrderedIds(clock),
        excusing=Excusing(
            tasks=tasks,
            waivers=SqlWaivers(database),
            policies=proof_policies_of("strict"),
        ),
        tasks=tasks,
        surveys=no_surveys,
        families=Families(tasks=tasks),
    )


class _NoSurveys:
    """What operations say is all that is judged."""

    async def of(self, *_: object) -> Surveyed:
        return Surveyed()


class _Lying:
    """What lies in the database, to be read at once."""

    def __init__(self, database: WorldDatabase) -> None:
        self._database = database

    async def read(
        self, sql: str, values: Sequence[object] = (), _holder: object = None
    ) -> list[tuple[object, ...]]:
        return self._database.tuples(sql, *values)


class _NoThreads(Threads):
    """Calls each function at once."""

    def __init__(self) -> None:
        super().__init__(0)

    async def run(self, function: Callable[[*Args], T], *args: *Args) -> T:
        return function(*args)

    async def run_stoppable(self, function: Callable[[Event], T]) -> T:
        return function(Event())


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError(f"{coroutine!r} waits for something")  # nothing of it does
