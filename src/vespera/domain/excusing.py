"""Which findings are let pass although they are not proven."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from vespera.domain.ids import TaskId
from vespera.domain.policy import ProofPolicy
from vespera.domain.verification import Finding
from vespera.domain.waiver import Waiver


def excused(
    findings: Iterable[Finding],
    *,
    policy_of: Callable[[TaskId | None], ProofPolicy],
    waivers: Sequence[Waiver],
) -> tuple[Finding, ...]:
    """The findings, those marked that a policy tolerates or a waiver is of; each is judged by the
    policy of its own task. Of several waivers the last one is told.
    """
    return tuple(
        finding if finding.passes else _excused(finding, policy_of(finding.task_id), waivers)
        for finding in findings
    )


def _excused(finding: Finding, policy: ProofPolicy, waivers: Sequence[Waiver]) -> Finding:
    waiver = next((one for one in reversed(waivers) if one.is_of(finding)), None)
    return replace(
        finding,
        tolerated=finding.verdict in policy.tolerated,
        waived=waiver.mark if waiver else None,
    )
