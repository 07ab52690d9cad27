"""Rules of the house that no linter knows: one name one thing, small files, tests do not wait."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted(
    path
    for folder in ("tests", "examples")
    for path in (ROOT / folder).rglob("test_*.py")
    if "fixtures" not in path.parts
)
UNIT = ROOT / "tests" / "unit"
UNIT_TESTS = sorted(UNIT.rglob("test_*.py"))
GENERATED = ROOT / "src/vespera/infrastructure/persistence/sql.py"
MOST_LINES = 400
MADE_BY_PROGRAMS = {"sql.py"}
FUNCTIONS_95TH_PERCENTILE = 28
WAITS = {"asyncio.sleep": True, "time.sleep": False}
"""Ways to wait, and whether virtual time makes them take none."""

VIRTUAL = "pytest.mark.virtual_time"
WAYS_ROUND = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.skip"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def nodes(path: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, kinds))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = {node.lineno for node in ast.walk(function) if hasattr(node, "lineno")}
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return len(lines)


def real_waits(node: ast.AST, virtual: bool = False) -> Iterator[int]:
    """The lines where somebody waits, for longer than a turn, for time that is real."""
    virtual = virtual or is_virtual(node)
    if isinstance(node, ast.Call) and [ast.unparse(given) for given in node.args] != ["0"]:
        name = ast.unparse(node.func)
        if name in WAITS and not (virtual and WAITS[name]):
            yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from real_waits(child, virtual)


def is_virtual(node: ast.AST) -> bool:
    """Whether a module, a class or a function is marked ``virtual_time``."""
    if isinstance(node, ast.Module):
        return any("pytestmark" in (line := ast.unparse(s)) and VIRTUAL in line for s in node.body)
    return any(VIRTUAL in ast.unparse(mark) for mark in getattr(node, "decorator_list", ()))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_two_classes_have_the_same_name():
    classes = Counter(
        node.name
        for path in SOURCES
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert [name for name, count in classes.items() if count > 1] == []


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name not in MADE_BY_PROGRAMS], ids=named)
def test_a_file_can_be_read_in_one_sitting(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= MOST_LINES


def test_functions_are_small():
    sizes = [
        code_lines(function)
        for path in SOURCES
        for function in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef)
    ]

    assert quantiles(sizes, n=20)[-1] < FUNCTIONS_95TH_PERCENTILE


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_no_test_waits_in_real_time(path):
    assert list(real_waits(parsed(path))) == []


def test_waiting_is_found_where_time_is_real_and_only_there():
    source = """
@pytest.mark.virtual_time
async def test_virtual():
    await asyncio.sleep(5)

async def test_turn():
    await asyncio.sleep(0)

async def test_real():
    await asyncio.sleep(5)

@pytest.mark.virtual_time
class TestVirtual:
    async def test_virtual_too(self):
        await asyncio.sleep(5)
        time.sleep(1)
"""

    assert list(real_waits(ast.parse(source))) == [10, 16]
    assert list(real_waits(ast.parse(f"pytestmark = pytest.mark.virtual_time{source}"))) == [16]


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_no_test_is_skipped_or_expected_to_fail(path):
    found = [ast.unparse(node) for node in nodes(path, ast.Attribute)]

    assert WAYS_ROUND.isdisjoint(found)


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_no_test_patches_our_own_modules(path):
    patched = [
        call.lineno
        for call in nodes(path, ast.Call)
        if ast.unparse(call.func) in {"patch", "mock.patch", "unittest.mock.patch", "mocker.patch"}
        and "vespera" in ast.unparse(call.args[0])
    ]

    assert patched == []


@pytest.mark.parametrize("path", [path for path in UNIT_TESTS if path.parent != UNIT], ids=named)
def test_unit_tests_mirror_the_source_tree(path):
    source = ROOT / "src" / "vespera" / path.parent.relative_to(UNIT)

    assert source.is_dir()
