"""What has changed around a task without its having said so."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vespera.application.ports.persistence import TaskRepository
from vespera.application.ports.snapshots import SnapshotRepository
from vespera.application.usecases.find_undeclared import (
    FindUndeclaredResult,
    FindUndeclaredUseCase,
)
from vespera.domain.by_type import ByType
from vespera.domain.errors import FileUnreadable, SnapshotNotFound, UnreadableValue
from vespera.domain.ids import TaskId
from vespera.domain.manifest import Manifest
from vespera.domain.search import TaskSearch
from vespera.domain.snapshot import Snapshot
from vespera.domain.survey import MOST_LISTED, NotExamined, Survey
from vespera.domain.surveying import SnapshotTasks, undeclared_findings, unwitnessed
from vespera.domain.task import Task, TaskStatus
from vespera.domain.undeclared import Account
from vespera.domain.verification import Finding

_AT_WORK = frozenset({TaskStatus.RUNNING, TaskStatus.WAITING, TaskStatus.ASSIGNED})


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The findings on changes that nobody declared, and how they were found."""

    findings: Sequence[Finding] = ()
    survey: Survey | None = None


NOTHING = Surveyed()


class WorkspaceSurveys:
    """Compares the workspace with what it was before a task began, where the setting asks for it.

    A task that is finished is not surveyed any more: what has changed since is not its concern.
    """

    def __init__(
        self,
        *,
        tasks: TaskRepository,
        snapshots: SnapshotRepository,
        find_undeclared: Callable[[], FindUndeclaredUseCase],
        wanted: ByType[SnapshotTasks],
    ) -> None:
        """``find_undeclared`` is asked for when there is something to survey."""
        self._tasks, self._snapshots = tasks, snapshots
        self._find_undeclared, self._wanted = find_undeclared, wanted

    async def of(self, task: Task | None, kin: Sequence[TaskId]) -> Surveyed:
        """The survey of a task's window; ``kin`` are all whose declarations are the task's own.

        What cannot be found out, because there is no snapshot or no way to scan, is a finding.

        Raises:
            StorageError: the database cannot do its work.
        """
        wanted = SnapshotTasks.OFF if task is None else self._wanted.of(task.specialist_type)
        if task is None or wanted is SnapshotTasks.OFF or task.finished:
            return NOTHING
        baseline = await self._snapshots.oldest_of(task.id)
        if baseline is None:
            return Surveyed([unwitnessed(task.id, "no snapshot was taken before the task began")])
        try:
            full = wanted is SnapshotTasks.FULL
            found = await self._find_undeclared().look(kin, baseline, full=full)
        except (FileUnreadable, SnapshotNotFound, UnreadableValue) as error:
            return Surveyed([unwitnessed(task.id, str(error))])
        candidates = await self._at_work_since(baseline, kin) if found.undeclared else ()
        findings = undeclared_findings(found.accounted, task_id=task.id, candidates=candidates)
        return Surveyed(findings, _survey(baseline, found))

    async def baselines_of(self, tasks: Collection[TaskId]) -> Sequence[Manifest]:
        """What was there before these tasks began, as far as there are snapshots that tell.

        Raises:
            StorageError: the database cannot do its work.
        """
        found = []
        for task in tasks:
            baseline = await self._snapshots.oldest_of(task)
            if baseline is not None:
                with suppress(SnapshotNotFound, UnreadableValue):  # removed meanwhile, or damaged
                    found.append(await self._snapshots.manifest_of(baseline.id))
        return found

    async def _at_work_since(self, baseline: Snapshot, kin: Sequence[TaskId]) -> Sequence[TaskId]:
        """Other tasks that had begun, and had not ended when the snapshot was taken."""
        changed = await self._tasks.search(TaskSearch(updated_after=baseline.began_at))
        unfinished = await self._tasks.search(TaskSearch(statuses=_AT_WORK))
        found = {task.id for task in (*changed, *unfinished) if task.begun}
        return sorted(found - set(kin))


def _survey(baseline: Snapshot, found: FindUndeclaredResult) -> Survey:
    accounts = [one.account for one in found.accounted]
    unseen = [NotExamined(path, reason) for path, reason in found.not_examined]
    unseen += [
        NotExamined(one.change.path, "not known before")
        for one in found.accounted
        if one.account is Account.UNKNOWN
    ]
    assert found.ended_at is not None, "a scan has an end"
    return Survey(
        since=baseline.id,
        began_at=baseline.began_at,
        ended_at=found.ended_at,
        undeclared=accounts.count(Account.UNDECLARED),
        foreign=accounts.count(Account.FOREIGN),
        allowed=accounts.count(Account.ALLOWED),
        repository=tuple(found.repository),
        not_examined=tuple(unseen[:MOST_LISTED]),
        unlisted=len(unseen[MOST_LISTED:]),
        caution=found.caution,
    )
