"""A test that is an exploration."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from vespera.domain.errors import InvalidRequest
from vespera.testing.sim.crash import explore_crashes
from vespera.testing.world import World


def crash_test(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of a function that says what to explore.

    The function is given its fixtures, and returns ``(scenario, invariants)`` or ``(build,
    scenario, invariants)``. In the first form the fixture among its arguments that can be called
    is ``build``; a ``World`` among them is the world. The test is marked ``crash``, explores, and
    fails with what was found.

        @crash_test(at="commit", depth=2)
        def test_survives_any_crash(shop, world):
            return place_order, invariants

    Args:
        options: those of ``explore_crashes``, such as ``at`` and ``depth``.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        if inspect.iscoroutinefunction(function):
            raise InvalidRequest("it only says what to explore; make it a plain function")

        @functools.wraps(function)
        def test(*args: Any, **kwargs: Any) -> None:
            given = [*args, *kwargs.values()]
            worlds = [each for each in given if isinstance(each, World)]
            settings = {"world": worlds[0], **options} if worlds else options
            report = explore_crashes(*_what(function(*args, **kwargs), given), **settings)
            report.raise_for_failures()

        marked: Callable[..., None] = pytest.mark.crash(test)
        return marked

    return decorate


def _what(said: Any, given: list[Any]) -> tuple[Any, ...]:
    """Build, scenario and invariants."""
    parts = said if isinstance(said, tuple) else (said,)
    if len(parts) == len(_WHOLE):
        return parts
    builds = [each for each in given if callable(each) and not isinstance(each, World)]
    if len(parts) != len(_WHOLE) - 1 or len(builds) != 1:
        raise InvalidRequest(
            "a crash test returns (build, scenario, invariants); build may be left out if exactly"
            f" one of the fixtures it takes can be called. It returned {len(parts)} things, and"
            f" {len(builds)} of its fixtures can be called"
        )
    return (builds[0], *parts)


_WHOLE = ("build", "scenario", "invariants")
