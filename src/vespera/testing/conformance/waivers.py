"""The promises of ``Waivers``."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from vespera.application.ports.waivers import Waivers
from vespera.domain.errors import DuplicateRow, WaiverNotFound
from vespera.domain.file_operation import (
    Absent,
    FileState,
    OperationKind,
    SymlinkState,
    UnknownState,
)
from vespera.domain.ids import OperationId, TaskId, WaiverId
from vespera.domain.verdict import Verdict
from vespera.domain.waiver import Waiver
from vespera.testing.conformance.samples import NOW
from vespera.testing.conformance.stores import PersistenceSuite, Stores

LATER = NOW + timedelta(microseconds=1)
T1, T2 = TaskId("t1"), TaskId("the build")


def a_waiver(name: str = "w1", **fields: Any) -> Waiver:
    """A waiver of the task "t1"."""
    values = {
        "id": WaiverId(name),
        "task_id": T1,
        "operation_id": OperationId("o1"),
        "kind": OperationKind.MOVE,
        "path": "a/\udcff",
        "verdict": Verdict.CHANGED_SINCE,
        "before": Absent(),
        "after": FileState("b3:00", 1, 0o644),
        "now": (UnknownState("unreadable"), SymlinkState("b\udcff")),
        "by": "ada",
        "reason": "because ✓",
        "waived_at": NOW,
    }
    return Waiver(**{**values, **fields})


class WaiversConformance(PersistenceSuite):
    """Give ``make_stores``; the waivers are the part in question."""

    ports = (Waivers,)

    async def test_waivers_come_back_as_they_were(self, stores: Stores) -> None:
        waivers = [a_waiver(), a_waiver("w2", operation_id=None, now=(), waived_at=LATER)]
        await stores.waivers.add(waivers)

        assert list(await stores.waivers.of_tasks([T1])) == waivers

    async def test_those_of_the_tasks_in_question_are_given_in_order(self, stores: Stores) -> None:
        for name, task in (("w3", T2), ("w1", T1), ("w2", T2), ("w4", TaskId("t4"))):
            await stores.waivers.add([a_waiver(name, task_id=task)])

        found = await stores.waivers.of_tasks([T2, T1, TaskId("t\udcff")])
        assert [waiver.id for waiver in found] == ["w1", "w2", "w3"]
        assert list(await stores.waivers.of_tasks([])) == []

    async def test_of_many_with_an_id_that_is_there_none_is_kept(self, stores: Stores) -> None:
        await stores.waivers.add([a_waiver()])
        with pytest.raises(DuplicateRow):
            await stores.waivers.add([a_waiver("w0"), a_waiver(by="bob")])

        assert list(await stores.waivers.of_tasks([T1])) == [a_waiver()]

    async def test_a_revoked_one_says_who_revoked_it_first(self, stores: Stores) -> None:
        await stores.waivers.add([a_waiver(), a_waiver("w2")])
        revoked = replace(a_waiver(), revoked_by="bob", revoked_at=LATER)

        assert await stores.waivers.revoke(WaiverId("w1"), by="bob", at=LATER) == revoked
        again = LATER + timedelta(days=1)
        assert await stores.waivers.revoke(WaiverId("w1"), by="carl", at=again) == revoked
        assert list(await stores.waivers.of_tasks([T1])) == [revoked, a_waiver("w2")]

    async def test_what_is_not_there_cannot_be_revoked(self, stores: Stores) -> None:
        for name in ("w1", "w\udcff"):
            with pytest.raises(WaiverNotFound):
                await stores.waivers.revoke(WaiverId(name), by="bob", at=NOW)

    async def test_all_are_listed_newest_first_and_page_by_page(self, stores: Stores) -> None:
        await stores.waivers.add([a_waiver(f"w{n}", task_id=TaskId(f"t{n}")) for n in range(5)])
        first = await stores.waivers.page(limit=2)
        second = await stores.waivers.page(before=first[-1].id, limit=2)

        assert [waiver.id for waiver in first] == ["w4", "w3"]
        assert [waiver.id for waiver in second] == ["w2", "w1"]

    async def test_they_are_kept_also_where_a_unit_of_work_is_given_up(
        self, stores: Stores
    ) -> None:
        with pytest.raises(RuntimeError):
            async with stores.unit_of_work():
                await stores.waivers.add([a_waiver()])
                raise RuntimeError

        assert list(await stores.waivers.of_tasks([T1])) == [a_waiver()]
