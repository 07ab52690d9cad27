"""When leaks are looked for, and how a test is told of its own."""

import re
import sys
import warnings
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any

import pytest

from vespera.testing.leaks import (
    Belongings,
    Leak,
    left_on_loop,
    left_on_shared_loop,
    left_since,
    told,
)
from vespera.testing.origins import is_library, last_run
from vespera.testing.tracing import Tracer
from vespera.testing.turns import some_turns

_TESTS = ("async", "all", "none")
_FRAMES_OF_COROUTINES = 5  # a mock makes its coroutine two or three calls below who calls the mock
_FRAME = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)')
_tracer = pytest.StashKey[Tracer]()
_watched = pytest.StashKey["_Watch"]()
_shared_runners = pytest.StashKey[list[Any]]()
_told_runs = pytest.StashKey[set[int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Check the setting."""
    setting = config.getini("vespera_leaks")
    if setting not in _TESTS:
        raise pytest.UsageError(f"vespera_leaks = {setting}: it is one of {', '.join(_TESTS)}.")
    config.stash[_tracer] = Tracer()
    config.stash[_shared_runners], config.stash[_told_runs] = [], set()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop tracing."""
    config.stash[_tracer].stop()


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Note what is there before the test."""
    config = item.config
    config.stash[_watched] = watch = _Watch(active=_is_checked(item))
    if watch.active:
        config.stash[_tracer].begin()
    return (yield)


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Look at what is there after it, when its fixtures have ended."""
    watch = item.config.stash[_watched]
    try:
        result = yield
    finally:
        for runner in item.config.stash[_shared_runners]:
            item.config.stash[_told_runs] |= watch.look_at_shared(runner)
        leaks = watch.end(item.config.stash[_tracer].place_of)
        item.config.stash[_tracer].stop()
    leaks = [leak for leak in leaks if not _is_allowed(item, leak)]
    if leaks:
        pytest.fail(told(leaks), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: Any, request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What a fixture makes for many tests is theirs; a loop is looked at before it is closed."""
    watch = request.config.stash.get(_watched, None)
    if watch is None or not watch.active:
        return (yield)
    is_shared = request.scope != "function"
    before, began = Belongings.now() if is_shared else None, last_run()
    result = yield
    if before is not None:
        watch.adopt(Belongings.now().without(before), range(began + 1, last_run() + 1))
    if fixturedef.argname.endswith("_scoped_runner"):
        if is_shared:
            request.config.stash[_shared_runners].append(result)
        fixturedef.addfinalizer(partial(_look_at_loop, request.config, result))
    return result


class _Watch:
    """What is watched during one test."""

    def __init__(self, *, active: bool) -> None:
        self.active = active
        self.found: list[Leak] = []
        if active:
            self.before = Belongings.now()
            self._began = last_run()
            self._of_others: set[int] = set()
            self._show, warnings.showwarning = warnings.showwarning, self._shown
            self._depth = sys.get_coroutine_origin_tracking_depth()
            sys.set_coroutine_origin_tracking_depth(max(self._depth, _FRAMES_OF_COROUTINES))

    def adopt(self, things: Belongings, runs: Iterable[int]) -> None:
        """What came with a fixture of many tests, in these runs of its loop, is no leak."""
        self.before.adopt(things)
        self._of_others.update(runs)

    def look_at_shared(self, runner: Any) -> set[int]:
        """Note what the test has left on a loop that other tests use too; gives its own runs."""
        if not self.active or runner.get_loop().is_closed():
            return set()
        own = set(range(self._began + 1, last_run() + 1)) - self._of_others
        self.found += _still_there(runner, partial(left_on_shared_loop, runs=own))
        return own

    def end(self, made: Callable[[object], str]) -> list[Leak]:
        """What the test has left behind."""
        if not self.active:
            return []
        left = [*self.found, *left_since(self.before, made)]
        if warnings.showwarning == self._shown:
            warnings.showwarning = self._show
        sys.set_coroutine_origin_tracking_depth(self._depth)
        return left

    def _shown(self, message: Warning | str, *more: Any, **named: Any) -> None:
        if "was never awaited" in str(message):
            self.found.append(Leak("coroutines", _coroutine_told(str(message))))
        self._show(message, *more, **named)


def _coroutine_told(message: str) -> str:
    """Python's warning in short: whose coroutine it is, and which line of the user's made it."""
    frames = list(_FRAME.finditer(message))
    own = [frame for frame in frames if not is_library(frame["file"])] or frames
    where = [f"    made at {f['file']}:{f['line']}, in {f['function']}" for f in own[-1:]]
    return "\n".join([message.partition("\n")[0], *where])


def _look_at_loop(config: pytest.Config, runner: Any) -> None:
    watch, shared = config.stash[_watched], config.stash[_shared_runners]
    if runner in shared:
        shared.remove(runner)
    if watch.active and not runner.get_loop().is_closed():
        told_before = config.stash[_told_runs]
        watch.found += _still_there(runner, partial(left_on_loop, but=told_before))


def _still_there(runner: Any, left: Callable[[Any], list[Leak]]) -> list[Leak]:
    """What is left on a loop when those who were cancelled have been told so."""
    loop = runner.get_loop()
    if left(loop):
        runner.run(some_turns())
    return left(loop)


def _is_checked(item: Any) -> bool:
    setting = item.config.getini("vespera_leaks")
    is_async = hasattr(item, "_loop_scope") or "container" in getattr(item, "fixturenames", ())
    return setting == "all" or (setting == "async" and is_async)


def _is_allowed(item: pytest.Item, leak: Leak) -> bool:
    marks = item.iter_markers("leaks_allowed")
    return any(not mark.args or leak.kind in mark.args for mark in marks)
