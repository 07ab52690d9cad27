"""The ids that Vespera hands out: opaque, time-ordered strings of 32 hexadecimal digits."""

from typing import NewType

TaskId = NewType("TaskId", str)
OperationId = NewType("OperationId", str)
ReportId = NewType("ReportId", str)
SignalId = NewType("SignalId", str)
OwnerId = NewType("OwnerId", str)
SnapshotId = NewType("SnapshotId", str)
RollbackId = NewType("RollbackId", str)
WaiverId = NewType("WaiverId", str)
ResourceId = NewType("ResourceId", str)
