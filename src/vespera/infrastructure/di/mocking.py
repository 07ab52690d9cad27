"""Mocks that stand in the place of a part."""

from typing import Any

from vespera.infrastructure.di.fitting import is_async, members_of, method_of
from vespera.infrastructure.di.override import Override


def mock_of(port: type) -> Any:
    """A mock with the methods of a port and their signatures, async where they are async."""
    from unittest.mock import AsyncMock, MagicMock, create_autospec  # noqa: PLC0415  (for tests)

    called = method_of(port, "__call__")
    is_async_function = called is not None and is_async(called)
    mock = AsyncMock(spec=port) if is_async_function else create_autospec(port, instance=True)
    for name, method in members_of(port).items():
        if method is None and not hasattr(mock, name):  # only annotated, as in a Protocol
            setattr(mock, name, MagicMock(name=name))
    return mock


def let_undo(mock: Any, override: Override[Any]) -> None:
    """Let the end of a mock's own ``with`` undo its override, if the mock has none as a mock."""

    async def aenter(_mock: object) -> Any:
        return override.__enter__()

    async def aexit(_mock: object, *_error: object) -> None:
        override.undo()

    if not hasattr(mock, "__enter__") and not hasattr(mock, "__aenter__"):
        kind: Any = type(mock)  # each mock has a class of its own
        kind.__enter__ = lambda _mock: override.__enter__()
        kind.__exit__ = lambda _mock, *_error: override.undo()
        kind.__aenter__, kind.__aexit__ = aenter, aexit
