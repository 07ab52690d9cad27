"""Who may begin: what is declared and paused, the claims that respect it, and why a task waits."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from vespera.application.ports.clock import Clock
from vespera.application.ports.gates import Gates
from vespera.application.ports.persistence import TaskQueue
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.flow import (
    ALL_TYPES,
    NO_LIMITS,
    Gate,
    Limits,
    Traffic,
    closed_by,
    closed_for_all,
    task_paused,
)
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task, TaskStatus


class Flow:
    """Knows whether the database has gates; where it has none, claims are those of the queue.

    What the specialists of this process declare is stored before the process creates or claims a
    task of theirs; what other processes declare is seen at the next ``look``. Of several processes
    that declare different limits for a type, the one that has started last has its way.
    """

    def __init__(
        self,
        *,
        gates: Gates,
        specialists: Specialists,
        notices: Notices,
        clock: Clock,
    ) -> None:
        self._gates, self.specialists = gates, specialists
        self._notices, self._clock = notices, clock
        self._known: Mapping[str, Gate] = {}
        self._seen: int | None = None
        self._declared: Mapping[str, Limits] = {}

    @property
    def gates(self) -> Gates | None:
        """Where the next task is claimed from, if there are gates; None: from the queue."""
        return self._gates if self._known else None

    def has_gate(self, specialist_type: str) -> bool:
        """Whether tasks of the type pass a gate, as far as is known here."""
        return bool(self._gates_of(specialist_type))

    def counts_running(self, specialist_type: str) -> bool:
        """Whether a limit says how many tasks of the type may run, as far as is known here."""
        return any(gate.limits.counts_running for gate in self._gates_of(specialist_type))

    async def look(self) -> None:
        """Store what is declared here, if that was not done, and see what others have declared."""
        seen, declared = self.specialists.revision, self.specialists.limits()
        stored = await self._gates.all()
        told = {kind: gate.limits for kind, gate in stored.items()}
        news = {
            kind: limits
            for kind, limits in declared.items()
            if limits not in {self._declared.get(kind), told.get(kind, NO_LIMITS)}
        }
        if news:
            await self._gates.declare(news)
            stored = await self._gates.all()
        self._known, self._seen, self._declared = stored, seen, declared

    async def declare(self) -> None:
        """``look``, if that was not done since a specialist was registered."""
        if self._seen != self.specialists.revision and not self._notices.closed:
            await self.look()

    async def claim(
        self,
        queue: TaskQueue,
        task_id: TaskId,
        *,
        owner: OwnerId,
        now: datetime,
        lease_until: datetime,
    ) -> Task | None:
        """Claim this task from the queue, or, if it has a gate, through that."""
        await self.declare()
        for line in (queue, self._gates):
            claimed = await line.claim(task_id, owner=owner, now=now, lease_until=lease_until)
            if claimed is not None:
                return claimed
        return None

    async def next_due(self) -> datetime | None:
        """When a delayed task is due, or a rate lets one begin that is ready."""
        return await self._gates.next_due(now=self._clock.now())

    async def pause_type(self, specialist_type: str) -> None:
        """Let no task of the type begin from now on, in no process."""
        await self._gates.pause_type(specialist_type, now=self._clock.now())
        await self._tell_all()

    async def resume_type(self, specialist_type: str) -> bool:
        """Undo that; whether it was paused."""
        resumed = await self._gates.resume_type(specialist_type)
        await self._tell_all()
        return resumed

    async def pause_task(self, task_id: TaskId) -> bool:
        """Keep a task from going on; whether it could be kept."""
        paused = await self._gates.pause_task(task_id, now=self._clock.now())
        self._notices.all()
        return paused

    async def resume_task(self, task_id: TaskId) -> bool:
        """Undo that; whether it was paused."""
        resumed = await self._gates.resume_task(task_id)
        self._notices.all()
        return resumed

    async def all_gates(self) -> Mapping[str, Gate]:
        """Every gate there is, by type."""
        return await self._gates.all()

    async def pauses(self, task: Task) -> str:
        """What is paused of the task, or of what it waits for, in words; "" if nothing is."""
        if task.status is not TaskStatus.PENDING:
            return ""
        if why := self._other_version(task):
            return why
        if not (task.paused or task.gated or task.blockers):
            return ""
        for found in await self._gates.paused_before(task.id):
            why = await self._paused(found)
            if found.id == task.id:
                return why
            return f"it waits for {found.id!r} ({found.title}), and {why}"
        return ""

    async def keeps_waiting(self, task: Task) -> str:
        """Why a pending task does not run at this moment, in words; "" if it may at any time."""
        if task.status is not TaskStatus.PENDING:
            return ""
        if why := await self.pauses(task):
            return why
        if task.blockers:
            tasks = "1 task that is" if task.blockers == 1 else f"{task.blockers} tasks that are"
            return f"it waits for {tasks} not completed yet"
        now = self._clock.now()
        if task.run_after is not None and task.run_after > now:
            return f"it runs after {task.run_after.isoformat(' ', 'seconds')}"
        return await self._closed(task, now) if task.gated else ""

    def _gates_of(self, specialist_type: str) -> Sequence[Gate]:
        """Those that tasks of the type pass, as far as is known here."""
        return [self._known[kind] for kind in (ALL_TYPES, specialist_type) if kind in self._known]

    async def _closed(self, task: Task, now: datetime) -> str:
        gates, kind = await self._gates.all(), task.specialist_type
        gate = gates.get(kind, Gate(specialist_type=kind))
        traffic = await self._gates.traffic_of(task, gate, now=now)
        of_all = gates.get(ALL_TYPES)
        full = closed_for_all(of_all, traffic) if of_all else ""
        return full or closed_by(gate, traffic, task.concurrency_key)

    def _other_version(self, task: Task) -> str:
        version, known = task.handler_version, self.specialists
        if version is None or known.takes_version(task.specialist_type, version):
            return ""
        told = known.told_refused(task.specialist_type, version)
        return f"it waits for a worker with the handler that has begun it: {told}".rstrip(".")

    async def _paused(self, task: Task) -> str:
        if task.paused_at is not None:
            return task_paused(task.paused_at)
        gate = (await self._gates.all()).get(task.specialist_type)
        return "" if gate is None else closed_by(gate, Traffic(), None)

    async def _tell_all(self) -> None:
        self._known = await self._gates.all()
        self._notices.all()
