"""Examples import what is public, as any user would."""

import ast
from pathlib import Path

import pytest

import vespera

EXAMPLES = Path(__file__).parents[3] / "examples"
SOURCES = sorted(path for path in EXAMPLES.rglob("*.py") if "fixtures" not in path.parts)
PUBLIC = ("vespera.testing", "vespera.domain", "vespera.application.ports")


def named(path: Path) -> str:
    return str(path.relative_to(EXAMPLES))


def not_public(source: str) -> list[str]:
    """What a source imports of Vespera beside its public names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "vespera":
            found += [f"vespera.{a.name}" for a in node.names if a.name not in vespera.__all__]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return [
        name
        for name in found
        if name.startswith("vespera.")
        and not any(name == public or name.startswith(f"{public}.") for public in PUBLIC)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_an_example_imports_only_what_is_public(path):
    assert not_public(path.read_text(encoding="utf-8")) == []


def test_private_imports_are_found():
    source = "from vespera import Container, hidden\nimport vespera.infrastructure.clock, os\n"

    assert not_public(source) == ["vespera.hidden", "vespera.infrastructure.clock"]
