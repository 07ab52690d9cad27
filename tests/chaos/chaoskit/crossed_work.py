"""Two tasks and a person change the same few paths; then what one task did is taken back."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vespera import Container, TaskContext, TaskExecutionWorkflow, TrackFileOperationsUseCase
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.roll_back import RollBackUseCase
from vespera.domain.errors import WorkspaceError

PATHS = ("a", "b", "d", "d/a", "d/b")
TASKS = ("one", "two")
PERSON = "person"
KINDS = ("write", "append", "delete", "move", "copy", "mkdir", "rmdir", "symlink", "chmod", "read")
Tree = dict[str, object]


class Deed(NamedTuple):
    """Who does what where; ``other`` is a second path."""

    who: str
    kind: str
    path: str
    other: str
    number: int


async def told_wrong(directory: Path, deeds: Sequence[Deed]) -> list[str]:
    """What is not as it should be, after the task "one" was rolled back, and that was undone."""
    book = _Book(directory)
    async with Container(workspace=str(directory)) as container:
        await _work(container, deeds, book)
        before = tree_of(directory)
        rolling = container.get(RollBackUseCase)
        plan = await rolling.plan("one")
        whole = await rolling.roll_back("one")
        said = list(book.complaints(plan, whole, before))
        if not whole.success:
            if tree_of(directory) != before:
                said.append("a refused rollback has changed something")
            whole = await rolling.roll_back("one", partial=True)
        after = tree_of(directory)
        said += book.others_are_untouched(before, after)
        said += _conflicts_are_untouched(whole, before, after)
        if whole.rollback_id:
            said += await _undone(rolling, whole.rollback_id, before, directory)
        tracking = container.get(TrackFileOperationsUseCase)
        for task in (f"rollback:{whole.rollback_id}",) if whole.rollback_id else ():
            verified = await tracking.verify_task(task)
            said += [f"{f.path}: {f.verdict}: {f.reason}" for f in verified.failed_verifications]
    return said


class _Book:
    """Who changed which path, in turn, and what was there before and after."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._changes: dict[str, list[tuple[str, object, object]]] = {}
        self._seen = tree_of(directory)

    def note(self, who: str) -> None:
        """Somebody has done something."""
        now = tree_of(self._directory)
        for path in self._seen.keys() | now.keys():
            before, after = self._seen.get(path), now.get(path)
            if before != after:
                self._changes.setdefault(path, []).append((who, before, after))
        self._seen = now

    def complaints(self, plan: Any, whole: Any, before: Tree) -> list[str]:
        """A whole rollback leaves each path as it was before the task's first change; but for
        directories that came with what was put into them.
        """
        said = [] if plan.success else [f"no plan: {plan.error}"]
        touched = {step.path for step in plan.steps}
        said += [
            f"{path} would be touched, and was never changed by the task"
            for path in sorted(touched)
            if "one" not in {who for who, _, _ in self._changes.get(path, ())}
        ]
        now = tree_of(self._directory)
        for path, changes in self._changes.items() if whole.success else ():
            own = [was for who, was, _ in changes if who == "one"]
            if not own or now.get(path) == own[0] or (not own[0] and _is_directory(now, path)):
                continue
            if path in touched or before.get(path) != now.get(path):
                said.append(f"{path} is {now.get(path)}, and was {own[0]}")
        return said

    def others_are_untouched(self, before: Tree, after: Tree) -> list[str]:
        """A path that somebody else has changed last, or that the task never has, is as it was."""
        return [
            f"{path} was somebody else's: {before.get(path)}, and is {after.get(path)}"
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
            and self._changes.get(path, [(PERSON, None, None)])[-1][0] != "one"
        ]


def _is_directory(tree: Tree, path: str) -> bool:
    what = tree.get(path)
    return isinstance(what, tuple) and what[0] == "directory"


def _conflicts_are_untouched(result: Any, before: Tree, after: Tree) -> list[str]:
    return [
        f"{one.path} is in conflict, and was touched"
        for one in result.conflicts
        if before.get(one.path) != after.get(one.path)
    ]


async def _undone(rolling: Any, rollback_id: str, before: Tree, directory: Path) -> list[str]:
    undone = await rolling.undo(rollback_id)
    if not undone.success:
        return [f"cannot be undone: {undone.error}"]
    return [] if tree_of(directory) == before else ["undone, it is not as it was"]


async def _work(container: Container, deeds: Sequence[Deed], book: _Book) -> None:
    """Both tasks are under way at the same time, and do one deed after the other."""
    wishes: dict[str, asyncio.Queue[Deed | None]] = {name: asyncio.Queue() for name in TASKS}
    done = asyncio.Event()

    async def handler(task: TaskContext) -> None:
        while (deed := await wishes[task.id].get()) is not None:
            with suppress(WorkspaceError, ValueError):  # what cannot be done is not done
                await _ACTS[deed.kind](task.files, deed)
            done.set()

    container.get(Specialists).register("worker", handler)
    workflow = container.get(TaskExecutionWorkflow)
    running = [
        asyncio.ensure_future(workflow.run(title="Work", specialist_type="worker", task_id=name))
        for name in TASKS
    ]
    for deed in deeds:
        if deed.who == PERSON:
            _by_hand(book, deed)
        else:
            done.clear()
            wishes[deed.who].put_nowait(deed)
            await done.wait()
        book.note(deed.who)
    for name in TASKS:
        wishes[name].put_nowait(None)
    await asyncio.gather(*running)


_ACTS: dict[str, Callable[[Any, Deed], Any]] = {
    "write": lambda files, deed: files.write_text(deed.path, f"{deed.who} {deed.number}"),
    "append": lambda files, deed: files.append(deed.path, f"+{deed.who}"),
    "delete": lambda files, deed: files.delete(deed.path),
    "move": lambda files, deed: files.move(deed.path, deed.other, overwrite=True),
    "copy": lambda files, deed: files.copy(deed.path, deed.other, overwrite=True),
    "mkdir": lambda files, deed: files.mkdir(deed.path),
    "rmdir": lambda files, deed: files.rmdir(deed.path),
    "symlink": lambda files, deed: files.symlink(deed.path, deed.other),
    "chmod": lambda files, deed: files.chmod(deed.path, 0o700 + deed.number % 64),
    "read": lambda files, deed: files.read_text(deed.path),
}


def _by_hand(book: _Book, deed: Deed) -> None:
    path = book._directory / deed.path
    try:
        match deed.kind:
            case "delete" | "move":
                path.unlink()
            case "mkdir":
                path.mkdir()
            case "rmdir":
                path.rmdir()
            case "chmod":
                path.chmod(0o600 + deed.number % 64, follow_symlinks=not path.is_symlink())
            case _:
                path.write_text(f"{deed.who} {deed.number}")
    except (OSError, NotImplementedError):  # what cannot be done is not done
        pass


def tree_of(directory: Path) -> Tree:
    """All that is there, but for Vespera's own."""
    found: Tree = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if name.split("/", maxsplit=1)[0] == ".vespera":
            continue
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("directory", path.stat().st_mode & 0o7777)
        else:
            found[name] = (path.read_bytes(), path.stat().st_mode & 0o7777)
    return found
