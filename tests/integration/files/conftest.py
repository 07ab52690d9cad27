"""A workspace on the disk, and a store in it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from vespera import (
    Container,
    TaskContext,
    TaskExecutionWorkflow,
    TaskResult,
    TrackFileOperationsUseCase,
)
from vespera.application.ports.persistence import FileOperationRepository
from vespera.application.runtime.specialists import Specialists
from vespera.domain.file_operation import FileOperation
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads

NOBODY = 65534


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return workspace


@pytest_asyncio.fixture
async def tracking(workspace: Path) -> AsyncIterator[TrackFileOperationsUseCase]:
    async with Container(workspace=str(workspace)) as container:
        yield container.get(TrackFileOperationsUseCase)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the workspace, with a file that nobody may touch."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    return outside


@pytest.fixture
def store(workspace: Path, threads: Threads) -> LocalFileStore:
    return LocalFileStore(workspace, threads)


@pytest.fixture
def common_workspace() -> Iterator[Path]:
    """A workspace that every user may enter and change."""
    path = Path(tempfile.mkdtemp(prefix="vespera-test-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ordinary_user(common_workspace: Path) -> Iterator[None]:
    """Permissions count: root, whom they do not bind, becomes somebody else for the test."""
    assert common_workspace
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@pytest.fixture
def open_descriptors() -> Iterator[None]:
    """No file is left open by the test."""
    before = _open_descriptors()
    yield
    assert _open_descriptors() <= before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


Handler = Callable[[TaskContext], Awaitable[object]]


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[Container]:
    async with Container(workspace=str(tmp_path)) as container:
        yield container


@pytest.fixture
def run(container: Container) -> Callable[[Handler], Awaitable[TaskResult]]:
    async def run_handler(handler: Handler, **fields: object) -> TaskResult:
        container.get(Specialists).register("worker", handler)
        workflow = container.get(TaskExecutionWorkflow)
        return await workflow.run(title="A", specialist_type="worker", task_id="t", **fields)

    return run_handler


class Dying:
    """A part at whose n-th call of one method the attempt ends, before or behind the call."""

    def __init__(self, real: object, method: str, *, nth: int, behind: bool) -> None:
        self._real, self._method, self._left, self._behind = real, method, nth, behind

    def __getattr__(self, name: str) -> object:
        real = getattr(self._real, name)
        if name != self._method:
            return real

        async def dying(*args: object, **kwargs: object) -> object:
            self._left -= 1
            if self._left == 0 and not self._behind:
                await self._end()
            result = await real(*args, **kwargs)
            if self._left == 0 and self._behind:
                await self._end()
            return result

        return dying

    @staticmethod
    async def _end() -> None:
        attempt = asyncio.current_task()
        assert attempt is not None
        attempt.cancel()
        await asyncio.sleep(0)


class TwoLives:
    """The same task in two containers, one after the other, on one database file."""

    def __init__(self, tmp_path: Path) -> None:
        self.workspace = tmp_path / "work"
        self.workspace.mkdir()
        self._settings = {
            "database_url": f"sqlite+aiosqlite:///{tmp_path / 'tasks.db'}",
            "workspace": str(self.workspace),
        }
        self.operations: list[FileOperation] = []

    async def run(
        self, handler: Handler, port: type, method: str, *, nth: int, behind: bool
    ) -> TaskResult:
        """Run the handler, end the attempt at the given call, and run it again to its end."""
        first = Container(self._settings)
        dying = Dying(first.get(port), method, nth=nth, behind=behind)
        first.override(port, dying)
        first.get(Specialists).register("worker", handler)
        with pytest.raises(asyncio.CancelledError):
            await first.get(TaskExecutionWorkflow).run(
                title="A", specialist_type="worker", task_id="t"
            )
        await first.cleanup_async_services()
        async with Container(self._settings) as second:
            second.get(Specialists).register("worker", handler)
            result = await second.get(TaskExecutionWorkflow).execute_task("t")
            self.operations = [*await second.get(FileOperationRepository).of_task(result.task_id)]
        assert result.attempt == 2
        return result

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.workspace.iterdir()}


@pytest.fixture
def lives(tmp_path: Path) -> TwoLives:
    return TwoLives(tmp_path)
