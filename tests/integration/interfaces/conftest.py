"""Programs in a workspace of their own, and the command line to run them with."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from vespera.interfaces.cli.app import app


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The directory that tasks work in."""
    return tmp_path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write a program's file; what importing it does to this process is undone."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text: str, relative: str = "job.py") -> Path:
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    yield write
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def vespera(workspace: Path) -> Callable[..., Result]:
    """The command `vespera` in this process, in the workspace."""

    def invoke(*args: object, given: str | None = None) -> Result:
        words = [str(arg) for arg in args]
        return CliRunner().invoke(app, [*words, "--workspace", str(workspace)], input=given)

    return invoke
