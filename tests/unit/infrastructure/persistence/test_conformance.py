"""The repositories keep the promises of their ports, in memory."""

from collections.abc import AsyncIterator

from vespera import Container
from vespera.testing.conformance import (
    FileOperationRepositoryConformance,
    GatesConformance,
    ReportRepositoryConformance,
    ScheduleRepositoryConformance,
    SignalRepositoryConformance,
    StepRepositoryConformance,
    Stores,
    TaskQueueConformance,
    TaskRepositoryConformance,
    UnitOfWorkConformance,
)


class InMemory:
    async def make_stores(self) -> AsyncIterator[Stores]:
        async with Container(workspace="/nonexistent/vespera") as container:
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


class TestSqlReportRepository(InMemory, ReportRepositoryConformance):
    pass


class TestSqlScheduleRepository(InMemory, ScheduleRepositoryConformance):
    pass
