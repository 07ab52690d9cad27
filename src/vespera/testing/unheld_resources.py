"""What a replay holds: nothing, so that what was recorded within a session is replayed, too."""

from typing import Any, NoReturn, Self
from unittest.mock import MagicMock

from vespera.application.runtime.resources.session import DEFAULT_TYPE
from vespera.testing.errors import TestingError


class UnheldResources:
    """In the place of the manager behind ``task.resources``."""

    async def reclaim_of(self, task_id: str) -> None:
        """Nothing is left by anybody."""

    def create_session(self, *, task_id: str) -> "UnheldSession":
        """A session that acquires nothing."""
        return UnheldSession()


class UnheldSession:
    """Gives resources that are not there; what is asked of one, nobody knows."""

    async def create_resource(
        self, *, resource_type: str = DEFAULT_TYPE, configuration: object = None
    ) -> Any:
        """A stand-in for one, whose ``value`` is a ``MagicMock``."""
        asked = self.execute_operation
        return MagicMock(id="", resource_type=resource_type, execute_operation=asked)

    async def execute_operation(self, *_: object, operation: str, **__: object) -> NoReturn:
        """Refuse it."""
        raise TestingError(
            f"execute_operation(operation={operation!r}): a replay holds no resources; what this"
            " gave was not recorded. Ask for it in a step's function."
        )

    async def release(self, resource_id: str) -> None:
        """It is not there."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return
