"""To the disk."""

import errno
import os
from pathlib import Path


def sync(path: Path) -> None:
    """Have what the file, or the directory, holds flushed to the disk.

    Raises:
        OSError: it cannot be.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP} or not path.is_dir():
            raise  # some file systems cannot sync directories
    finally:
        os.close(descriptor)
