"""The one place where ports meet adapters."""

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.care import DatabaseCare
from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec
from vespera.application.ports.events import EventLog, ProgressRepository
from vespera.application.ports.files import FileStore
from vespera.application.ports.gates import Gates
from vespera.application.ports.host import Host
from vespera.application.ports.owners import Owners
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    SignalRepository,
    StepRepository,
    TaskQueue,
    TaskRepository,
    UnitOfWork,
)
from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.children import ChildWork
from vespera.application.runtime.crew import Crew
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.event_feed import EventFeed
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.intake import Intake
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.outcomes import Outcomes
from vespera.application.runtime.schedule_book import ScheduleBook
from vespera.application.runtime.scheduler import Scheduler
from vespera.application.runtime.settling import Settling
from vespera.application.runtime.sign_off import SignOff
from vespera.application.runtime.specialists import Specialists
from vespera.application.runtime.supervision import Supervision
from vespera.application.runtime.tracked_files import FileWork
from vespera.application.runtime.upkeep import Upkeep
from vespera.application.runtime.waits import WaitWork
from vespera.application.runtime.worker import Worker
from vespera.application.usecases.examine_installation import ExamineInstallationUseCase
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase
from vespera.application.usecases.purge_tasks import PurgeTasksUseCase
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.workflows.send_signal import SendSignalUseCase
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.domain.flow import Limits
from vespera.domain.retention import retention_of
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers
from vespera.infrastructure.di.options import (
    catalogue_of,
    check_settings,
    directory_of_owners,
    poll_of,
    span_of,
)
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.host import LocalHost
from vespera.infrastructure.ids import TimeOrderedIds
from vespera.infrastructure.owners import LockFileOwners
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.event_log import SqlEventLog, SqlProgressRepository
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.gates import SqlGates
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.report_repository import SqlReportRepository
from vespera.infrastructure.persistence.schedule_repository import SqlScheduleRepository
from vespera.infrastructure.persistence.signal_repository import SqlSignalRepository
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_archive import SqlTaskArchive
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork
from vespera.infrastructure.threads import Threads
from vespera.infrastructure.timetable import CronTimetable


class Container(BaseContainer):
    """Vespera, ready to use: ``Container()`` keeps its tasks in memory.

    Settings, as keywords or as one mapping:
        database_url: where tasks are kept; ``"sqlite+aiosqlite:///work.db"`` or in memory.
        workspace: the directory that tasks may touch; by default the current one.
        durability: ``"full"`` (survives a power cut) or ``"normal"`` (survives a crash).
        concurrency: how many tasks the worker runs at a time, 1 or more.
        lease_seconds: how long a task stays with a worker that is not heard of.
        linger_seconds: how long a task that only waits (for a moment, a signal) stays in memory;
            None: until it goes on.
        crash_limit: after how many crashes in a row a task fails; None: never.
        step_threads: how many functions that are not async may run at a time, 1 or more.
        payload_limit: bytes of one stored value, 1 or more.
        events: which are kept: ``"all"``, ``"ends"`` (how attempts and tasks ended, and progress),
            or ``"off"``.
        retention: how long finished tasks and events are kept: a mapping of "completed", "failed",
            "cancelled" and "events" to ages (a timedelta, or seconds), or one age for all; what is
            not named is kept for ever.

    Extend it by subclassing: give ``specialists`` and ``limits`` anew, add providers, replace
    providers.
    """

    defaults: ClassVar[Mapping[str, object]] = {
        "database_url": "sqlite+aiosqlite:///:memory:",
        "workspace": ".",
        "durability": "full",
        "concurrency": 10,
        "lease_seconds": 30.0,
        "linger_seconds": 60.0,
        "crash_limit": 10,
        "step_threads": 32,
        "payload_limit": 1024 * 1024,
        "events": "ends",
        "retention": None,
    }
    config = providers.Configuration(strict=True)

    def __init__(self, settings: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Take the settings, as a mapping, by keyword, or both; the environment is never read.

        Raises:
            InvalidRequest: a setting makes no sense; the error names it and says what is allowed.
            WiringError, UnknownSetting, OverrideRefused: as for every container.
        """
        super().__init__(settings, **more)
        check_settings(self.config())

    # Adapters: one each for the container's life.
    clock: Provider[Clock] = providers.Singleton(SystemClock)
    new_id: Provider[TimeOrderedIds] = providers.Singleton(TimeOrderedIds, clock)
    codec: Provider[Codec] = providers.Singleton(MsgspecCodec, config.payload_limit)
    threads: Provider[Threads] = Service(Threads)
    step_threads: Provider[BlockingCalls] = Service(
        Threads, config.step_threads, name="vespera-step"
    )
    lane = providers.Object(Lane)
    database: Provider[AsyncDatabaseManager] = Service(
        AsyncDatabaseManager,
        config.database_url,
        durability=config.durability,
        lane=lane,
        events=config.events,
    )
    files: Provider[FileStore] = Service(
        LocalFileStore, config.workspace, threads, database=database.provided.path
    )
    owners_directory = providers.Singleton(directory_of_owners, database)
    owners: Provider[Owners] = providers.Singleton(LockFileOwners, owners_directory)
    timetable: Provider[Timetable] = providers.Singleton(CronTimetable)
    host: Provider[Host] = providers.Singleton(LocalHost, threads)
    care: Provider[DatabaseCare] = providers.Singleton(
        SqliteDatabaseCare, config.database_url, durability=config.durability
    )

    # What is kept.
    unit_of_work: Provider[UnitOfWork] = providers.Singleton(SqlUnitOfWork, database)
    tasks: Provider[TaskRepository] = providers.Singleton(SqlTaskRepository, database)
    queue: Provider[TaskQueue] = providers.Singleton(SqlTaskQueue, database)
    steps: Provider[StepRepository] = providers.Singleton(SqlStepRepository, database)
    event_log: Provider[EventLog] = providers.Singleton(SqlEventLog, database)
    progress: Provider[ProgressRepository] = providers.Singleton(SqlProgressRepository, database)
    archive: Provider[TaskArchive] = providers.Singleton(SqlTaskArchive, database)
    signals: Provider[SignalRepository] = providers.Singleton(SqlSignalRepository, database)
    operations: Provider[FileOperationRepository] = providers.Singleton(
        SqlFileOperationRepository, database
    )
    reports: Provider[ReportRepository] = providers.Singleton(SqlReportRepository, database)
    schedules: Provider[ScheduleRepository] = providers.Singleton(SqlScheduleRepository, database)
    gates: Provider[Gates] = providers.Singleton(SqlGates, database)

    # Who does the work, and how much of it at a time. A subclass gives its own.
    specialists: providers.Aggregate[Any] = providers.Aggregate()
    limits: providers.Provider[Mapping[str, Limits]] = providers.Object({})

    # The use cases.
    track_file_operations = providers.Singleton(
        TrackFileOperationsUseCase,
        operations=operations,
        reports=reports,
        files=files,
        clock=clock,
        new_id=new_id,
    )
    inspect_tasks = providers.Singleton(
        InspectTasksUseCase,
        tasks=tasks,
        steps=steps,
        signals=signals,
        tracking=track_file_operations,
        progress=progress,
        plain=codec.provided.plain,
    )
    purge_tasks = providers.Singleton(
        PurgeTasksUseCase, archive=archive, log=event_log, clock=clock
    )
    examine_installation = providers.Singleton(
        ExamineInstallationUseCase,
        host=host,
        care=care,
        owners=owners,
        clock=clock,
        owners_directory=owners_directory,
        workspace=config.workspace,
    )

    # The machine room.
    lease = providers.Singleton(timedelta, seconds=config.lease_seconds)
    poll = providers.Singleton(poll_of, database)
    notices = providers.Singleton(Notices)
    crew = providers.Singleton(Crew)
    intake = providers.Singleton(Intake, codec=codec, clock=clock, new_id=new_id)
    outcomes = providers.Singleton(Outcomes, codec)
    registry = providers.Singleton(
        Specialists,
        catalogue=providers.Singleton(catalogue_of, specialists.provider),
        limits=limits,
    )
    flow = providers.Singleton(
        Flow, gates=gates, specialists=registry, notices=notices, clock=clock
    )
    chance = providers.Object(random.random)
    supervision = providers.Singleton(Supervision, clock=clock, chance=chance, threads=step_threads)
    sign_off = providers.Singleton(
        SignOff,
        tasks=tasks,
        reports=reports,
        unit_of_work=unit_of_work,
        tracking=track_file_operations,
        clock=clock,
    )
    file_work = providers.Singleton(
        FileWork,
        store=files,
        operations=operations,
        tracking=track_file_operations,
        clock=clock,
        new_id=new_id,
    )
    wait_work = providers.Singleton(
        WaitWork,
        tasks=tasks,
        signals=signals,
        notices=notices,
        codec=codec,
        clock=clock,
        linger=providers.Singleton(span_of, config.linger_seconds),
    )
    child_work = providers.Singleton(
        ChildWork, tasks=tasks, intake=intake, outcomes=outcomes, notices=notices, crew=crew
    )
    attempts = providers.Singleton(
        AttemptRunner,
        tasks=tasks,
        steps=steps,
        specialists=registry,
        sign_off=sign_off,
        codec=codec,
        outcomes=outcomes,
        supervision=supervision,
        files=file_work,
        progress=progress,
        waits=wait_work,
        children=child_work,
        lease=lease,
        crash_limit=config.crash_limit,
    )
    engine = Service(
        Engine,
        tasks=tasks,
        queue=queue,
        flow=flow,
        attempts=attempts,
        owners=owners,
        notices=notices,
        clock=clock,
        lease=lease,
        poll=poll,
    )
    upkeep = providers.Singleton(
        Upkeep,
        archive=archive,
        log=event_log,
        retention=providers.Singleton(retention_of, config.retention),
    )
    scheduler = providers.Singleton(
        Scheduler,
        schedules=schedules,
        tasks=tasks,
        unit_of_work=unit_of_work,
        timetable=timetable,
        codec=codec,
        clock=clock,
        intake=intake,
        poll=poll,
    )
    schedule_book = providers.Singleton(
        ScheduleBook,
        schedules=schedules,
        tasks=tasks,
        unit_of_work=unit_of_work,
        timetable=timetable,
        scheduler=scheduler,
        notices=notices,
        codec=codec,
        clock=clock,
    )
    worker = Service(
        Worker,
        engine=engine,
        upkeep=upkeep,
        queue=queue,
        flow=flow,
        scheduler=scheduler,
        notices=notices,
        crew=crew,
        clock=clock,
        concurrency=config.concurrency,
        poll=poll,
    )
    settling = providers.Singleton(
        Settling, tasks=tasks, flow=flow, notices=notices, clock=clock, poll=poll
    )
    machinery = providers.Singleton(
        Machinery,
        tasks=tasks,
        reports=reports,
        unit_of_work=unit_of_work,
        engine=engine,
        worker=worker,
        settling=settling,
        flow=flow,
        schedule_book=schedule_book,
        sign_off=sign_off,
        specialists=registry,
        notices=notices,
        outcomes=outcomes,
        codec=codec,
        clock=clock,
        progress=progress,
        intake=intake,
    )
    send_signal = providers.Singleton(
        SendSignalUseCase,
        tasks=tasks,
        signals=signals,
        codec=codec,
        notices=notices,
        clock=clock,
        new_id=new_id,
    )
    feed = providers.Singleton(
        EventFeed, log=event_log, tasks=tasks, notices=notices, clock=clock, poll=poll
    )

    # What runs tasks.
    workflow = providers.Singleton(TaskExecutionWorkflow, machinery=machinery)
    orchestrator = providers.Singleton(
        TaskOrchestrator,
        machinery=machinery,
        signals=send_signal,
        inspection=inspect_tasks,
        feed=feed,
        purging=purge_tasks,
    )
