"""What holds for every test."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A slow machine must not make a property false; the same examples are tried on every run.
settings.register_profile("vespera", deadline=None, derandomize=True, database=None)
settings.load_profile("vespera")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own VESPERA_* variables reach no test."""
    monkeypatch.delenv("VESPERA_DATABASE_URL", raising=False)
    monkeypatch.delenv("VESPERA_WORKSPACE", raising=False)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """A test that leaves a non-daemon thread behind would hold the exit of a program."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
    for thread in left:
        thread.join(timeout=5)
    left = [thread.name for thread in left if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
