"""A resource type for tests, which counts what is there."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from vespera.application.ports.resources import Held
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace


class SampleResources:
    """A type whose resources are names on a list: register it as ``"test_resource"``.

        resource_types = providers.Aggregate(
            {
                **Container.resource_types.providers,
                "test_resource": providers.Singleton(SampleResources),
            }
        )

    Any configuration is taken. Value: the configuration. Operation: ``test_operation(...)``, which
    gives its parameters.

    Attributes:
        there: the ids of the resources that are there, the oldest first.
        log: what happened to them, as ``"acquire 1"``, numbered in the order of acquiring.
        errors: what the next ``"acquire"``, ``"release"``, ``"reclaim"`` or ``"remains"`` raises.
    """

    def __init__(self) -> None:
        self.there: list[str] = []
        self.log: list[str] = []
        self.errors: dict[str, BaseException] = {}
        self._numbers: dict[str, int] = {}

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        self._numbers[resource_id] = len(self._numbers) + 1
        return {"name": resource_id}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``."""
        self._did("acquire", trace)
        self.there.append(str(trace["name"]))
        try:
            yield Held(value=dict(configuration), operations=_OPERATIONS)
        finally:
            self._did("release", trace)
            self.there.remove(str(trace["name"]))

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``."""
        self._fail("remains")
        name = str(trace["name"])
        return (f"{name} is there",) if name in self.there else ()

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``."""
        if trace["name"] in self.there:
            self._did("reclaim", trace)
            self.there.remove(str(trace["name"]))

    def _did(self, what: str, trace: Trace) -> None:
        self._fail(what)
        self.log.append(f"{what} {self._numbers.get(str(trace['name']), 0)}")

    def _fail(self, what: str) -> None:
        error = self.errors.pop(what, None)
        if error is not None:
            raise error


async def _test_operation(**parameters: object) -> Mapping[str, object]:
    return parameters


_OPERATIONS: Mapping[str, Callable[..., object]] = {"test_operation": _test_operation}
