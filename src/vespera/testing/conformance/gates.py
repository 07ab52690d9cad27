"""The promises of ``Gates``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from vespera.application.ports.gates import Gates
from vespera.domain.errors import GatedType
from vespera.domain.flow import ALL_TYPES, Gate, Limits, Rate, Traffic
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.task import Task, TaskStatus
from vespera.testing.conformance.samples import LATER, NOW, WORKER, a_running_task, a_task
from vespera.testing.conformance.stores import PersistenceSuite, Stores

A, B = TaskId("a"), TaskId("b")
ALL_LIMITS = Limits(
    max_concurrent=4,
    max_concurrent_per_key=2,
    rate=Rate(10, per=60.5),
    rate_per_key=Rate(3, per=0.25),
)


class GatesConformance(PersistenceSuite):
    """Give ``make_stores``; the gates are the ones in question."""

    ports = (Gates,)

    async def test_limits_come_back_as_they_were_declared(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": ALL_LIMITS, "other": Limits(max_concurrent=1)})
        await stores.gates.declare({"other": Limits(), "nobody": Limits()})

        gate = Gate(specialist_type="generic", limits=ALL_LIMITS)
        assert dict(await stores.gates.all()) == {"generic": gate}

    async def test_a_gate_lasts_as_long_as_it_is_paused_or_limited(self, stores: Stores) -> None:
        await stores.gates.pause_type("generic", now=NOW)
        await stores.gates.pause_type("generic", now=LATER)
        await stores.gates.declare({"generic": Limits()})
        assert (await stores.gates.all())["generic"].paused_at == NOW

        assert await stores.gates.resume_type("generic")
        assert not await stores.gates.resume_type("generic")
        assert dict(await stores.gates.all()) == {}

    async def test_a_limit_outlasts_a_pause(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": ALL_LIMITS})
        await stores.gates.pause_type("generic", now=NOW)
        await stores.gates.resume_type("generic")

        assert (await stores.gates.all())["generic"].limits == ALL_LIMITS

    @pytest.mark.parametrize("first", ["task", "pause"])
    async def test_a_paused_type_is_claimed_by_nobody_until_it_is_resumed(
        self, stores: Stores, first: str
    ) -> None:
        if first == "task":
            await stores.tasks.add(a_task("a"))
        await stores.gates.pause_type("generic", now=NOW)
        if first == "pause":
            await stores.tasks.add(a_task("a"))

        assert (await stores.tasks.get(A)).gated
        assert await _claimed_by_anybody(stores, A) == []
        await stores.gates.resume_type("generic")
        assert not (await stores.tasks.get(A)).gated
        assert len(await _claimed_by_anybody(stores, A)) == 1

    async def test_no_task_of_a_gated_type_is_stored_as_running(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent=9)})
        with pytest.raises(GatedType):
            await stores.tasks.add(a_running_task("a"))
        await stores.tasks.add(a_running_task("b", specialist_type="other"))

        assert [task.id for task in await stores.tasks.page()] == ["b"]

    async def test_a_paused_task_is_claimed_by_nobody_until_it_is_resumed(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        assert await stores.gates.pause_task(A, now=NOW)
        assert await stores.gates.pause_task(A, now=LATER)
        assert (await stores.tasks.get(A)).paused_at == NOW
        assert await _claimed_by_anybody(stores, A) == []

        assert await stores.gates.resume_task(A)
        assert not await stores.gates.resume_task(A)
        assert len(await _claimed_by_anybody(stores, A)) == 1

    @pytest.mark.parametrize("status", ["executed", "assigned", "completed", "failed", "cancelled"])
    async def test_what_nobody_here_goes_on_with_cannot_be_paused(
        self, stores: Stores, status: str
    ) -> None:
        await stores.tasks.add(a_task("a", status=TaskStatus(status)))

        assert not await stores.gates.pause_task(A, now=NOW)
        assert not await stores.gates.pause_task(TaskId("nobody"), now=NOW)

    async def test_a_claim_begins_an_attempt_as_the_domain_would(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent=1)})
        await stores.tasks.add(a_task("a", run_after=NOW))
        read = await stores.tasks.get(A)
        (claimed,) = await _claim_ready(stores)

        assert claimed == read.claim(WORKER, LATER, NOW)
        assert await stores.tasks.get(A) == claimed

    async def test_tasks_with_and_without_gates_come_by_priority_then_by_age(
        self, stores: Stores
    ) -> None:
        await stores.gates.declare({"x": Limits(max_concurrent=9), "y": Limits(max_concurrent=9)})
        for name, kind, priority in (
            ("a", "x", 0),
            ("b", "generic", 0),
            ("c", "y", 5),
            ("d", "x", 5),
            ("e", "generic", 9),
        ):
            await stores.tasks.add(a_task(name, specialist_type=kind, priority=priority))

        assert _ids(await _claim_ready(stores, limit=2)) == ["e", "c"]
        assert _ids(await _claim_ready(stores)) == ["d", "a", "b"]

    async def test_of_many_that_claim_at_once_no_more_begin_than_may(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent=3)})
        for number in range(10):
            await stores.tasks.add(a_task(f"{number}"))
        shares = await asyncio.gather(
            *(_claim_ready(stores, owner=f"w{number}", limit=2) for number in range(10)),
            *(_claim(stores, TaskId(f"{number}")) for number in range(10)),
        )

        running = await stores.tasks.page(status=TaskStatus.RUNNING)
        assert len(running) == 3
        assert sum(1 if isinstance(s, Task) else len(s or ()) for s in shares) == 3

    async def test_what_ends_or_is_taken_back_makes_room(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent=1)})
        for name in "abc":
            await stores.tasks.add(a_task(name))
        (first,) = await _claim_ready(stores)
        await stores.tasks.save(first.execute(b"", NOW))
        (second,) = await _claim_ready(stores)
        assert await _claim_ready(stores) == []
        await stores.queue.take_back(now=NOW, dead=[WORKER])

        assert (first.id, second.id) == ("a", "b")
        assert _ids(await _claim_ready(stores)) == ["b"]

    async def test_a_key_s_limit_does_not_hold_up_other_keys(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent_per_key=1)})
        for name, key in (("a", "x"), ("b", "x"), ("c", "y"), ("d", None), ("e", None)):
            await stores.tasks.add(a_task(name, concurrency_key=key))

        assert _ids(await _claim_ready(stores)) == ["a", "c", "d", "e"]
        assert await _claim(stores, B) is None

    async def test_of_all_types_together_no_more_begin_than_may(self, stores: Stores) -> None:
        await stores.gates.declare({ALL_TYPES: Limits(max_concurrent=3)})
        for number in range(10):
            kind = f"type {number % 4}"
            await stores.tasks.add(a_task(f"{number}", specialist_type=kind, priority=number))
        shares = await asyncio.gather(
            *(_claim_ready(stores, owner=f"w{number}", limit=2) for number in range(10)),
            *(_claim(stores, TaskId(f"{number}")) for number in range(10)),
            stores.queue.claim_ready(owner=WORKER, now=NOW, lease_until=LATER, limit=9),
        )
        running = await stores.tasks.page(status=TaskStatus.RUNNING)
        assert sum(1 if isinstance(s, Task) else len(s or ()) for s in shares) == 3
        assert _ids(running) == ["7", "8", "9"]

        await stores.tasks.save(running[0].execute(b"", NOW))
        assert _ids(await _claim_ready(stores)) == ["6"]

    async def test_a_type_s_own_limits_hold_beside_those_of_all_types(self, stores: Stores) -> None:
        own, of_all = Limits(max_concurrent=1), Limits(max_concurrent=2)
        await stores.gates.declare({"x": own, ALL_TYPES: of_all, "z": Limits(max_concurrent=9)})
        for name, kind in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")):
            await stores.tasks.add(a_task(name, specialist_type=kind))
        first, second = await _claim_ready(stores)
        assert (first.id, second.id) == ("a", "c")
        assert await _claim_ready(stores) == []

        await stores.tasks.save(second.execute(b"", NOW))
        assert await _claim(stores, B) is None
        assert _ids(await _claim_ready(stores)) == ["d"]
        await stores.tasks.save(first.execute(b"", NOW))
        assert _ids(await _claim_ready(stores)) == ["b"]

    async def test_the_limits_of_all_types_hold_for_every_task_until_they_are_lifted(
        self, stores: Stores
    ) -> None:
        await stores.tasks.add(a_task("a"))
        await stores.tasks.add(a_running_task("b"))
        await stores.gates.declare({ALL_TYPES: Limits(max_concurrent=1)})
        await stores.tasks.add(a_task("c", specialist_type="nobody knows it"))
        await stores.gates.pause_type("generic", now=NOW)
        await stores.gates.resume_type("generic")
        with pytest.raises(GatedType):
            await stores.tasks.add(a_running_task("d"))
        assert await _claimed_by_anybody(stores, A) == []
        assert [(await stores.tasks.get(TaskId(i))).gated for i in "abc"] == [True] * 3

        await stores.gates.declare({ALL_TYPES: Limits(), "generic": Limits(max_concurrent=9)})
        assert [(await stores.tasks.get(TaskId(i))).gated for i in "abc"] == [True, True, False]
        assert len(await _claimed_by_anybody(stores, A)) == 2

    async def test_a_suspicious_task_waits_for_its_turn_among_all_types_too(
        self, stores: Stores
    ) -> None:
        await stores.gates.declare({ALL_TYPES: Limits(max_concurrent=1)})
        await stores.tasks.add(a_task("a", crashes=2))
        await stores.tasks.add(a_task("b", specialist_type="other"))
        (calm,) = await _claim_ready(stores)
        assert not await stores.gates.has_suspects(now=NOW)
        assert await _claim(stores, A) is None

        await stores.tasks.save(calm.execute(b"", NOW))
        assert await stores.gates.has_suspects(now=NOW)
        suspect = await stores.gates.claim_suspect(owner=WORKER, now=NOW, lease_until=LATER)
        assert suspect and suspect.id == "a"

    async def test_a_rate_counts_the_attempts_of_a_window(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(rate=Rate(2, per=60.0))})
        for name in "abcd":
            await stores.tasks.add(a_task(name))

        assert _ids(await _claim_ready(stores)) == ["a", "b"]
        opens = NOW + timedelta(seconds=60)
        assert await stores.gates.next_due(now=NOW) == opens
        assert await _claim_ready(stores, now=opens - timedelta(microseconds=1)) == []
        assert _ids(await _claim_ready(stores, now=opens)) == ["c", "d"]
        assert await stores.gates.next_due(now=opens + timedelta(seconds=1)) is None

    async def test_a_key_s_rate_counts_those_of_the_key(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(rate_per_key=Rate(1, per=60.0))})
        for name, key in (("a", "x"), ("b", "x"), ("c", "y"), ("d", None), ("e", None)):
            await stores.tasks.add(a_task(name, concurrency_key=key))

        assert _ids(await _claim_ready(stores)) == ["a", "c", "d", "e"]
        opens = NOW + timedelta(seconds=60)
        assert await stores.gates.next_due(now=NOW) == opens
        assert _ids(await _claim_ready(stores, now=opens)) == ["b"]

    async def test_the_next_due_moment_is_of_a_task_that_is_not_paused(
        self, stores: Stores
    ) -> None:
        await stores.gates.pause_type("other", now=NOW)
        await stores.tasks.add(a_task("a", run_after=LATER, specialist_type="other"))
        await stores.tasks.add(a_task("b", run_after=LATER))
        assert await stores.gates.next_due(now=NOW) == LATER

        await stores.gates.pause_task(B, now=NOW)
        assert await stores.gates.next_due(now=NOW) is None

    async def test_a_suspicious_task_passes_its_gate_too(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": Limits(max_concurrent=1)})
        await stores.tasks.add(a_task("a", crashes=2))
        await stores.tasks.add(a_task("b"))
        held = {"owner": WORKER, "now": NOW, "lease_until": LATER}
        (calm,) = await _claim_ready(stores)
        assert not await stores.gates.has_suspects(now=NOW)
        assert await stores.gates.claim_suspect(**held) is None  # type: ignore[arg-type]

        await stores.tasks.save(calm.execute(b"", NOW))
        assert await stores.gates.has_suspects(now=NOW)
        suspect = await stores.gates.claim_suspect(**held)  # type: ignore[arg-type]
        assert (calm.id, suspect and suspect.id) == ("b", "a")

    async def test_traffic_is_told_of_the_type_and_of_the_key(self, stores: Stores) -> None:
        await stores.gates.declare({"generic": ALL_LIMITS})
        for name, key in (("a", "x"), ("b", "y"), ("c", "x")):
            await stores.tasks.add(a_task(name, concurrency_key=key))
        await _claim_ready(stores, limit=2)
        gate = (await stores.gates.all())["generic"]

        told = await stores.gates.traffic_of(a_task("c", concurrency_key="x"), gate, now=NOW)

        running = {"running_of_all": 2, "running": 2, "running_of_key": 1}
        assert told == Traffic(**running, begun=2, begun_of_key=1)

    async def test_what_is_paused_is_found_through_what_a_task_waits_for(
        self, stores: Stores
    ) -> None:
        await stores.gates.pause_type("other", now=NOW)
        await stores.tasks.add(a_task("a", specialist_type="other"))
        await stores.tasks.add(a_task("b"), [A])
        await stores.tasks.add(a_task("c"), [B])
        await stores.gates.pause_task(TaskId("c"), now=NOW)

        assert _ids(await stores.gates.paused_before(TaskId("c"))) == ["a", "c"]
        assert _ids(await stores.gates.paused_before(B)) == ["a"]


async def _claim_ready(
    stores: Stores, *, owner: str = WORKER, now: datetime = NOW, limit: int = 10
) -> list[Task]:
    found = await stores.gates.claim_ready(
        owner=OwnerId(owner), now=now, lease_until=LATER, limit=limit
    )
    return list(found)


async def _claim(stores: Stores, task_id: TaskId) -> Task | None:
    return await stores.gates.claim(task_id, owner=WORKER, now=NOW, lease_until=LATER)


async def _claimed_by_anybody(stores: Stores, task_id: TaskId) -> list[Task]:
    held = {"owner": WORKER, "now": NOW, "lease_until": LATER}
    ready = list(await stores.queue.claim_ready(**held, limit=9))  # type: ignore[arg-type]
    ready += await stores.gates.claim_ready(**held, limit=9)  # type: ignore[arg-type]
    one = [await line.claim(task_id, **held) for line in (stores.queue, stores.gates)]  # type: ignore[arg-type]
    return ready + [task for task in one if task is not None]


def _ids(tasks: Sequence[Task]) -> list[str]:
    return [task.id for task in tasks]
