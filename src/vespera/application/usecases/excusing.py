"""Lets findings pass that a policy tolerates, or that somebody answers for."""

from collections.abc import Collection, Mapping, Sequence

from vespera.application.ports.persistence import TaskRepository
from vespera.application.ports.waivers import Waivers
from vespera.domain.by_type import ByType
from vespera.domain.excusing import excused
from vespera.domain.ids import TaskId
from vespera.domain.policy import ProofPolicy
from vespera.domain.verification import Finding


class Excusing:
    """Knows the policies of the container, by specialist type, and the waivers that are kept."""

    def __init__(
        self, *, tasks: TaskRepository, waivers: Waivers, policies: ByType[ProofPolicy]
    ) -> None:
        self._tasks, self._waivers, self._policies = tasks, waivers, policies

    async def policy_of(self, task_id: TaskId | None) -> ProofPolicy:
        """The policy by which a task is judged; of no task that is known, that of all others."""
        found = await self._policies_of([] if task_id is None else [task_id])
        return found.get(task_id, self._policies.all_others)

    async def excused(self, findings: Collection[Finding]) -> Sequence[Finding]:
        """The findings, with what lets them pass. Where all are proven, nothing is looked up."""
        whose = {f.task_id for f in findings if not f.passes and f.task_id is not None}
        if all(finding.passes for finding in findings):
            return tuple(findings)
        policies = await self._policies_of(whose)
        return excused(
            findings,
            policy_of=lambda task_id: policies.get(task_id, self._policies.all_others),
            waivers=await self._waivers.of_tasks(whose),
        )

    async def _policies_of(
        self, task_ids: Collection[TaskId]
    ) -> Mapping[TaskId | None, ProofPolicy]:
        if self._policies.same_for_all:
            return {}
        found = await self._tasks.find(task_ids)
        return {key: self._policies.of(task.specialist_type) for key, task in found.items()}
