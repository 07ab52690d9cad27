"""``--vespera-blocking``: a call that blocks the event loop fails the test that makes it."""

from collections.abc import Generator
from typing import Any

import pytest

_detector = pytest.StashKey[Any]()
_ROOM = "vespera/infrastructure"
_ALLOWED = {
    # A database in memory is worked with on the loop: that is quicker than a change of threads.
    f"{_ROOM}/persistence/lane.py": {"open", "submit", "_close_connection", "_end_thread"},
    f"{_ROOM}/persistence/sessions.py": {"join"},
    # Looked at once in the life of a container, a connection or a worker.
    f"{_ROOM}/persistence/location.py": {"location_of"},
    f"{_ROOM}/persistence/pinned_file.py": {"check"},
    f"{_ROOM}/files/local_file_store.py": {"__init__"},
    f"{_ROOM}/files/local_restorer.py": {"__init__"},
    f"{_ROOM}/files/local_workspace_scanner.py": {"__init__"},
    f"{_ROOM}/files/packed_contents.py": {"__init__"},
    f"{_ROOM}/owners.py": {"__init__", "register", "leave"},
    f"{_ROOM}/threads.py": {"close", "_start_worker"},
}
"""What works on the loop on purpose, by file and function."""


def pytest_configure(config: pytest.Config) -> None:
    """Get ready to look for blocking calls.

    Raises:
        UsageError: blockbuster is not installed.
    """
    try:
        from blockbuster import BlockBuster  # noqa: PLC0415  # optional
    except ImportError:
        raise pytest.UsageError(
            "--vespera-blocking needs blockbuster: install vespera[testing] or blockbuster."
        ) from None
    detector = BlockBuster()
    for function in detector.functions.values():
        for file, names in _ALLOWED.items():
            function.can_block_in(file, names)
    config.stash[_detector] = detector


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """While an async test runs, a blocking call in the event loop raises ``BlockingError``."""
    if not hasattr(item, "_loop_scope"):
        return (yield)
    detector = item.config.stash[_detector]
    detector.activate()
    try:
        return (yield)
    finally:
        detector.deactivate()
