"""A resource that is nothing but itself, to try out sessions with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


class Rehearsal:
    """What stands where a resource would. ``configuration`` is what it was asked for with."""

    def __init__(self, configuration: Mapping[str, object]) -> None:
        self.configuration = configuration

    async def test_operation(self, **parameters: object) -> Mapping[str, object]:
        """Give the parameters back."""
        return parameters


@asynccontextmanager
async def rehearsal(configuration: Mapping[str, object]) -> AsyncIterator[Rehearsal]:
    """Hold nothing, for as long as the block runs."""
    yield Rehearsal(configuration)
