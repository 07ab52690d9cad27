"""The repositories keep the promises of their ports, in memory."""

from collections.abc import AsyncIterator

from vespera import Container
from vespera.testing.conformance import (
    AuditTrailConformance,
    BreakersConformance,
    ContentReferencesConformance,
    EventLogConformance,
    FileOperationRepositoryConformance,
    GatesConformance,
    ProgressRepositoryConformance,
    ReportRepositoryConformance,
    RevivalsConformance,
    RollbackRepositoryConformance,
    ScheduleRepositoryConformance,
    SignalRepositoryConformance,
    StepRepositoryConformance,
    Stores,
    TaskArchiveConformance,
    TaskHistoriesConformance,
    TaskQueueConformance,
    TaskRepositoryConformance,
    TaskSearchConformance,
    UnitOfWorkConformance,
)


class InMemory:
    async def make_stores(self) -> AsyncIterator[Stores]:
        async with Container(workspace="/nonexistent/vespera", events="all") as container:
            yield Stores.of(container)


class TestSqlUnitOfWork(InMemory, UnitOfWorkConformance):
    pass


class TestSqlTaskRepository(InMemory, TaskRepositoryConformance):
    pass


class TestSqlTaskQueue(InMemory, TaskQueueConformance):
    pass


class TestSqlSignalRepository(InMemory, SignalRepositoryConformance):
    pass


class TestSqlGates(InMemory, GatesConformance):
    pass


class TestSqlStepRepository(InMemory, StepRepositoryConformance):
    pass


class TestSqlFileOperationRepository(InMemory, FileOperationRepositoryConformance):
    pass


class TestSqlContentReferences(InMemory, ContentReferencesConformance):
    pass


class TestSqlReportRepository(InMemory, ReportRepositoryConformance):
    pass


class TestSqlEventLog(InMemory, EventLogConformance):
    pass


class TestSqlProgressRepository(InMemory, ProgressRepositoryConformance):
    pass


class TestSqlTaskHistories(InMemory, TaskHistoriesConformance):
    pass


class TestSqlRevivals(InMemory, RevivalsConformance):
    pass


class TestSqlTaskArchive(InMemory, TaskArchiveConformance):
    pass


class TestSqlTaskSearch(InMemory, TaskSearchConformance):
    pass


class TestSqlScheduleRepository(InMemory, ScheduleRepositoryConformance):
    pass


class TestSqlRollbackRepository(InMemory, RollbackRepositoryConformance):
    pass


class TestSqlAuditTrail(InMemory, AuditTrailConformance):
    async def make_stores(self) -> AsyncIterator[Stores]:
        async with Container(workspace="/nonexistent/vespera", audit=True) as container:
            yield Stores.of(container)


class TestSqlBreakers(InMemory, BreakersConformance):
    pass
