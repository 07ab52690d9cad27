"""A rollback, killed before each operation on the disk: its own, and those of its journal."""

import asyncio
import json
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from chaoskit import children, vfs
from vespera import (
    Container,
    TaskContext,
    TaskExecutionWorkflow,
    TrackFileOperationsUseCase,
    providers,
)
from vespera.application.usecases.roll_back import RollBackUseCase

Tree = dict[str, object]
OLD = {"changed": "as it was", "deleted": "to be deleted", "moved": "to be moved"}
DISPLACED = ["as the task left it", "made by the task", "to be moved"]
_HEARD = frozenset(
    {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"}
)


async def busy(task: TaskContext) -> None:
    files = task.files
    await files.write_text("changed", "as the task left it")
    await files.delete("deleted")
    await files.move("moved", "elsewhere")
    await files.mkdir("made")
    await files.write_text("made/new", "made by the task")
    await files.symlink("link", "made/new")
    await files.chmod("mode", 0o400)


class Desk(Container):
    specialists = providers.Aggregate(busy=providers.Object(busy))


def kills(directory: str, *, points: int | None = None) -> dict[str, Any]:
    """Kill before all operations, or before ``points`` of them, evenly; look at what is left."""
    root = Path(directory)
    template = root / "template"
    assert children.do(partial(_prepared, template)) == 0
    assert children.do(partial(_lived, template, root / "rehearsal", 0)) == 0
    names = json.loads((root / "rehearsal" / "names").read_text())
    wanted = min(len(names), points or len(names))
    said: list[str] = []
    hits = 0
    for number in range(wanted):
        fatal = 1 + number * len(names) // wanted
        place = root / str(fatal)
        hits += children.do(partial(_lived, template, place, fatal)) == -signal.SIGKILL
        said += [f"killed at {fatal} ({names[fatal - 1]}): {c}" for c in _judged(template, place)]
        shutil.rmtree(place)
    return {"points": hits, "calls": len(names), "complaints": said}


def tree_of(workspace: Path) -> Tree:
    """All that is in a workspace, but for Vespera's own."""
    found: Tree = {}
    for path in sorted(workspace.rglob("*")):
        name = str(path.relative_to(workspace))
        if name.split("/", maxsplit=1)[0] == ".vespera":
            continue
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = path.stat().st_mode & 0o7777
        else:
            found[name] = (path.read_text(), path.stat().st_mode & 0o7777)
    return found


def _desk(place: Path) -> Desk:
    return Desk(database_url=str(place / "work.db"), workspace=str(place / "workspace"))


def _prepared(place: Path) -> None:
    """A task has changed the workspace; what was there before is told beside it."""
    workspace = place / "workspace"
    workspace.mkdir(parents=True)
    for name, text in {**OLD, "mode": "stays"}.items():
        (workspace / name).write_text(text)
    before = tree_of(workspace)

    async def work() -> None:
        async with _desk(place) as desk:
            workflow = desk.get(TaskExecutionWorkflow)
            result = await workflow.run(title="Busy", specialist_type="busy", task_id="t")
            assert result.success, result.error

    asyncio.run(work())
    states = {"before": before, "after": tree_of(workspace)}
    (place / "states").write_text(json.dumps(states))


class _Fatal:
    """Ends the process at the ``fatal``-th operation (0: never) that changes something."""

    def __init__(self, fatal: int) -> None:
        self._fatal, self.names, self.listens = fatal, list[str](), False

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
        if event in _HEARD or opens:
            self._count(event)

    def before(self, operation: str, path: str, data: bytes = b"") -> int:
        if operation in {"write", "sync", "truncate", "delete"}:
            self._count(f"database {operation}")
        return vfs.OK

    def after(self, operation: str, path: str, place: int = 0, data: bytes = b"") -> None:
        """Nothing is to be done."""

    def sync(self, descriptor: int) -> None:
        self._count("fsync")
        _sync(descriptor)

    def _count(self, name: str) -> None:
        if self.listens:
            self.names.append(name)
            if len(self.names) == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)


_sync = os.fsync


def _lived(template: Path, place: Path, fatal: int) -> None:
    shutil.copytree(template, place, symlinks=True)
    watch = _Fatal(fatal)
    vfs.install(watch)
    sys.addaudithook(watch.hear)
    os.fsync = watch.sync

    async def work() -> None:
        async with _desk(place) as desk:
            rolling = desk.get(RollBackUseCase)
            assert (await rolling.plan("t")).success
            watch.listens = True
            result = await rolling.roll_back("t")
            watch.listens = False
            assert result.success, result.error

    asyncio.run(work())
    (place / "names").write_text(json.dumps(watch.names))


async def _complaints(template: Path, place: Path) -> list[str]:
    states = json.loads((template / "states").read_text())
    before, after, now = states["before"], states["after"], _plain(tree_of(place / "workspace"))
    said = [
        f"{path} is neither old nor new: {what}"
        for path, what in now.items()
        if what not in {json.dumps(state[path]) for state in (before, after) if path in state}
    ]
    both = before.keys() & after.keys()
    said += [f"{path} is not there" for path in sorted(both - now.keys())]
    async with _desk(place) as desk:
        result = await desk.get(RollBackUseCase).roll_back("t")
        verified = await desk.get(TrackFileOperationsUseCase).verify_all()
    if not result.success:
        said.append(f"cannot be finished: {result.error}")
    if _plain(tree_of(place / "workspace")) != {p: json.dumps(s) for p, s in before.items()}:
        said.append(f"not as it was: {tree_of(place / 'workspace')}")
    said += [f"not proven: {finding}" for finding in verified.failed_verifications]
    kept = (place / "workspace" / ".vespera" / "quarantine").glob("*/*")
    texts = sorted(path.read_text() for path in kept if not path.is_symlink())
    return said if texts == DISPLACED else [*said, f"displaced and not kept as it was: {texts}"]


def _plain(tree: Tree) -> dict[str, str]:
    return {path: json.dumps(what) for path, what in tree.items()}


def _judged(template: Path, place: Path) -> list[str]:
    """The complaints, by another process: this one must stay without threads."""

    def judge() -> None:
        found = asyncio.run(_complaints(template, place))
        (place / "said").write_text(json.dumps(found))

    if children.do(judge) != 0:
        return ["the next process failed"]
    said: list[str] = json.loads((place / "said").read_text())
    return said
