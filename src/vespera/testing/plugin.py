"""The pytest plugin: markers, options, virtual time, leak checks, and where fixtures come from.

Every test run in an environment that has Vespera loads this file: it imports pytest and nothing
else, until a test asks for something.
"""

from collections.abc import Generator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

_MARKERS = (
    "virtual_time: run the test on an event loop whose time jumps over every wait",
    "crash: kills processes of its own with SIGKILL and starts them again",
    "performance: measures how long something takes",
    "integration: works with real files, processes or sockets",
    "leaks_allowed(*kinds): what this test may leave behind; no kinds: anything",
)
_FIXTURES = ("fixtures", "mock_fixtures", "fault_fixtures")
_OPTIONS = ("sim.pytest_options",)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Options and ini settings, ours and those of the parts that bring their own."""
    group = parser.getgroup("vespera")
    group.addoption(
        "--vespera-blocking",
        action="store_true",
        help="Fail async tests that block the event loop (needs blockbuster).",
    )
    parser.addini(
        "vespera_leaks",
        default="async",
        help="Which tests must leave nothing behind: async (the default), all, or none.",
    )
    parser.addini(
        "vespera_container",
        default="vespera:Container",
        help="The container class of the fixture 'container', as 'package.module:Class'.",
    )
    for name in _present(_OPTIONS):
        pluginmanager.register(import_module(name), name)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and the fixtures, which need pytest-asyncio."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if not config.pluginmanager.hasplugin("asyncio"):
        names = ["vespera.testing.no_fixtures"]
    else:
        names = [*_present(_FIXTURES), "vespera.testing.leak_hooks"]
        if config.getoption("--vespera-blocking"):
            names.append("vespera.testing.blocking")
    for name in names:
        if not config.pluginmanager.hasplugin(name):  # the project may have asked for it itself
            config.pluginmanager.register(import_module(name), name)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> None:
    """In strict mode too, an async test with ``virtual_time`` is a test."""
    obj = getattr(obj, "__func__", obj)  # of a staticmethod
    marked = _has_own_mark(obj) or collector.get_closest_marker("virtual_time") is not None
    if marked and collector.config.pluginmanager.hasplugin("asyncio"):
        virtual_time().make_async(collector, name, obj)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Generator[None, Mapping[str, Any] | None, Mapping[str, Any]]:
    """The loops a test runs on: those of the project, or asyncio's own, or the virtual one."""
    theirs = yield
    chosen: Mapping[str, Any] = virtual_time().loop_factories(item, theirs)
    return chosen


def pytest_itemcollected(item: pytest.Item) -> None:
    """One parameter of a test may be marked too."""
    if item.get_closest_marker("virtual_time") is not None:
        virtual_time().give_own_loop(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """See that a test runs on the event loop of its fixtures."""
    if hasattr(item, "_loop_scope"):
        import_module("vespera.testing.loop_scopes").check_loop_scope(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """See that a test that asks for virtual time has it."""
    if item.get_closest_marker("virtual_time") is not None:
        virtual_time().check(item)
    return (yield)


def virtual_time() -> Any:
    """What is needed for virtual time; imported when a test needs it."""
    return import_module("vespera.testing.virtual_time")


def _has_own_mark(obj: object) -> bool:
    marks = getattr(obj, "pytestmark", ())
    return any(getattr(mark, "name", "") == "virtual_time" for mark in _listed(marks))


def _listed(marks: Any) -> list[Any]:
    return list(marks) if isinstance(marks, list | tuple) else [marks]


def _present(names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        folder = name.rpartition(".")[0]
        if folder and find_spec(f"vespera.testing.{folder}") is None:
            continue
        if find_spec(f"vespera.testing.{name}") is not None:
            found.append(f"vespera.testing.{name}")
    return found
