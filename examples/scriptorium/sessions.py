"""Sessions: begun, gone on with, and told of."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from scriptorium.plan import ROLES
from vespera import (
    FileStore,
    InspectTasksUseCase,
    TaskId,
    TaskOrchestrator,
    TaskResult,
    TaskStatus,
    Verdict,
)
from vespera.domain.errors import InvalidRequest, WorkspaceError

SESSION = "session"
_MOST = 100
_STOPPED = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.EXECUTED})
_PROVEN = frozenset({Verdict.VERIFIED, Verdict.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """How one subtask stands. ``proven`` of its ``operations`` on files are what they claim."""

    id: str
    key: str
    role: str
    title: str
    status: TaskStatus
    attempt: int
    outside: bool
    needs: Sequence[str]
    summary: str
    next_action: str
    artifacts: Sequence[str]
    operations: int
    proven: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """How a session stands: the tree of its subtasks, and what there is of its files."""

    id: str
    premise: str
    home: str
    status: TaskStatus
    summary: str
    error: str
    branches: Sequence[Branch]
    files: Mapping[str, str]

    @property
    def decisions(self) -> Mapping[str, str]:
        """The files that tell what was decided."""
        return {path: text for path, text in self.files.items() if "/decisions/" in path}

    @property
    def handed_over(self) -> Sequence[Branch]:
        """What outside workers are to do now."""
        return [each for each in self.branches if each.status is TaskStatus.ASSIGNED]


class SessionsUseCase:
    """Begins sessions and tells of them. The same premise is the same session."""

    def __init__(
        self,
        *,
        orchestrator: TaskOrchestrator,
        inspection: InspectTasksUseCase,
        files: FileStore,
    ) -> None:
        self._orchestrator, self._inspection, self._files = orchestrator, inspection, files

    async def initialise(self, premise: str, outside: Sequence[str] = ()) -> TaskResult:
        """Begin the session, or go on with it: what failed is tried again.

        Args:
            premise: what is to be made.
            outside: the roles that are handed to outside workers; of a session that has begun, they
                stay as they were, and need not be given again.

        Raises:
            InvalidRequest: there is no premise, a role does not exist, or the session has begun
                with other roles outside.
        """
        name = name_of(premise)
        for role in outside:
            if role not in ROLES:
                raise InvalidRequest(f"{role!r} is none of {', '.join(ROLES)}", field="outside")
        created = await self._orchestrator.create_task(
            title=premise[:200],
            specialist_type=SESSION,
            task_id=name,
            payload={"premise": premise, "home": name, "outside": list(outside)},
            completion="auto",
        )
        stands = await self._orchestrator.get_task_status(name)
        if stands.status is None:  # it could not be created, and not because it is there
            return created
        if outside:
            await self._check_outside(name, outside)
        if stands.status in _STOPPED and stands.error:
            return await self._orchestrator.retry_task(name, reason="begun again")
        return stands

    async def status(self, session: str) -> SessionStatus:
        """The whole tree.

        Raises:
            InvalidRequest: there is no such session.
        """
        details = (await self._inspection.show_task(TaskId(session))).details
        if details is None or details.task.specialist_type != SESSION:
            raise InvalidRequest(f"there is no session {session!r}", field="session")
        payload = cast("Mapping[str, str]", details.payload)
        stands = await self._orchestrator.get_task_status(session)
        page = await self._orchestrator.tasks(parent_id=session, order="oldest", limit=_MOST)
        branches = [await self._branch(task.id) for task in page.tasks]
        paths = [path for each in branches for path in each.artifacts]
        own = [finding.path for finding in details.findings]
        return SessionStatus(
            id=session,
            premise=payload["premise"],
            home=payload["home"],
            status=details.task.status,
            summary=stands.outcome.summary if stands.outcome else "",
            error=stands.error or "",
            branches=branches,
            files=await self._read(dict.fromkeys([*own, *paths])),
        )

    async def _check_outside(self, session: str, wanted: Sequence[str]) -> None:
        details = (await self._inspection.show_task(TaskId(session))).details
        assert details is not None, "it was there a moment ago"
        outside = cast("Mapping[str, Sequence[str]]", details.payload)["outside"]
        if set(outside) != set(wanted):
            has = f"with outside: {', '.join(outside)}" if outside else "with nobody outside"
            told = f"this session has begun {has}, and goes on so; begin another in another home"
            raise InvalidRequest(told, field="outside")

    async def _branch(self, task_id: TaskId) -> Branch:
        details = (await self._inspection.show_task(task_id)).details
        assert details is not None, "tasks of a session are not purged while it is looked at"
        stands = await self._orchestrator.get_task_status(task_id)
        payload = cast("Mapping[str, str]", details.payload)
        outcome = stands.outcome
        return Branch(
            id=task_id,
            key=payload["key"],
            role=payload["role"],
            title=details.task.title,
            status=details.task.status,
            attempt=details.task.attempt,
            outside=details.task.specialist_type != payload["role"],
            needs=[each.title for each in details.dependencies],
            summary=outcome.summary if outcome else "",
            next_action=outcome.next_action if outcome else "",
            artifacts=outcome.artifacts if outcome else (),
            operations=len(details.findings),
            proven=sum(finding.verdict in _PROVEN for finding in details.findings),
            error=stands.error or "",
        )

    async def _read(self, paths: Mapping[str, None]) -> Mapping[str, str]:
        found = {}
        for path in paths:
            try:
                content = await self._files.read(await self._files.locate(path))
            except WorkspaceError as error:
                found[path] = f"(cannot be read: {error})"
            else:
                found[path] = content.decode(errors="replace")
        return found


def name_of(premise: str) -> str:
    """The session's name, which its directory has too.

    Raises:
        InvalidRequest: nothing of the premise can be in a name.
    """
    words = re.findall(r"[a-z0-9]+", premise.lower())
    if not words:
        raise InvalidRequest("say in words what is to be made", field="premise")
    digest = hashlib.sha256(premise.encode()).hexdigest()  # beginnings may be alike
    return "-".join([*(word[:20] for word in words[:5]), digest[:6]])
