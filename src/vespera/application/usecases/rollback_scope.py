"""Whose changes are taken back, and how that can be done as things stand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vespera.application.ports.contents import ContentStore
from vespera.application.ports.files import AnyPath, FileStore
from vespera.application.ports.persistence import FileOperationRepository, TaskRepository
from vespera.application.ports.restoring import Restorer
from vespera.application.usecases.file_statements import checked_id
from vespera.domain.content import ContentSource
from vespera.domain.errors import InvalidRequest, StoreFull, TaskNotFound
from vespera.domain.file_operation import FileOperation, FileState
from vespera.domain.ids import TaskId
from vespera.domain.retry import LARGEST_WHOLE, whole_number_of
from vespera.domain.rollback import RollbackPlan, rollback_named
from vespera.domain.rollback_plan import changed_paths, plan_rollback
from vespera.domain.search import TaskSearch
from vespera.domain.task import FINISHED, Task, TaskStatus

_AT_REST = {*FINISHED, TaskStatus.EXECUTED}
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackScope:
    """Whose changes: a task's, or (``tree``) those of its descendants, too; of one ``attempt``
    only, if it is given; on these ``paths`` and below them only, if they are given.
    """

    task_id: TaskId
    attempt: int | None = None
    tree: bool = False
    paths: Sequence[str] = ()

    def covers(self, path: str) -> bool:
        """Whether the path is among those that are asked for."""
        given = self.paths
        return not given or any(path == one or path.startswith(f"{one}/") for one in given)


class RollbackScout:
    """Finds out what can be taken back. Nothing is changed by that, in the workspace or the
    database.
    """

    def __init__(
        self,
        *,
        tasks: TaskRepository,
        operations: FileOperationRepository,
        files: FileStore,
        contents: ContentStore,
        restorer: Restorer,
    ) -> None:
        self._tasks, self._operations = tasks, operations
        self._files, self._contents, self._restorer = files, contents, restorer

    async def scope(
        self, task_id: str, attempt: object, tree: object, paths: object
    ) -> RollbackScope:
        """The scope that a caller means.

        Raises:
            InvalidRequest: an argument makes no sense; it is named.
            PathRefused: a path leads out of the workspace.
        """
        task = TaskId(checked_id(task_id, "task_id"))
        number = None
        if attempt is not None:
            number = whole_number_of(attempt, "attempt", least=1, most=LARGEST_WHOLE)
            if tree:
                raise InvalidRequest("is one task's; it cannot go with 'tree'", field="attempt")
        places = [await self._files.locate(path) for path in _listed(paths)]
        return RollbackScope(task_id=task, attempt=number, tree=bool(tree), paths=tuple(places))

    async def operations_in(self, scope: RollbackScope) -> Sequence[FileOperation]:
        """The operations that are to be taken back.

        Raises:
            TaskNotFound: there is no such task, and nothing is recorded under this name.
            InvalidRequest: one of the tasks may still be at work, or nothing was recorded on one of
                the paths.
        """
        tasks = await self._tasks_in(scope)
        recorded = [one for task in tasks for one in await self._operations.of_task(task)]
        if not recorded and not await self._tasks.find([scope.task_id]):
            raise TaskNotFound(scope.task_id)
        own = [one for one in recorded if scope.attempt in {None, one.attempt}]
        changed = changed_paths(own)
        for given in scope.paths:
            if not any(path == given or path.startswith(f"{given}/") for path in changed):
                told = f"nothing that is to be taken back was changed at {given!r}"
                raise InvalidRequest(told, field="paths")
        return own

    async def plan(
        self, scope: RollbackScope, own: Sequence[FileOperation], *, securing: bool = False
    ) -> RollbackPlan:
        """How they can be taken back, as things are now.

        Args:
            scope: on which paths.
            own: the operations.
            securing: keep the contents that will be displaced, first; without, those that could be
                kept count as if they were.
        """
        paths = [path for path in changed_paths(own) if scope.covers(path)]
        seen = await self._files.observe(paths) if paths else ()
        found = dict(zip(paths, seen, strict=True))
        recorded = await self._operations.on_paths(paths)
        facts: Mapping[str, Any] = {
            "mine": {one.id for one in own},
            "inside": await self._restorer.names_in(_directories(paths)),
        }
        wanted = set[str]()

        def wish(digest: str) -> bool:
            wanted.add(digest)
            return True

        draft = plan_rollback(recorded, found, kept=wish, **facts)
        kept = set(await self._contents.has(wanted)) | await self._displaced(scope.task_id)
        kept |= await self._secure(draft) if securing else _securable(draft)
        return plan_rollback(recorded, found, kept=kept.__contains__, **facts)

    async def _tasks_in(self, scope: RollbackScope) -> Sequence[TaskId]:
        """The ids of the tasks, all of which are at rest."""
        level: Collection[TaskId] = (scope.task_id,)
        ids = [scope.task_id]
        _check_rest((await self._tasks.find(level)).values())
        while scope.tree and level:
            found = [task for parent in level for task in await self._children(parent)]
            _check_rest(found)
            level = [task.id for task in found]
            ids += level
        return ids

    async def _children(self, parent: TaskId) -> Sequence[Task]:
        return await self._tasks.search(TaskSearch(parent_id=parent, limit=_MANY))

    async def _displaced(self, name: TaskId) -> set[str]:
        """The digests of what the rollback of this name has displaced, if it is one."""
        rollback_id = rollback_named(name)
        if rollback_id is None:
            return set()
        states = (await self._restorer.displaced(rollback_id)).values()
        return {state.digest for state in states if isinstance(state, FileState)}

    async def _secure(self, draft: RollbackPlan) -> set[str]:
        """Keep the contents that will be displaced; gives those that are kept."""
        sources = [
            ContentSource(step.path, step.found.digest)
            for step in draft.steps
            if isinstance(step.found, FileState)
        ]
        try:
            results = await self._contents.put(sources) if sources else ()
        except StoreFull:
            return set()
        return {one.digest for one in results if one.kept and one.digest is not None}


def _securable(draft: RollbackPlan) -> set[str]:
    return {step.found.digest for step in draft.steps if isinstance(step.found, FileState)}


def _check_rest(tasks: Collection[Task]) -> None:
    for task in tasks:
        if task.status not in _AT_REST:
            told = f"task {task.id!r} is {task.status}; wait for its end, or cancel it first"
            raise InvalidRequest(told, field="task_id")


def _directories(paths: Collection[str]) -> Collection[str]:
    """The paths, and all directories that they are in."""
    found = set[str]()
    for path in paths:
        above = path
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return sorted(found)


def _listed(paths: object) -> Sequence[AnyPath]:
    if paths is None:
        return ()
    if isinstance(paths, str | bytes) or not isinstance(paths, Sequence):
        raise InvalidRequest(f"must be a list of paths, not {paths!r}", field="paths")
    return paths
