"""The repositories keep the promises of their ports, in a file too."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from vespera import Container
from vespera.infrastructure.persistence.care import SqliteDatabaseCare
from vespera.testing.conformance import (
    AuditTrailConformance,
    BreakersConformance,
    ContentReferencesConformance,
    CostLedgerConformance,
    DatabaseCareConformance,
    FileOperationRepositoryConformance,
    GatesConformance,
    ReportRepositoryConformance,
    ResourceRepositoryConformance,
    RevivalsConformance,
    ScheduleRepositoryConformance,
    SignalRepositoryConformance,
    SnapshotRepositoryConformance,
    StepRepositoryConformance,
    Stores,
    TaskHistoriesConformance,
    TaskQueueConformance,
    TaskRepositoryConformance,
    UnitOfWorkConformance,
    WaiversConformance,
)


class InAFile:
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path

    more: ClassVar[dict[str, object]] = {}

    async def make_stores(self) -> AsyncIterator[Stores]:
        url = f"sqlite+aiosqlite:///{self.directory}/work.db"
        there = {"database_url": url, "workspace": str(self.directory)}
        async with Container(**there, **self.more) as container:
            yield Stores.of(container)


class TestSqlUnitOfWork(InAFile, UnitOfWorkConformance):
    pass


class TestSqlTaskRepository(InAFile, TaskRepositoryConformance):
    pass


class TestSqlTaskHistories(InAFile, TaskHistoriesConformance):
    pass


class TestSqlTaskQueue(InAFile, TaskQueueConformance):
    pass


class TestSqlSnapshotRepository(InAFile, SnapshotRepositoryConformance):
    pass


class TestSqlResourceRepository(InAFile, ResourceRepositoryConformance):
    pass


class TestSqlCostLedger(InAFile, CostLedgerConformance):
    pass


class TestSqlWaivers(InAFile, WaiversConformance):
    pass


class TestSqlSignalRepository(InAFile, SignalRepositoryConformance):
    pass


class TestSqlGates(InAFile, GatesConformance):
    pass


class TestSqlStepRepository(InAFile, StepRepositoryConformance):
    pass


class TestSqlFileOperationRepository(InAFile, FileOperationRepositoryConformance):
    pass


class TestSqlContentReferences(InAFile, ContentReferencesConformance):
    pass


class TestSqlReportRepository(InAFile, ReportRepositoryConformance):
    pass


class TestSqlRevivals(InAFile, RevivalsConformance):
    pass


class TestSqlScheduleRepository(InAFile, ScheduleRepositoryConformance):
    pass


class TestSqliteDatabaseCare(DatabaseCareConformance):
    def make_care(self, path: Path | None) -> SqliteDatabaseCare:
        return SqliteDatabaseCare(":memory:" if path is None else path)


class TestSqlAuditTrail(InAFile, AuditTrailConformance):
    more: ClassVar[dict[str, object]] = {"audit": True}


class TestSqlBreakers(InAFile, BreakersConformance):
    pass
