"""Tasks that change a workspace, and somebody who takes that back."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from vespera import Container, TaskContext, TaskExecutionWorkflow, TaskResult
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.roll_back import RollBackUseCase

Handler = Callable[[TaskContext], Awaitable[object]]
Run = Callable[..., Awaitable[TaskResult]]
Tree = Mapping[str, object]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return workspace


@pytest.fixture
async def container(workspace: Path) -> AsyncIterator[Container]:
    async with Container(workspace=str(workspace)) as container:
        yield container


@pytest.fixture
def tree(workspace: Path) -> Callable[[], Tree]:
    """All that is in the workspace: files with contents and modes, links, directories."""
    return lambda: tree_of(workspace)


@pytest.fixture
def rolling(container: Container) -> RollBackUseCase:
    return container.get(RollBackUseCase)


@pytest.fixture
def run(container: Container) -> Run:
    """Run a handler as the task of this id."""

    async def run_handler(task_id: str, handler: Handler, **fields: object) -> TaskResult:
        container.get(Specialists).register(f"type of {task_id}", handler)
        workflow = container.get(TaskExecutionWorkflow)
        return await workflow.run(
            title="A task", specialist_type=f"type of {task_id}", task_id=task_id, **fields
        )

    return run_handler


def tree_of(workspace: Path) -> Tree:
    found: dict[str, object] = {}
    for path in sorted(workspace.rglob("*")):
        name = os.fsencode(path.relative_to(workspace)).decode("utf-8", "surrogateescape")
        if name.split("/")[0] == ".vespera":
            continue
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = path.stat().st_mode & 0o7777
        else:
            found[name] = (path.read_bytes(), path.stat().st_mode & 0o7777)
    return found
