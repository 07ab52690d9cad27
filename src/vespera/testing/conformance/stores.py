"""What is kept: the repositories of one database, and the suites that need them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import pytest_asyncio

from vespera.application.ports.archive import TaskArchive
from vespera.application.ports.audit import AuditTrail
from vespera.application.ports.breakers import Breakers
from vespera.application.ports.contents import ContentReferences
from vespera.application.ports.costs import CostLedger
from vespera.application.ports.events import EventLog, ProgressRepository
from vespera.application.ports.gates import Gates
from vespera.application.ports.histories import TaskHistories
from vespera.application.ports.persistence import (
    FileOperationRepository,
    ReportRepository,
    SignalRepository,
    StepRepository,
    TaskQueue,
    TaskRepository,
    UnitOfWork,
)
from vespera.application.ports.resources import ResourceRepository
from vespera.application.ports.revivals import Revivals
from vespera.application.ports.rollbacks import RollbackRepository
from vespera.application.ports.schedules import ScheduleRepository
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.ports.waivers import Waivers
from vespera.infrastructure.di.base import BaseContainer
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The adapters of all persistence ports, over one database."""

    unit_of_work: UnitOfWork
    tasks: TaskRepository
    queue: TaskQueue
    gates: Gates
    steps: StepRepository
    operations: FileOperationRepository
    references: ContentReferences
    reports: ReportRepository
    events: EventLog
    progress: ProgressRepository
    archive: TaskArchive
    histories: TaskHistories
    schedules: ScheduleRepository
    resources: ResourceRepository
    revivals: Revivals
    signals: SignalRepository
    snapshots: SnapshotRepository
    rollbacks: RollbackRepository
    waivers: Waivers
    costs: CostLedger
    audit: AuditTrail
    breakers: Breakers

    @classmethod
    def of(cls, container: BaseContainer) -> Self:
        """Those that a container provides."""
        return cls(
            unit_of_work=container.get(UnitOfWork),
            tasks=container.get(TaskRepository),
            queue=container.get(TaskQueue),
            gates=container.get(Gates),
            steps=container.get(StepRepository),
            operations=container.get(FileOperationRepository),
            references=container.get(ContentReferences),
            reports=container.get(ReportRepository),
            events=container.get(EventLog),
            progress=container.get(ProgressRepository),
            archive=container.get(TaskArchive),
            histories=container.get(TaskHistories),
            resources=container.get(ResourceRepository),
            revivals=container.get(Revivals),
            schedules=container.get(ScheduleRepository),
            signals=container.get(SignalRepository),
            snapshots=container.get(SnapshotRepository),
            rollbacks=container.get(RollbackRepository),
            waivers=container.get(Waivers),
            costs=container.get(CostLedger),
            audit=container.get(AuditTrail),
            breakers=container.get(Breakers),
        )


class PersistenceSuite(AdapterSuite):
    """The adapter in question works with the others, so that the factory gives all of them."""

    def make_stores(self) -> Made[Stores]:
        """All adapters, over a database of their own that is empty.

        Those that you do not write yourself come from a container:
        ``yield Stores.of(container)``.
        """
        raise self.missing("make_stores", "the Stores of an empty database")

    @pytest_asyncio.fixture
    async def stores(self) -> AsyncIterator[Stores]:
        """The adapters of ``make_stores``."""
        async with adapter_of(self.make_stores) as stores:
            yield stores
