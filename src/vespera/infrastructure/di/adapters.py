"""What stands behind the ports, and the database, the clock and the threads that it stands on."""

from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.audit import AuditTrail, Signing
from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.care import DatabaseCare
from vespera.application.ports.clock import Clock
from vespera.application.ports.codec import Codec, ValueForms
from vespera.application.ports.contents import ContentReferences, ContentStore
from vespera.application.ports.events import EventLog, ProgressRepository
from vespera.application.ports.files import FileStore
from vespera.application.ports.gates import Gates
from vespera.application.ports.histories import TaskHistories
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
from vespera.application.ports.restoring import Restorer
from vespera.application.ports.revivals import Revivals
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.application.ports.scanning import WorkspaceScanner
from vespera.application.ports.schedules import ScheduleRepository, Timetable
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.ports.waivers import Waivers
from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.codec.json_forms import JsonForms
from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.infrastructure.di.base import BaseContainer, Provider, Service, providers
from vespera.infrastructure.di.options import (
    age_if_any,
    directory_of_contents,
    directory_of_owners,
)
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.local_restorer import LocalRestorer
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.infrastructure.files.packed_contents import PackedContents
from vespera.infrastructure.host.local_host import LocalHost
from vespera.infrastructure.ids import TimeOrderedIds
from vespera.infrastructure.owners import LockFileOwners
from vespera.infrastructure.persistence.audit_trail import SqlAuditTrail
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.infrastructure.persistence.content_references import SqlContentReferences
from vespera.infrastructure.persistence.database import AsyncDatabaseManager
from vespera.infrastructure.persistence.event_log import SqlEventLog, SqlProgressRepository
from vespera.infrastructure.persistence.file_operation_repository import SqlFileOperationRepository
from vespera.infrastructure.persistence.gates import SqlGates
from vespera.infrastructure.persistence.lane import Lane
from vespera.infrastructure.persistence.report_repository import SqlReportRepository
from vespera.infrastructure.persistence.revivals import SqlRevivals
from vespera.infrastructure.persistence.rollback_repository import SqlRollbackRepository
from vespera.infrastructure.persistence.schedule_repository import SqlScheduleRepository
from vespera.infrastructure.persistence.signal_repository import SqlSignalRepository
from vespera.infrastructure.persistence.snapshot_repository import SqlSnapshotRepository
from vespera.infrastructure.persistence.step_repository import SqlStepRepository
from vespera.infrastructure.persistence.task_archive import SqlTaskArchive
from vespera.infrastructure.persistence.task_histories import SqlTaskHistories
from vespera.infrastructure.persistence.task_queue import SqlTaskQueue
from vespera.infrastructure.persistence.task_repository import SqlTaskRepository
from vespera.infrastructure.persistence.unit_of_work import SqlUnitOfWork
from vespera.infrastructure.persistence.waiver_repository import SqlWaivers
from vespera.infrastructure.signing import Ed25519Signing
from vespera.infrastructure.threads import Threads
from vespera.infrastructure.timetable import CronTimetable


class Adapters(BaseContainer):
    """One of each for the container's life; ``Container`` adds what uses them."""

    config = providers.Configuration(strict=True)

    clock: Provider[Clock] = providers.Singleton(SystemClock)
    new_id: Provider[TimeOrderedIds] = providers.Singleton(TimeOrderedIds, clock)
    codec: Provider[Codec] = providers.Singleton(MsgspecCodec, config.payload_limit)
    value_forms: Provider[ValueForms] = providers.Singleton(JsonForms, codec, config.payload_limit)
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
        spill_above=config.spill_above,
        audit=config.audit,
    )
    files: Provider[FileStore] = Service(
        LocalFileStore, config.workspace, threads, database=database.provided.path
    )
    scanner: Provider[WorkspaceScanner] = providers.Singleton(
        LocalWorkspaceScanner,
        config.workspace,
        threads,
        clock,
        database=database.provided.path,
        ignore=config.snapshot_ignore,
        watch=config.snapshot_watch,
    )
    restorer: Provider[Restorer] = providers.Singleton(LocalRestorer, config.workspace, threads)
    snapshots: Provider[SnapshotRepository] = providers.Singleton(
        SqlSnapshotRepository, database, threads
    )
    content_references: Provider[ContentReferences] = providers.Singleton(
        SqlContentReferences, database, snapshots, threads
    )
    contents_directory = providers.Singleton(directory_of_contents, database)
    contents: Provider[ContentStore] = Service(
        PackedContents,
        contents_directory,
        config.workspace,
        threads,
        references=content_references,
        clock=clock,
        quota=config.store_quota,
        never=config.store_never,
        retention=providers.Singleton(age_if_any, config.store_retention, "store_retention"),
    )
    owners_directory = providers.Singleton(directory_of_owners, database)
    owners: Provider[Owners] = providers.Singleton(LockFileOwners, owners_directory)
    timetable: Provider[Timetable] = providers.Singleton(CronTimetable)
    signing: Provider[Signing] = providers.Singleton(Ed25519Signing)
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
    histories: Provider[TaskHistories] = providers.Singleton(SqlTaskHistories, database)
    revivals: Provider[Revivals] = providers.Singleton(SqlRevivals, database)
    archive: Provider[TaskArchive] = providers.Singleton(SqlTaskArchive, database)
    signals: Provider[SignalRepository] = providers.Singleton(SqlSignalRepository, database)
    operations: Provider[FileOperationRepository] = providers.Singleton(
        SqlFileOperationRepository, database
    )
    reports: Provider[ReportRepository] = providers.Singleton(SqlReportRepository, database)
    schedules: Provider[ScheduleRepository] = providers.Singleton(SqlScheduleRepository, database)
    rollbacks: Provider[RollbackRepository] = providers.Singleton(SqlRollbackRepository, database)
    waivers: Provider[Waivers] = providers.Singleton(SqlWaivers, database)
    audit_trail: Provider[AuditTrail] = providers.Singleton(SqlAuditTrail, database)
    gates: Provider[Gates] = providers.Singleton(SqlGates, database)
