"""Files in memory, where thousands of them are to be synced."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED = Path("/dev/shm")


@contextmanager
def directory_in_memory() -> Iterator[Path]:
    """A new directory, in memory if the system has a place for that."""
    path = Path(tempfile.mkdtemp(dir=SHARED if SHARED.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)
