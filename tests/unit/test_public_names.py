"""The front door: what `vespera` offers, and what it costs."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import vespera

LOADED_BY_IMPORT = (
    "import sys; old = set(sys.modules); import vespera; print(*set(sys.modules) - old)"
)


def declared_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(vespera.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}


def test_the_public_names_are_sorted():
    assert list(vespera.__all__) == sorted(vespera.__all__)


@pytest.mark.parametrize("name", vespera.__all__)
def test_each_public_name_can_be_imported(name):
    assert getattr(vespera, name) is not None


def test_type_checkers_and_the_interpreter_are_told_the_same():
    at_run_time = {name: f"vespera.{home}" for name, home in vespera._HOMES.items()}

    assert declared_for_type_checkers() == at_run_time


def test_everything_that_is_exported_is_public():
    assert {*vespera._HOMES, "__version__"} == set(vespera.__all__)


@pytest.mark.parametrize("name", sorted(vespera._HOMES))
def test_each_name_is_the_one_that_its_home_defines(name):
    home = import_module(f"vespera.{vespera._HOMES[name]}")

    assert getattr(vespera, name) is getattr(home, name)


def test_dir_lists_the_public_names():
    assert set(vespera.__all__) <= set(dir(vespera))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'vespera' has no attribute 'Contaner'"):
        vespera.Contaner  # noqa: B018


def test_importing_vespera_imports_no_framework():
    heavy = {"dependency_injector", "sqlalchemy", "alembic", "msgspec", "asyncio", "click", "rich"}

    out = subprocess.run(
        [sys.executable, "-c", LOADED_BY_IMPORT], capture_output=True, text=True, check=True
    )

    assert heavy.isdisjoint(out.stdout.split())
