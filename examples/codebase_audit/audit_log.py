"""Who audited what, in a file of its own that the engine knows nothing of."""

import os
from pathlib import Path
from typing import Protocol


class AuditLog(Protocol):
    """Remembers each audit that was really made, repetitions included."""

    def record(self, module: str) -> None:
        """An audit of this module is done."""
        ...


class AppendedLog:
    """A line per audit, appended at once, so that lines of several processes never mix."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, module: str) -> None:
        """See ``AuditLog``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = f"{module}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(file, line)
        finally:
            os.close(file)
