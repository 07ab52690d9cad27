"""What holds for every test. That none leaves anything behind is seen to by Vespera's plugin."""

import gc
import os

import pytest
from hypothesis import settings

# Many a test starts a Python of its own; each would compile all of Vespera anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A slow machine must not make a property false; the same examples are tried on every run.
settings.register_profile("vespera", deadline=None, derandomize=True, database=None)
settings.load_profile("vespera")


def pytest_collection_finish() -> None:
    """What was collected stays to the end; the garbage collector need not go through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own VESPERA_* variables reach no test."""
    monkeypatch.delenv("VESPERA_DATABASE_URL", raising=False)
    monkeypatch.delenv("VESPERA_WORKSPACE", raising=False)
