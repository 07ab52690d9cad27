"""A workspace on the disk, and a store in it."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from vespera import Container, TrackFileOperationsUseCase
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
