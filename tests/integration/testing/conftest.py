"""Somebody else's project, with tests of its own, run in a process of its own."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

# pytest writes more where one of these is set (it cuts no line of its summary)
_ENVIRONMENT = {n: v for n, v in os.environ.items() if n not in {"CI", "BUILD_NUMBER"}}


@dataclass
class Outcome:
    """What a test run said."""

    text: str

    @property
    def counts(self) -> dict[str, int]:
        """How many passed, failed, ...: the words of pytest's last line."""
        found = re.findall(r"(\d+) (passed|failed|error|skipped|warning)s?\b", self.text)
        return {word: int(number) for number, word in found}

    def assert_counts(self, **expected: int) -> None:
        assert self.counts == expected, self.text

    def assert_says(self, *words: str) -> None:
        for each in words:
            assert each in self.text, f"{each!r} is not in:\n{self.text}"


@dataclass
class Project:
    """A directory with tests."""

    path: Path

    def write(self, **files: str) -> None:
        """Write modules: ``name="source"``."""
        for name, source in files.items():
            (self.path / f"{name}.py").write_text(dedent(source))

    def ini(self, *lines: str) -> None:
        """Write pytest's settings."""
        (self.path / "pytest.ini").write_text("\n".join(["[pytest]", *lines]))

    def run(self, *options: str) -> Outcome:
        """Run its tests."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=False,
            env=_ENVIRONMENT,
        )
        return Outcome(done.stdout + done.stderr)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.ini("asyncio_default_fixture_loop_scope = function", "filterwarnings = error")
    return made
