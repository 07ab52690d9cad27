"""What ruff says of code."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # it says nothing of its types

RULES = "A,B,C4,E,F,I,N,PIE,PTH,RET,SIM,UP,W"


class Linter(Protocol):
    """Finds what is wrong with code."""

    async def check(self, code: str) -> Sequence[str]:
        """What is wrong with this code, a line for each finding; none: it is clean."""
        ...

    async def check_file(self, path: str) -> Sequence[str]:
        """The same of a file of the workspace."""
        ...


class RuffLinter:
    """ruff, as a program of its own; the rules are those of this file, not of the workspace."""

    def __init__(self, *, workspace: str) -> None:
        self._workspace = Path(workspace)

    async def check(self, code: str) -> Sequence[str]:
        """What ruff says of a text."""
        return await self._said("--stdin-filename", "draft.py", "-", given=code)

    async def check_file(self, path: str) -> Sequence[str]:
        """What ruff says of a file."""
        return await self._said(str(self._workspace / path))

    async def _said(self, *arguments: str, given: str = "") -> Sequence[str]:
        process = await asyncio.create_subprocess_exec(
            find_ruff_bin(),
            *("check", "--isolated", "--no-cache", "--quiet", "--select", RULES),
            *("--output-format", "json", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            told, trouble = await process.communicate(given.encode())
        except BaseException:
            if process.returncode is None:
                process.kill()
            await process.wait()
            raise
        if process.returncode not in {0, 1}:
            raise RuntimeError(f"ruff cannot be run: {trouble.decode().strip()}")
        return [_line(found) for found in json.loads(told)]


def _line(found: Any) -> str:
    return f"line {found['location']['row']}: {found['code'] or 'syntax'}: {found['message']}"
