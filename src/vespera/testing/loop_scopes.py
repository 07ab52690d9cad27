"""Tests that run on another event loop than the fixtures that they use."""

from collections.abc import Iterator
from typing import Any

import pytest

_SETTING = "asyncio_default_fixture_loop_scope"


def check_loop_scope(item: Any) -> None:
    """Fail a test whose container, clock or client would be of another event loop than its own:
    what is opened on one cannot be used on the other, and time would pass on the wrong one.
    """
    scope = getattr(item, "_loop_scope", None)
    setting = item.config.getini(_SETTING)
    of_fixtures = "function" if setting in {None, "", "fixture-scope"} else setting  # what ours are
    if scope is None or scope == of_fixtures:
        return
    names = list(_fixtures_of_ours(item))
    if names:
        pytest.fail(
            f"{item.nodeid} runs on the event loop of its {scope} (loop_scope), but what it uses of"
            f" vespera.testing, {', '.join(names)}, on that of its {of_fixtures}. Give them the"
            f" same: set {_SETTING} = {scope}, or mark the test"
            f" asyncio(loop_scope={of_fixtures!r}).",
            pytrace=False,
        )


def _fixtures_of_ours(item: Any) -> Iterator[str]:
    """The names of those that pytest-asyncio runs on an event loop."""
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # noqa: SLF001
        made_by = definitions[-1].func
        is_async = getattr(made_by, "_force_asyncio_fixture", False)
        if is_async and made_by.__module__.startswith("vespera.testing."):
            yield "AsyncTestBase" if name.startswith("_") else name
