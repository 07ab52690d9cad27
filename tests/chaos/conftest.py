"""Sweeps run in a process of their own, from which others are forked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


class Zygote:
    """The process that runs the sweeps; the same for all tests."""

    def __init__(self, complaints: Path) -> None:
        self._complaints = complaints
        with complaints.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaoskit"],
                env={**os.environ, "PYTHONPATH": str(HERE)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def run(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([name, arguments]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the process is gone: {self._complaints.read_text()[-5000:]}"
        found: dict[str, Any] = json.loads(answer)
        assert "failed" not in found, found["failed"] + self._complaints.read_text()[-5000:]
        return found

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    zygote = Zygote(tmp_path_factory.mktemp("zygote") / "complaints")
    yield zygote
    zygote.end()


@pytest.fixture
def sweep(zygote: Zygote, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs a sweep and prints what it has seen, complaints apart."""

    def run(name: str, **arguments: Any) -> dict[str, Any]:
        directory = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        found = zygote.run(name, {"directory": str(directory), **arguments})
        print(f"\n{name} {arguments}: ", {k: v for k, v in found.items() if k != "complaints"})
        return found

    return run
