"""The promises of ``ResourceRepository`` and ``ResourceType``."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from vespera.application.ports.resources import ResourceRepository, ResourceType
from vespera.domain.errors import DuplicateRow, InvalidRequest, ResourceNotFound
from vespera.domain.ids import ResourceId, TaskId
from vespera.domain.resource import ResourceRecord, ResourceState
from vespera.testing.conformance.samples import NOW, WORKER
from vespera.testing.conformance.stores import PersistenceSuite, Stores
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

LATER = NOW + timedelta(microseconds=1)
R1, R2 = ResourceId("r1"), ResourceId("r2")


def a_resource(name: str = "r1", **fields: Any) -> ResourceRecord:
    """A resource of the task "t1" that is announced."""
    values = {
        "id": ResourceId(name),
        "resource_type": "lock",
        "owner": WORKER,
        "state": ResourceState.ACQUIRING,
        "trace": {"path": "a/\udcff ✓", "pid": 7, "grace": 0.5},
        "created_at": NOW,
        "task_id": TaskId("t1"),
    }
    return ResourceRecord(**{**values, **fields})


class ResourceRepositoryConformance(PersistenceSuite):
    """Give ``make_stores``; the resources are the part in question."""

    ports = (ResourceRepository,)

    async def test_a_resource_comes_back_as_it_was(self, stores: Stores) -> None:
        for record in (a_resource(), a_resource("r2", task_id=None, trace={})):
            await stores.resources.add(record)

            assert await stores.resources.get(record.id) == record

    async def test_each_change_of_it_is_kept(self, stores: Stores) -> None:
        await stores.resources.add(record := a_resource())
        held = record.held({"pid": 8})
        left = held.left("why ✓")
        for changed in (held, left, left.released(LATER)):
            await stores.resources.save(changed)

            assert await stores.resources.get(R1) == changed

    async def test_what_is_released_stays_so(self, stores: Stores) -> None:
        await stores.resources.add(record := a_resource())
        await stores.resources.save(released := record.released(NOW))
        await stores.resources.save(record.held({"pid": 8}))
        await stores.resources.save(record.released(LATER))

        assert await stores.resources.get(R1) == released

    async def test_one_that_is_not_there_is_not_found_and_not_made(self, stores: Stores) -> None:
        await stores.resources.save(a_resource())
        for name in ("r1", "r\udcff"):
            with pytest.raises(ResourceNotFound):
                await stores.resources.get(ResourceId(name))

    async def test_an_id_is_given_once(self, stores: Stores) -> None:
        await stores.resources.add(a_resource())
        with pytest.raises(DuplicateRow):
            await stores.resources.add(a_resource(resource_type="other"))

        assert await stores.resources.get(R1) == a_resource()

    async def test_those_that_are_not_released_are_given_in_order(self, stores: Stores) -> None:
        records = [a_resource(f"r{n}", task_id=TaskId(f"t{n % 2}")) for n in (3, 1, 2, 4)]
        for record in records:
            await stores.resources.add(record)
        await stores.resources.save(records[0].released(NOW))
        await stores.resources.save(records[1].left("why"))

        assert [one.id for one in await stores.resources.unreleased()] == ["r1", "r2", "r4"]
        of_task = await stores.resources.unreleased(TaskId("t0"))
        assert [one.id for one in of_task] == ["r2", "r4"]
        assert list(await stores.resources.unreleased(TaskId("t\udcff"))) == []

    async def test_all_are_listed_newest_first_and_page_by_page(self, stores: Stores) -> None:
        for number in range(5):
            await stores.resources.add(a_resource(f"r{number}"))
        await stores.resources.save(a_resource("r4").released(NOW))
        first = await stores.resources.page(limit=2)
        second = await stores.resources.page(before=first[-1].id, limit=2)

        assert [one.id for one in first] == ["r4", "r3"]
        assert [one.id for one in second] == ["r2", "r1"]

    async def test_what_was_released_before_is_forgotten(self, stores: Stores) -> None:
        for name in ("r1", "r2", "r3"):
            await stores.resources.add(a_resource(name))
        await stores.resources.save(a_resource().released(NOW))
        await stores.resources.save(a_resource("r2").released(LATER))

        assert await stores.resources.forget(NOW) == 0
        assert await stores.resources.forget(LATER) == 1
        assert [one.id for one in await stores.resources.page(limit=9)] == ["r3", "r2"]

    async def test_they_are_kept_also_where_a_unit_of_work_is_given_up(
        self, stores: Stores
    ) -> None:
        with pytest.raises(RuntimeError):
            async with stores.unit_of_work():
                await stores.resources.add(a_resource())
                await stores.resources.save(a_resource().held({}))
                raise RuntimeError

        assert await stores.resources.get(R1) == a_resource().held({})


class ResourceTypeConformance(AdapterSuite):
    """Give ``make_type``, and a ``configuration`` that can be held once at least.

    Attributes:
        leaves: whether something of a resource can be seen while it is there.
        nonsense: configurations that are refused.
    """

    ports = (ResourceType,)
    configuration: ClassVar[Mapping[str, object]] = {}
    leaves: ClassVar[bool] = True
    nonsense: ClassVar[tuple[Mapping[str, object], ...]] = ({"no such field": 1},)

    def make_type(self, directory: Path) -> Made[ResourceType]:
        """The type, which may use the directory."""
        raise self.missing("make_type", "the resource type")

    def configured(self, directory: Path) -> Mapping[str, object]:
        """A configuration that it takes; by default the attribute."""
        return self.configuration

    @pytest_asyncio.fixture
    async def kind(self, tmp_path: Path) -> AsyncIterator[ResourceType]:
        """What ``make_type`` gives."""
        async with adapter_of(self.make_type, tmp_path) as kind:
            yield kind

    async def test_nothing_is_there_before_and_after(
        self, kind: ResourceType, tmp_path: Path
    ) -> None:
        given = self.configured(tmp_path)
        trace = kind.announce(R1, given)
        assert list(await kind.remains(trace)) == []
        async with kind.hold(trace, given) as held:
            known = trace if held.trace is None else held.trace
            assert bool(await kind.remains(known)) is self.leaves

        assert list(await kind.remains(known)) == []

    async def test_it_is_gone_when_its_block_fails(
        self, kind: ResourceType, tmp_path: Path
    ) -> None:
        given = self.configured(tmp_path)
        trace = kind.announce(R1, given)
        with suppress(RuntimeError):
            async with kind.hold(trace, given) as held:
                trace = trace if held.trace is None else held.trace
                raise RuntimeError

        assert list(await kind.remains(trace)) == []

    async def test_it_is_found_by_what_was_announced(
        self, kind: ResourceType, tmp_path: Path
    ) -> None:
        given = self.configured(tmp_path)
        trace = kind.announce(R1, given)
        async with kind.hold(trace, given):
            assert bool(await kind.remains(trace)) is self.leaves

    async def test_what_is_left_is_released_whoever_asks_and_however_often(
        self, kind: ResourceType, tmp_path: Path
    ) -> None:
        given = self.configured(tmp_path)
        trace = kind.announce(R1, given)
        for _ in range(2):
            await kind.reclaim(trace)
        async with kind.hold(trace, given):
            pass
        for _ in range(2):
            await kind.reclaim(trace)

            assert list(await kind.remains(trace)) == []

    async def test_another_one_is_not_touched(self, kind: ResourceType, tmp_path: Path) -> None:
        given = self.configured(tmp_path)
        other = kind.announce(R2, given)
        async with kind.hold(trace := kind.announce(R1, given), given):
            await kind.reclaim(other)

            assert bool(await kind.remains(trace)) is self.leaves
            assert list(await kind.remains(other)) == []

    async def test_two_are_told_apart(self, kind: ResourceType) -> None:
        if self.leaves:
            one, other = (kind.announce(name, self.configured(Path("/"))) for name in (R1, R2))
            assert one != other

    async def test_what_makes_no_sense_is_refused_before_anything_is_done(
        self, kind: ResourceType, tmp_path: Path
    ) -> None:
        for more in self.nonsense:
            with pytest.raises(InvalidRequest, match=r"^configuration\."):
                kind.announce(R1, {**self.configured(tmp_path), **more})
