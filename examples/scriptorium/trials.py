"""Running the tests that were written: the port, and its adapter with a process."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LONGEST_TELLING = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """How the tests went; ``told`` is the end of what they printed."""

    passed: bool
    told: str


class Trials(Protocol):
    """Runs tests."""

    async def run(self, home: str) -> TrialResult | None:
        """Run those of a directory of the workspace; None: nobody wants them to be run."""
        ...


class SubprocessTrials:
    """Runs unittest in a process of its own, which is no protection against what the code does."""

    def __init__(self, *, workspace: str | Path, wanted: bool) -> None:
        self._workspace, self._wanted = Path(workspace), wanted

    async def run(self, home: str) -> TrialResult | None:
        """As the port says; called off, it ends the process."""
        if not self._wanted:
            return None
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-B", "-m", "unittest", "discover", "-p", "test_*.py"),
            cwd=self._workspace / home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        told = said.decode(errors="replace")[-LONGEST_TELLING:].strip()
        return TrialResult(passed=process.returncode == 0, told=told)
