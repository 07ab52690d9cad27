"""The local store keeps the promises of the port."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vespera.infrastructure.clock import SystemClock
from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.files.local_restorer import LocalRestorer
from vespera.infrastructure.files.local_workspace_scanner import LocalWorkspaceScanner
from vespera.infrastructure.threads import Threads
from vespera.testing.conformance import (
    DirectoryTreeConformance,
    RestorerConformance,
    WorkspaceScannerConformance,
)


@pytest.mark.usefixtures("open_descriptors")
class TestLocalFileStore(DirectoryTreeConformance):
    def make_store(self, workspace: Path) -> Iterator[LocalFileStore]:
        threads = Threads()
        yield LocalFileStore(workspace, threads)
        threads.close()


@pytest.mark.usefixtures("open_descriptors")
class TestLocalWorkspaceScanner(WorkspaceScannerConformance):
    def make_scanner(self, workspace: Path) -> Iterator[LocalWorkspaceScanner]:
        threads = Threads()
        yield LocalWorkspaceScanner(workspace, threads, SystemClock())
        threads.close()


@pytest.mark.usefixtures("open_descriptors")
class TestLocalRestorer(RestorerConformance):
    def make_restorer(self, workspace: Path) -> Iterator[LocalRestorer]:
        threads = Threads()
        yield LocalRestorer(workspace, threads)
        threads.close()


@pytest.mark.usefixtures("open_descriptors")
class TestLocalRestorerWithoutExchange(RestorerConformance):
    """Where the system knows no exchange, a step takes two names."""

    def make_restorer(self, workspace: Path) -> Iterator[LocalRestorer]:
        def unknown(*_: object) -> None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        threads = Threads()
        yield LocalRestorer(workspace, threads, exchange=unknown)
        threads.close()
