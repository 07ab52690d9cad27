"""What recording and verifying file operations give back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from vespera.application.ports.files import AnyPath
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    PathState,
)
from vespera.domain.ids import OperationId
from vespera.domain.verdict import Verdict
from vespera.domain.verification import Finding, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFileOperationResult:
    """What became of a request to record an operation; ``file_path`` is as it was given."""

    success: bool
    file_path: AnyPath
    operation_id: OperationId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOperationResult:
    """What a verification found of one operation.

    ``success`` says that the verification ran; ``verified`` and ``verdict`` say what it found.
    """

    success: bool
    operation_id: str
    verified: bool = False
    verdict: Verdict | None = None
    reason: str = ""
    file_path: str | None = None
    destination: str | None = None
    before: PathState = NOT_OBSERVED
    after: PathState = NOT_OBSERVED
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyTaskResult:
    """What a verification found of many operations, in the order of recording.

    ``success`` says that the verification ran, ``verified`` that every finding is proven.
    """

    success: bool
    verified: bool = False
    report: Report | None = None
    error: str | None = None

    @property
    def approved(self) -> bool:
        """Whether nothing keeps the task from its completion: what is not proven is tolerated by
        the policy, or waived.
        """
        return self.report is not None and self.report.approved

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding per operation."""
        return self.report.findings if self.report else ()

    @property
    def total_operations(self) -> int:
        """How many operations were verified."""
        return len(self.findings)

    @property
    def failed_verifications(self) -> tuple[Finding, ...]:
        """The findings that are not proven, also those that are let pass."""
        return tuple(finding for finding in self.findings if not finding.passes)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAllOperationsResult(Mapping[str, object]):
    """What a verification of a task's operations found; fields can be read as keys, too."""

    success: bool
    total_operations: int
    all_verified: bool
    failed_verifications: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    error: str | None = None

    def __getitem__(self, name: str) -> object:
        """The field of this name."""
        if name not in iter(self):
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        """The number of fields."""
        return len(fields(self))
