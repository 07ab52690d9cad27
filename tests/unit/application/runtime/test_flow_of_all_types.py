"""Limits of all types together, and who has the last word on limits; nobody waits for the clock."""

import asyncio
from collections import Counter

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, providers
from vespera.application.ports.clock import Clock
from vespera.application.ports.gates import Gates
from vespera.application.runtime.flow import Flow
from vespera.application.runtime.notices import Notices
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import InvalidRequest
from vespera.domain.flow import ALL_TYPES, Limits, Rate
from vespera.testing import VirtualClock

TWO = {ALL_TYPES: Limits(max_concurrent=2)}


class Limited(Container):
    limits = providers.Object(TWO)


class Staff:
    """Notes when tasks begin and how many are under way; each takes ten seconds."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.begun: list[tuple[str, float]] = []
        self.most = Counter[str]()
        self._under_way = Counter[str]()
        self._epoch = clock.now()

    async def execute(self, task: TaskContext) -> str:
        self.begun.append((task.title, (self.clock.now() - self._epoch).total_seconds()))
        counted = (task.specialist_type, ALL_TYPES)
        self._under_way.update(counted)
        self.most |= self._under_way
        await self.clock.sleep(10)
        self._under_way.subtract(counted)
        return task.title


@pytest.fixture
def container_class() -> type[Container]:
    return Limited


@pytest.fixture
def orchestrator(container: Container) -> TaskOrchestrator:
    return container.get(TaskOrchestrator)


@pytest.fixture
def staff(clock: VirtualClock, specialists: Specialists) -> Staff:
    """Does the types "coder" and "writer"."""
    staff = Staff(clock)
    for kind in ("coder", "writer"):
        specialists.register(kind, staff)
    return staff


def order(title: str, kind: str, **fields: object) -> dict[str, object]:
    return {"title": title, "specialist_type": kind, "completion": "auto", **fields}


async def test_of_all_types_together_no_more_run_than_may_the_most_urgent_first(
    orchestrator: TaskOrchestrator, staff: Staff
) -> None:
    await orchestrator.create_tasks(
        [
            *(order(title, "coder") for title in "abc"),
            order("d", "writer", priority=5),
            order("e", "writer"),
        ]
    )
    await orchestrator.run_until_idle()

    assert staff.begun == [("d", 0), ("a", 0), ("b", 10), ("c", 10), ("e", 20)]
    assert staff.most[ALL_TYPES] == 2


async def test_a_limit_of_a_type_holds_beside_that_of_all(
    orchestrator: TaskOrchestrator, specialists: Specialists, staff: Staff
) -> None:
    specialists.register("coder", staff, max_concurrent=1)
    kinds = {"a": "coder", "b": "coder", "c": "writer", "d": "writer"}
    await orchestrator.create_tasks([order(title, kind) for title, kind in kinds.items()])
    await orchestrator.run_until_idle()

    assert staff.begun == [("a", 0), ("c", 0), ("b", 10), ("d", 10)]
    assert staff.most == {"coder": 1, "writer": 1, ALL_TYPES: 2}


async def test_whoever_runs_tasks_waits_for_their_turn_and_is_told_what_for(
    orchestrator: TaskOrchestrator, staff: Staff
) -> None:
    runs = [
        asyncio.create_task(orchestrator.run(order(title, kind, task_id=title)))
        for title, kind in (("a", "coder"), ("b", "coder"), ("c", "writer"))
    ]
    await staff.clock.sleep(5)

    told = (await orchestrator.get_task_status("c")).waits_for
    assert told == "2 tasks of all types are running (max_concurrent=2)"
    assert [(await run).result for run in runs] == ["a", "b", "c"]
    assert staff.most[ALL_TYPES] == 2
    assert not (await orchestrator.get_task_status("c")).waits_for


async def test_a_full_type_is_told_where_there_is_still_room_among_all(
    orchestrator: TaskOrchestrator, specialists: Specialists, staff: Staff
) -> None:
    specialists.register("coder", staff, max_concurrent=1)
    await orchestrator.create_tasks([order(title, "coder", task_id=title) for title in "ab"])
    await orchestrator.start()
    await staff.clock.sleep(5)

    told = (await orchestrator.get_task_status("b")).waits_for
    assert told == "1 tasks of type 'coder' are running (max_concurrent=1)"
    await orchestrator.run_until_idle()


async def test_a_parent_that_waits_for_its_children_leaves_them_its_place(
    orchestrator: TaskOrchestrator, specialists: Specialists, staff: Staff
) -> None:
    async def parent(task: TaskContext) -> list[object]:
        children = [await task.spawn(title=title, specialist_type="coder") for title in "xyz"]
        return [await child.result() for child in children]

    specialists.register("parent", parent)
    requests = [order(f"parent {number}", "parent") for number in range(2)]
    results = await orchestrator.run_all(requests)

    assert [result.result for result in results] == [["x", "y", "z"]] * 2
    assert staff.most[ALL_TYPES] == 2


async def test_tasks_that_have_slept_go_on_no_more_at_a_time_than_may_run(
    orchestrator: TaskOrchestrator, specialists: Specialists, staff: Staff
) -> None:
    async def sleeper(task: TaskContext) -> None:
        await task.sleep(5)
        await staff.execute(task)

    specialists.register("sleeper", sleeper)
    await orchestrator.create_tasks([order(title, "sleeper") for title in "abcd"])
    await orchestrator.run_until_idle()

    assert len(staff.begun) == 4
    assert staff.most[ALL_TYPES] == 2


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (Limits(rate=Rate(1)), "rate"),
        (Limits(max_concurrent=1, max_concurrent_per_key=1), "max_concurrent_per_key"),
        (Limits(rate_per_key=Rate(1)), "rate_per_key"),
    ],
)
def test_of_all_types_together_nothing_else_is_limited(wrong: Limits, name: str) -> None:
    with pytest.raises(InvalidRequest, match="give this by type") as refused:
        Specialists(catalogue=dict, limits={ALL_TYPES: wrong})

    assert refused.value.field == f"limits['*'].{name}"


async def test_no_type_has_the_name_of_all(
    orchestrator: TaskOrchestrator, specialists: Specialists, staff: Staff
) -> None:
    told = "specialist_type: '*' stands for all types together; name one"
    with pytest.raises(InvalidRequest, match="stands for all types"):
        specialists.register(ALL_TYPES, staff)

    assert (await orchestrator.create_task(order("a", ALL_TYPES))).error == told
    assert (await orchestrator.pause_type(ALL_TYPES)).error == told
    assert (await orchestrator.resume_type(ALL_TYPES)).error == told


# ---- who has the last word


def a_flow(container: Container, **limits: Limits) -> Flow:
    """Another process on the same database, which declares this."""
    known = Specialists(catalogue=dict, limits=limits)
    for kind in limits.keys() - {ALL_TYPES}:
        known.register(kind, print)
    gates, clock = container.get(Gates), container.get(Clock)
    return Flow(gates=gates, specialists=known, notices=Notices(), clock=clock)


@pytest.mark.parametrize("kind", ["coder", ALL_TYPES])
async def test_who_has_started_last_has_its_way_however_often_others_look(
    container: Container, kind: str
) -> None:
    gates = container.get(Gates)
    first, second = (a_flow(container, **{kind: Limits(max_concurrent=n)}) for n in (1, 2))
    for flow in (first, second, first, second, first):
        await flow.look()
    assert (await gates.all())[kind].limits.max_concurrent == 2
    assert first.counts_running("coder")

    first.specialists.register("another", print)
    await first.declare()
    assert (await gates.all())[kind].limits.max_concurrent == 2


async def test_what_is_changed_here_is_declared_again(container: Container) -> None:
    gates = container.get(Gates)
    flow = a_flow(container, coder=Limits(max_concurrent=1))
    await flow.look()
    flow.specialists.register("coder", print, max_concurrent=7)
    await flow.look()
    assert (await gates.all())["coder"].limits.max_concurrent == 7


async def test_who_says_nothing_of_all_types_leaves_their_limits_as_they_are(
    container: Container,
) -> None:
    gates = container.get(Gates)
    await a_flow(container, **TWO).look()
    other = a_flow(container, coder=Limits())
    await other.look()
    assert list(await gates.all()) == [ALL_TYPES]
    assert other.has_gate("coder")

    await a_flow(container, **{ALL_TYPES: Limits()}).look()
    assert await gates.all() == {}
    await other.look()
    assert not other.has_gate("coder")
    assert other.gates is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"job": 5}, "limits['job']"),
        ({"job": {"max_concurrent": 2}}, "limits['job']"),
        ({"job": None}, "limits['job']"),
        ({7: Limits()}, "limits[7]"),
        ([("job", Limits())], "limits"),
    ],
)
def test_what_is_no_limit_is_refused(given: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Specialists(catalogue=dict, limits=given)  # type: ignore[arg-type]

    assert refused.value.field == field
