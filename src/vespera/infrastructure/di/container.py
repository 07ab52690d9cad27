"""The one place where ports meet adapters."""

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from vespera.application.orchestrators.task_orchestrator import TaskOrchestrator
from vespera.application.runtime.attempt import AttemptRunner
from vespera.application.runtime.children import ChildWork
from vespera.application.runtime.crew import Crew
from vespera.application.runtime.engine import Engine
from vespera.application.runtime.equipment import AttemptWork
from vespera.application.runtime.event_feed import EventFeed
from vespera.application.runtime.file_notes import FileWork
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
from vespera.application.runtime.upkeep import Upkeep
from vespera.application.runtime.waits import WaitWork
from vespera.application.runtime.worker import Worker
from vespera.application.usecases.examine_installation import ExamineInstallationUseCase
from vespera.application.usecases.history_document import HistoryForm
from vespera.application.usecases.inspect_tasks import InspectTasksUseCase
from vespera.application.usecases.move_tasks import MoveTasksUseCase
from vespera.application.usecases.purge_tasks import PurgeTasksUseCase
from vespera.application.workflows.fork_task import ForkTaskUseCase
from vespera.application.workflows.retry_task import RetryTaskUseCase
from vespera.application.workflows.send_signal import SendSignalUseCase
from vespera.application.workflows.task_execution_workflow import (
    Machinery,
    TaskExecutionWorkflow,
)
from vespera.domain.flow import Limits
from vespera.domain.retention import retention_of
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import Service, providers
from vespera.infrastructure.di.costs import CostParts
from vespera.infrastructure.di.file_use_cases import FileUseCases
from vespera.infrastructure.di.guards import GuardParts
from vespera.infrastructure.di.options import (
    catalogue_of,
    check_settings,
    keeps_files,
    poll_of,
    span_of,
)
from vespera.infrastructure.di.orchestrators import Orchestrators
from vespera.infrastructure.di.resources import ResourceParts
from vespera.infrastructure.files.packed_contents import QUOTA
from vespera.infrastructure.files.secrets import SECRETS
from vespera.infrastructure.persistence.spilling import SPILL_ABOVE


class Container(GuardParts, ResourceParts, CostParts, FileUseCases, Orchestrators):
    """Vespera, ready to use: ``Container()`` keeps its tasks in memory.

    Settings, as keywords or as one mapping:
        database_url: where tasks are kept; ``"sqlite+aiosqlite:///work.db"`` or in memory.
        workspace: the directory that tasks may touch; by default the current one.
        durability: ``"full"`` (survives a power cut) or ``"normal"`` (survives a crash).
        concurrency: how many tasks the worker runs at a time, 1 or more.
        lease_seconds: how long a task stays with a worker that is not heard of.
        linger_seconds: how long a task that only waits (for a moment, a signal) stays in memory;
            None: until it goes on.
        release_seconds: how long the release of one resource may take.
        crash_limit: after how many crashes in a row a task fails; None: never.
        step_threads: how many functions that are not async may run at a time, 1 or more.
        payload_limit: bytes of one stored value, 1 or more.
        spill_above: values that take more bytes as they are stored (compressed, encrypted) are kept
            in files beside the database file, in the directory ``<database>-values``; None: none.
        events: which are kept: ``"all"``, ``"ends"`` (how attempts and tasks ended, and progress),
            or ``"off"``.
        retention: how long finished tasks and events are kept: a mapping of "completed", "failed",
            "cancelled" and "events" to ages (a timedelta, or seconds), or one age for all; what is
            not named is kept for ever.
        proof: what keeps a task from its completion. ``"strict"``: whatever is not proven of files;
            ``"report_only"``: nothing; or a list of verdicts that do not, as ``["no_effect"]``. A
            mapping gives one of these to each specialist type, and to ``"*"``, all others.
        snapshot_tasks: ``"around"``: a snapshot is taken before a task begins, and the gate refuses
            what has changed since without having been declared; ``"full"``: the gate reads every
            file; or ``"off"``. A mapping gives one of these to each specialist type, as above.
        snapshot_ignore: what snapshots leave out, besides what ``.gitignore`` says: a list of
            patterns as there.
        snapshot_watch: patterns of what is hashed wherever it is, and never kept; by default
            usual names of secrets.
        snapshots_kept: how many snapshots stay when another one is taken; None: all.
        store_replaced: whether what files contain is kept before a task replaces or deletes them,
            so that it can be shown, and put back.
        store_quota: bytes that the contents of files may take, compressed, which are kept to show
            changes and take them back; 1 or more.
        store_never: patterns (as in .gitignore) of files whose content is never kept: secrets.
        store_retention: an age (a timedelta, or seconds): contents to which only older records
            refer may be collected; None: as long as a record refers to them, they are kept.
        audit: keep a log of file operations, reports and completions in which each entry holds the
            hash of all before it: False or True.

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
        "release_seconds": 10.0,
        "crash_limit": 10,
        "step_threads": 32,
        "payload_limit": 1024 * 1024,
        "spill_above": SPILL_ABOVE,
        "events": "ends",
        "retention": None,
        "proof": "strict",
        "snapshot_tasks": "off",
        "snapshot_ignore": (),
        "snapshot_watch": SECRETS,
        "snapshots_kept": 100,
        "store_replaced": True,
        "store_quota": QUOTA,
        "store_never": SECRETS,
        "store_retention": None,
        "audit": False,
    }

    def __init__(self, settings: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Take the settings, as a mapping, by keyword, or both; the environment is never read.

        Raises:
            InvalidRequest: a setting makes no sense; the error names it and says what is allowed.
            WiringError, UnknownSetting, OverrideRefused: as for every container.
        """
        super().__init__(settings, **more)
        check_settings(self.config())

    # Who does the work, and how much of it at a time, by type and ("*") of all types together. A
    # subclass gives its own.
    specialists: providers.Aggregate[Any] = providers.Aggregate()
    limits: providers.Provider[Mapping[str, Limits]] = providers.Object({})

    # The use cases, besides those of files.
    inspect_tasks = providers.Singleton(
        InspectTasksUseCase,
        tasks=Adapters.tasks,
        steps=Adapters.steps,
        signals=Adapters.signals,
        tracking=FileUseCases.track_file_operations,
        progress=Adapters.progress,
        costs=CostParts.cost_ledger,
        plain=Adapters.codec.provided.plain,
    )
    purge_tasks = providers.Singleton(
        PurgeTasksUseCase, archive=Adapters.archive, log=Adapters.event_log, clock=Adapters.clock
    )
    move_tasks = providers.Singleton(
        MoveTasksUseCase,
        histories=Adapters.histories,
        tasks=Adapters.tasks,
        operations=Adapters.operations,
        log=Adapters.event_log,
        form=providers.Singleton(HistoryForm, codec=Adapters.codec, forms=Adapters.value_forms),
        clock=Adapters.clock,
        new_id=Adapters.new_id,
    )
    examine_installation = providers.Singleton(
        ExamineInstallationUseCase,
        host=Adapters.host,
        care=Adapters.care,
        owners=Adapters.owners,
        clock=Adapters.clock,
        owners_directory=Adapters.owners_directory,
        workspace=Adapters.config.workspace,
        contents=Adapters.contents,
    )

    # The machine room.
    lease = providers.Singleton(timedelta, seconds=Adapters.config.lease_seconds)
    poll = providers.Singleton(poll_of, Adapters.database)
    notices = providers.Singleton(Notices)
    crew = providers.Singleton(Crew)
    intake = providers.Singleton(
        Intake, codec=Adapters.codec, clock=Adapters.clock, new_id=Adapters.new_id
    )
    outcomes = providers.Singleton(Outcomes, Adapters.codec)
    registry = providers.Singleton(
        Specialists,
        catalogue=providers.Singleton(catalogue_of, specialists.provider),
        limits=limits,
        told=notices.provided.work,
    )
    flow = providers.Singleton(
        Flow, gates=Adapters.gates, specialists=registry, notices=notices, clock=Adapters.clock
    )
    chance = providers.Object(random.random)
    supervision = providers.Singleton(
        Supervision, clock=Adapters.clock, chance=chance, threads=Adapters.step_threads
    )
    sign_off = providers.Singleton(
        SignOff,
        tasks=Adapters.tasks,
        reports=Adapters.reports,
        unit_of_work=Adapters.unit_of_work,
        tracking=FileUseCases.track_file_operations,
        baselines=FileUseCases.baselines,
        clock=Adapters.clock,
    )
    file_work = providers.Singleton(
        FileWork,
        store=Adapters.files,
        operations=Adapters.operations,
        tracking=FileUseCases.track_file_operations,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
        replaced=FileUseCases.replaced_contents,
    )
    wait_work = providers.Singleton(
        WaitWork,
        tasks=Adapters.tasks,
        signals=Adapters.signals,
        notices=notices,
        codec=Adapters.codec,
        clock=Adapters.clock,
        linger=providers.Singleton(span_of, Adapters.config.linger_seconds),
    )
    child_work = providers.Singleton(
        ChildWork,
        tasks=Adapters.tasks,
        intake=intake,
        outcomes=outcomes,
        notices=notices,
        crew=crew,
    )
    attempt_work = providers.Singleton(
        AttemptWork,
        tasks=Adapters.tasks,
        codec=Adapters.codec,
        outcomes=outcomes,
        supervision=supervision,
        files=file_work,
        progress=Adapters.progress,
        waits=wait_work,
        children=child_work,
        resources=ResourceParts.resource_manager.provider,
        costs=CostParts.cost_tracker.provider,
    )
    attempts = providers.Singleton(
        AttemptRunner,
        work=attempt_work,
        steps=Adapters.steps,
        specialists=registry,
        sign_off=sign_off,
        baselines=FileUseCases.baselines,
        lease=lease,
        crash_limit=Adapters.config.crash_limit,
    )
    engine = Service(
        Engine,
        tasks=Adapters.tasks,
        queue=Adapters.queue,
        flow=flow,
        attempts=attempts,
        owners=Adapters.owners,
        notices=notices,
        clock=Adapters.clock,
        lease=lease,
        poll=poll,
    )
    upkeep = providers.Singleton(
        Upkeep,
        archive=Adapters.archive,
        log=Adapters.event_log,
        retention=providers.Singleton(retention_of, Adapters.config.retention),
        sweeps=providers.Singleton(keeps_files, Adapters.database),
    )
    scheduler = providers.Singleton(
        Scheduler,
        schedules=Adapters.schedules,
        tasks=Adapters.tasks,
        unit_of_work=Adapters.unit_of_work,
        timetable=Adapters.timetable,
        codec=Adapters.codec,
        clock=Adapters.clock,
        intake=intake,
        poll=poll,
    )
    schedule_book = providers.Singleton(
        ScheduleBook,
        schedules=Adapters.schedules,
        tasks=Adapters.tasks,
        unit_of_work=Adapters.unit_of_work,
        timetable=Adapters.timetable,
        scheduler=scheduler,
        notices=notices,
        codec=Adapters.codec,
        clock=Adapters.clock,
    )
    worker = Service(
        Worker,
        engine=engine,
        upkeep=upkeep,
        reclaiming=ResourceParts.reclaiming,
        queue=Adapters.queue,
        flow=flow,
        scheduler=scheduler,
        notices=notices,
        crew=crew,
        clock=Adapters.clock,
        concurrency=Adapters.config.concurrency,
        poll=poll,
    )
    settling = providers.Singleton(
        Settling, tasks=Adapters.tasks, flow=flow, notices=notices, clock=Adapters.clock, poll=poll
    )
    machinery = providers.Singleton(
        Machinery,
        tasks=Adapters.tasks,
        steps=Adapters.steps,
        reports=Adapters.reports,
        unit_of_work=Adapters.unit_of_work,
        engine=engine,
        worker=worker,
        settling=settling,
        flow=flow,
        schedule_book=schedule_book,
        sign_off=sign_off,
        baselines=FileUseCases.baselines,
        specialists=registry,
        notices=notices,
        outcomes=outcomes,
        codec=Adapters.codec,
        clock=Adapters.clock,
        progress=Adapters.progress,
        intake=intake,
    )
    retry_task = providers.Singleton(
        RetryTaskUseCase,
        tasks=Adapters.tasks,
        steps=Adapters.steps,
        revivals=Adapters.revivals,
        operations=Adapters.operations,
        tracking=FileUseCases.track_file_operations,
        notices=notices,
        codec=Adapters.codec,
        clock=Adapters.clock,
    )
    fork_task = providers.Singleton(
        ForkTaskUseCase,
        tasks=Adapters.tasks,
        steps=Adapters.steps,
        revivals=Adapters.revivals,
        notices=notices,
        intake=intake,
    )
    send_signal = providers.Singleton(
        SendSignalUseCase,
        tasks=Adapters.tasks,
        signals=Adapters.signals,
        codec=Adapters.codec,
        notices=notices,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
    )
    feed = providers.Singleton(
        EventFeed,
        log=Adapters.event_log,
        tasks=Adapters.tasks,
        notices=notices,
        clock=Adapters.clock,
        poll=poll,
    )

    # What runs tasks.
    workflow = providers.Singleton(TaskExecutionWorkflow, machinery=machinery)
    orchestrator = providers.Singleton(
        TaskOrchestrator,
        machinery=machinery,
        retrying=retry_task,
        forking=fork_task,
        signals=send_signal,
        inspection=inspect_tasks,
        feed=feed,
        purging=purge_tasks,
        moving=move_tasks,
    )
