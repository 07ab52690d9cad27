"""The files that a task left and those it began with, as an in-toto Statement names them."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256

from vespera.application.ports.blocking_calls import BlockingCalls
from vespera.application.ports.contents import ContentStore
from vespera.application.ports.files import FileStore
from vespera.application.ports.persistence import TaskRepository
from vespera.application.usecases.file_statements import checked_id
from vespera.application.usecases.inspect_files import FilesOfTask, InspectFilesUseCase
from vespera.domain.audit import AuditHead
from vespera.domain.changes import ChangeKind
from vespera.domain.errors import ContentError, InvalidRequest, WorkspaceError
from vespera.domain.file_operation import FileState, OperationKind, PathState
from vespera.domain.link_statement import Artifact, link_statement, name_of_path
from vespera.domain.net_changes import NetChange
from vespera.domain.state_form import form_of

LARGEST_READ = 256 * 1024 * 1024
"""Bytes of a file that is read whole, in order to know its SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedFiles:
    """Makes statements. What a task changed is told net: by what was there before its first
    operation on a path, and what its last one left.
    """

    inspect_files: InspectFilesUseCase
    tasks: TaskRepository
    files: FileStore
    contents: ContentStore
    threads: BlockingCalls

    async def statement_on(
        self, task_id: str, name: str | None, head: AuditHead
    ) -> Mapping[str, object]:
        """The statement, in plain JSON values.

        Raises:
            InvalidRequest: an argument cannot be used, or the task left no file.
            TaskNotFound: there is no such task.
        """
        step = task_id if name is None else checked_id(name, "name")
        seen = await self.inspect_files.look(task_id)
        left = {
            net.change.path: net.change.after
            for net in seen.changes
            if isinstance(net.change.after, FileState)
        }
        if not left:
            told = "the task left no file that could be attested"
            raise InvalidRequest(told, field="task_id")
        return link_statement(
            step,
            products=await self._artifacts(left),
            materials=await self._artifacts(_began_with(seen)),
            byproducts={
                "task": await self._task_form(seen),
                "removed": [
                    name_of_path(net.change.path) for net in seen.changes if _is_removed(net)
                ],
                "others": _others(seen),
                "audit": {"number": head.number, "hash": head.hash},
            },
        )

    async def _artifacts(self, states: Mapping[str, FileState]) -> Sequence[Artifact]:
        return [
            Artifact(path, state.digest, await self._sha256_of(path, state))
            for path, state in states.items()
        ]

    async def _sha256_of(self, path: str, state: FileState) -> str | None:
        """Of the very content that has the digest, from the disk or else from the store."""
        if state.size <= LARGEST_READ:
            try:
                data = await self.files.read(path)
            except WorkspaceError:  # it is not there any more: the store may have it
                data = b""
            found = await self.threads.call(lambda: self._matching(data, state), what="sha256")
            if found is not None:
                return found
        return await self._sha256_in_store(state.digest)

    def _matching(self, data: bytes, state: FileState) -> str | None:
        return sha256(data).hexdigest() if self.files.digest(data) == state.digest else None

    async def _sha256_in_store(self, digest: str) -> str | None:
        told = sha256()
        try:
            async with aclosing(self.contents.stream(digest)) as blocks:
                async for block in blocks:
                    told.update(block)
        except (ContentError, InvalidRequest):  # not kept, damaged, or a digest of another kind
            return None
        return told.hexdigest()

    async def _task_form(self, seen: FilesOfTask) -> Mapping[str, object]:
        facts = {
            "id": seen.task_id,
            "operations": len(seen.operations),
            "verified": all(finding.passes for finding in seen.findings),
        }
        task = (await self.tasks.find([seen.task_id])).get(seen.task_id)
        if task is None:
            return facts
        more = {"title": task.title, "specialist_type": task.specialist_type}
        ends = {"status": task.status.value, "attempt": task.attempt, "report_id": task.report_id}
        return {**facts, **more, **ends}


def _began_with(seen: FilesOfTask) -> Mapping[str, FileState]:
    """What was there before the task changed it, and what it has read and not changed."""
    before: dict[str, PathState] = {net.change.path: net.change.before for net in seen.changes}
    for operation, finding in zip(seen.operations, seen.findings, strict=True):
        if operation.kind is OperationKind.READ:
            before.setdefault(operation.path, finding.before)
    return {path: state for path, state in before.items() if isinstance(state, FileState)}


def _others(seen: FilesOfTask) -> Sequence[Mapping[str, object]]:
    """What the task left that is no file, and what nobody knows."""
    return [
        {"path": name_of_path(net.change.path), "after": _strict_form(net.change.after)}
        for net in seen.changes
        if not isinstance(net.change.after, FileState) and not _is_removed(net)
    ]


def _is_removed(net: NetChange) -> bool:
    return net.change.kind is ChangeKind.REMOVED


def _strict_form(state: PathState) -> Mapping[str, object]:
    form = form_of(state)
    return {k: name_of_path(v) if isinstance(v, str) else v for k, v in form.items()}
