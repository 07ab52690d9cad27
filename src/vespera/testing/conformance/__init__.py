"""Suites that tell whether an adapter keeps the promises of its port.

    class TestMyClock(ClockConformance):
        def make_clock(self):
            return MyClock()

Each sentence of a port's documentation is a test. Every suite has a factory method, which gives
the adapter: by ``return`` or, to clean up afterwards, by ``yield``; async or not. The suites run in
both modes of pytest-asyncio. They are fit for adapters of your own, and run over Vespera's.
"""

import pytest

_SUITES = (
    "audit",
    "blocking_calls",
    "breakers",
    "care",
    "clock",
    "codec",
    "content_references",
    "contents",
    "costs",
    "dedup",
    "files",
    "gates",
    "histories",
    "host",
    "owners",
    "queue",
    "records",
    "resources",
    "restoring",
    "rollbacks",
    "scanning",
    "schedules",
    "signals",
    "snapshots",
    "tasks",
    "unit_of_work",
    "waits",
    "waivers",
)
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _SUITES))

from vespera.testing.conformance.archive import TaskArchiveConformance
from vespera.testing.conformance.audit import AuditTrailConformance, SigningConformance
from vespera.testing.conformance.blocking_calls import BlockingCallsConformance
from vespera.testing.conformance.breakers import BreakersConformance
from vespera.testing.conformance.care import DatabaseCareConformance
from vespera.testing.conformance.clock import ClockConformance
from vespera.testing.conformance.codec import CodecConformance
from vespera.testing.conformance.content_references import ContentReferencesConformance
from vespera.testing.conformance.contents import ContentStoreConformance
from vespera.testing.conformance.costs import CostLedgerConformance
from vespera.testing.conformance.events import EventLogConformance, ProgressRepositoryConformance
from vespera.testing.conformance.files import DirectoryTreeConformance, FileStoreConformance
from vespera.testing.conformance.gates import GatesConformance
from vespera.testing.conformance.histories import (
    TaskHistoriesConformance,
    ValueFormsConformance,
)
from vespera.testing.conformance.host import HostConformance
from vespera.testing.conformance.owners import OwnersConformance, OwnersOfOneHostConformance
from vespera.testing.conformance.queue import TaskQueueConformance
from vespera.testing.conformance.records import (
    FileOperationRepositoryConformance,
    ReportRepositoryConformance,
    StepRepositoryConformance,
)
from vespera.testing.conformance.resources import (
    ResourceRepositoryConformance,
    ResourceTypeConformance,
)
from vespera.testing.conformance.restoring import RestorerConformance
from vespera.testing.conformance.revivals import RevivalsConformance
from vespera.testing.conformance.rollbacks import RollbackRepositoryConformance
from vespera.testing.conformance.scanning import WorkspaceScannerConformance
from vespera.testing.conformance.schedules import (
    ScheduleRepositoryConformance,
    TimetableConformance,
)
from vespera.testing.conformance.searching import TaskSearchConformance
from vespera.testing.conformance.signals import SignalRepositoryConformance
from vespera.testing.conformance.snapshots import SnapshotRepositoryConformance
from vespera.testing.conformance.stores import Stores
from vespera.testing.conformance.tasks import TaskRepositoryConformance
from vespera.testing.conformance.unit_of_work import UnitOfWorkConformance
from vespera.testing.conformance.waivers import WaiversConformance

__all__ = [
    "AuditTrailConformance",
    "BlockingCallsConformance",
    "BreakersConformance",
    "ClockConformance",
    "CodecConformance",
    "ContentReferencesConformance",
    "ContentStoreConformance",
    "CostLedgerConformance",
    "DatabaseCareConformance",
    "DirectoryTreeConformance",
    "EventLogConformance",
    "FileOperationRepositoryConformance",
    "FileStoreConformance",
    "GatesConformance",
    "HostConformance",
    "OwnersConformance",
    "OwnersOfOneHostConformance",
    "ProgressRepositoryConformance",
    "ReportRepositoryConformance",
    "ResourceRepositoryConformance",
    "ResourceTypeConformance",
    "RestorerConformance",
    "RevivalsConformance",
    "RollbackRepositoryConformance",
    "ScheduleRepositoryConformance",
    "SignalRepositoryConformance",
    "SigningConformance",
    "SnapshotRepositoryConformance",
    "StepRepositoryConformance",
    "Stores",
    "TaskArchiveConformance",
    "TaskHistoriesConformance",
    "TaskQueueConformance",
    "TaskRepositoryConformance",
    "TaskSearchConformance",
    "TimetableConformance",
    "UnitOfWorkConformance",
    "ValueFormsConformance",
    "WaiversConformance",
    "WorkspaceScannerConformance",
]
