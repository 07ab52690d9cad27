"""Resource types by name."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest

from vespera import Container, providers
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.domain.errors import InvalidRequest, UnknownResourceType
from vespera.domain.ids import ResourceId
from vespera.testing import SampleResources


class Counter:
    shared = 7

    def __init__(self) -> None:
        self.count = 0

    @property
    def never(self) -> int:
        raise AssertionError("nobody asks for properties")

    async def increment(self, by: int = 1) -> int:
        self.count += by
        return self.count


@asynccontextmanager
async def counter(configuration: Mapping[str, object]) -> AsyncIterator[Counter]:
    yield Counter()


def catalogue(**types: object) -> ResourceCatalogue:
    return ResourceCatalogue(catalogue=lambda: {name: partial(types.get, name) for name in types})


def test_a_type_is_found_anew_each_time() -> None:
    types: dict[str, object] = {"sample": (first := SampleResources())}
    found = ResourceCatalogue(catalogue=lambda: {name: partial(types.get, name) for name in types})

    assert found.find("sample") is first
    types["sample"] = second = SampleResources()
    assert found.find("sample") is second


def test_what_is_registered_is_found_first() -> None:
    found, mine = catalogue(sample=SampleResources()), SampleResources()
    found.register("sample", mine)
    found.register("mine", mine)

    assert found.find("sample") is mine
    assert found.names() == ["mine", "sample"]


def test_an_unknown_type_is_told_with_those_that_are_near() -> None:
    with pytest.raises(UnknownResourceType, match="Did you mean 'sample'"):
        catalogue(sample=SampleResources()).find("sampel")
    with pytest.raises(UnknownResourceType, match=r"no resource type 'x'\. A container"):
        catalogue().find("x")


@pytest.mark.parametrize("name", ["", 7, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(InvalidRequest, match="resource_type: must be text"):
        catalogue().find(name)


@pytest.mark.parametrize("given", [7, Counter, object()])
def test_what_is_no_type_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"resource_types.it: .* is no resource type"):
        catalogue(it=given).find("it")
    with pytest.raises(InvalidRequest, match="is no resource type"):
        catalogue().register("it", given)


async def test_a_context_manager_is_a_type_of_which_nothing_outlives_the_process() -> None:
    kind = catalogue(counter=counter).find("counter")
    trace = kind.announce(ResourceId("r"), {})

    async with kind.hold(trace, {}) as held:
        assert await held.operations["increment"](by=2) == 2  # type: ignore[misc]
        assert set(held.operations) == {"increment"}
    await kind.reclaim(trace)
    assert list(await kind.remains(trace)) == []


class Own(Container):
    resource_types = providers.Aggregate(
        **Container.resource_types.providers, counter=providers.Object(counter)
    )


async def test_a_container_has_those_of_vespera_and_its_own() -> None:
    found = Own().get(ResourceCatalogue)

    assert found.names() == [
        *("counter", "database_session", "file_lock", "http_session", "subprocess"),
        *("temporary_directory", "test_resource"),
    ]
