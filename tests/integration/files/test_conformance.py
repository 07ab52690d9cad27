"""The local store keeps the promises of the port."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vespera.infrastructure.files.local_file_store import LocalFileStore
from vespera.infrastructure.threads import Threads
from vespera.testing.conformance import DirectoryTreeConformance


@pytest.mark.usefixtures("open_descriptors")
class TestLocalFileStore(DirectoryTreeConformance):
    def make_store(self, workspace: Path) -> Iterator[LocalFileStore]:
        threads = Threads()
        yield LocalFileStore(workspace, threads)
        threads.close()
