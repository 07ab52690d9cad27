"""The conformance suites can fail: every test of theirs is failed by an adapter that is wrong."""

import ast
import importlib.util
import pkgutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from vespera.application import ports as ports_package
from vespera.testing import conformance
from vespera.testing.conformance.suite import AdapterSuite

ROOT = Path(__file__).parents[3]
PLANTED = Path(__file__).parent / "planted" / "wrong_adapters.py"
SUITES = [
    suite
    for name in conformance.__all__
    if issubclass(suite := getattr(conformance, name), AdapterSuite)
]
SETTINGS = "[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"


def promises_of(suite: type) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


@pytest.fixture(scope="module")
def plants() -> list[type]:
    spec = importlib.util.spec_from_file_location("wrong_adapters", PLANTED)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [each for each in vars(module).values() if hasattr(each, "caught_by")]


def run_pytest(directory: Path, mode: str, *arguments: str) -> str:
    (directory / "pytest.ini").write_text(SETTINGS.format(mode=mode))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"]
    # A test of names that are no UTF-8 prints them, if it fails.
    decoded = {"encoding": "utf-8", "errors": "backslashreplace"}
    done = subprocess.run(
        [*command, "-q", *arguments], cwd=directory, capture_output=True, check=False, **decoded
    )
    return done.stdout + done.stderr


def results_in(report: Path) -> dict[tuple[str, str], set[str]]:
    """What became of each test of each class, over all its parameters."""
    found = defaultdict(set)
    for case in ET.parse(report).iter("testcase"):
        test = (case.get("classname").rpartition(".")[2], case.get("name").partition("[")[0])
        found[test].add(next((part.tag for part in case if part.tag != "system-out"), "passed"))
    return found


def test_every_wrong_adapter_is_caught_by_the_tests_that_should(plants, tmp_path):
    tests = [f"{PLANTED}::{plant.__name__}::{test}" for plant in plants for test in plant.caught_by]
    options = ["--tb=line", "--junitxml=report.xml", "--rootdir", str(tmp_path)]
    # Wrong adapters leave things behind, too, for which each test would be waited for.
    output = run_pytest(tmp_path, "strict", *options, "-o", "vespera_leaks=none", *tests)
    results = results_in(tmp_path / "report.xml")

    missed = [
        f"{plant.__name__}::{test}"
        for plant in plants
        for test in plant.caught_by
        if "failure" not in results[plant.__name__, test]
    ]
    assert missed == [], output


def ports() -> set[type]:
    """All that ``application/ports`` declares."""
    names = [module.name for module in pkgutil.iter_modules(ports_package.__path__)]
    modules = [importlib.import_module(f"{ports_package.__name__}.{name}") for name in names]
    return {
        each
        for module in modules
        for each in vars(module).values()
        if getattr(each, "_is_protocol", False) and each.__module__ == module.__name__
    }


def test_every_port_has_a_suite():
    assert len(ports()) > 10
    assert {port for suite in SUITES for port in suite.ports} == ports()


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_every_suite_is_run_over_an_adapter_of_our_own(suite):
    adapters = [
        base.id
        for path in ROOT.joinpath("tests").rglob("test_*conformance.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
        for base in node.bases
    ]
    also = {each.__name__ for each in SUITES if issubclass(each, suite)}

    assert also & set(adapters)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_every_suite_is_in_the_guide(suite):
    guide = (ROOT / "docs" / "guides" / "testing-adapters.md").read_text(encoding="utf-8")

    assert f"`{suite.__name__}`" in guide
    factories = [name for name in dir(suite) if name.startswith("make_")]
    assert factories
    assert all(f"`{name}(" in guide for name in factories)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_every_test_of_a_suite_is_failed_by_a_wrong_adapter(plants, suite):
    caught = {test for plant in plants if issubclass(plant, suite) for test in plant.caught_by}

    assert promises_of(suite) - caught == set()


USER_S_TESTS = """
from datetime import UTC, datetime

from vespera.infrastructure.codec.msgspec_codec import MsgspecCodec
from vespera.testing import VirtualClock
from vespera.testing.conformance import *
from vespera.testing.conformance import ReportRepositoryConformance

class TestByReturn(CodecConformance):
    def make_codec(self):
        return MsgspecCodec()

class TestByAsyncReturn(CodecConformance):
    async def make_codec(self):
        return MsgspecCodec()

class TestByYield(CodecConformance):
    def make_codec(self):
        yield MsgspecCodec()

class TestByAsyncYield(ClockConformance):
    async def make_clock(self):
        clock = VirtualClock()
        async with clock.running():
            yield clock

class TestForgotten(ReportRepositoryConformance):
    pass

class WrongClock(VirtualClock):
    def now(self):
        return datetime(2030, 1, 1)

class TestWrong(ClockConformance):
    def make_clock(self):
        return WrongClock()
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_suites_work_however_the_factory_is_written_and_are_not_collected_themselves(
    tmp_path, mode
):
    (tmp_path / "test_mine.py").write_text(USER_S_TESTS)
    output = run_pytest(tmp_path, mode, "-k", "not Wrong", "-rE")

    assert "failed" not in output, output
    assert "4 errors" in output, output
    assert "TestForgotten.make_stores() is to give the Stores of an empty database" in output
    assert "Conformance::" not in output


def test_a_failed_test_shows_what_was_compared(tmp_path):
    (tmp_path / "test_mine.py").write_text(USER_S_TESTS)
    output = run_pytest(tmp_path, "strict", "-k", "TestWrong and aware_and_in_utc")

    assert "1 failed" in output
    assert "assert None is datetime.timezone.utc" in output
