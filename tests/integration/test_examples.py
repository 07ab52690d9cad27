"""Examples are what users would write: they import what is public, and nothing else."""

import ast
from pathlib import Path

import pytest

import vespera

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))
PUBLIC = (
    *("vespera.domain.errors", "vespera.testing"),
    *("vespera.domain.context_forms", "vespera.domain.file_operation"),
)
"""Beside the names of ``vespera`` itself; of the values in ``vespera.domain``, those that ports and
use cases of public names give.
"""


def imports_of(source):
    """Each import of Vespera: the module, and the names that are taken from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((each.name, ()) for each in node.names if is_ours(each.name))
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module or ""):
            yield node.module, tuple(each.name for each in node.names)


def is_ours(module):
    return module.partition(".")[0] == "vespera"


def private(source):
    """The imports of what is not public."""
    return [
        (module, names)
        for module, names in imports_of(source)
        if not any(f"{module}.".startswith(f"{public}.") for public in PUBLIC)
        and (module != "vespera" or not set(names) <= set(vespera.__all__))
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_imports_only_what_is_public(example):
    sources = [path for path in example.rglob("*.py") if "fixtures" not in path.parts]

    assert sources
    assert [found for path in sources for found in private(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_tests_and_is_in_the_list(example):
    assert list(example.glob("tests/test_*.py"))
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert f"({example.name}/README.md)" in listed


@pytest.mark.parametrize(
    "source",
    [
        "import vespera.infrastructure",
        "from vespera import infrastructure",
        "from vespera.application.runtime.context import TaskContext",
        "from vespera.domain.errors_of_others import X",
    ],
)
def test_what_is_private_is_found(source):
    assert len(private(source)) == 1


def test_what_is_public_is_not():
    source = "from vespera import Container\nfrom vespera.testing.servers import ModelServer\n"

    assert private(source) == []
