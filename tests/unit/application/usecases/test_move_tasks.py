"""A task's whole history goes out as JSON, and comes in elsewhere, whole or not at all."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock

import pytest

from vespera import Container, TaskContext, TaskOrchestrator, TaskRepository
from vespera.application.ports.codec import Codec
from vespera.application.ports.histories import TaskHistories
from vespera.application.ports.persistence import FileOperationRepository, ReportRepository
from vespera.application.runtime.specialists import Specialists
from vespera.application.usecases.move_tasks import MoveTasksUseCase
from vespera.domain.errors import DuplicateRow, TaskNotFound
from vespera.domain.file_operation import Absent, FileState, OperationKind, Phase
from vespera.domain.ids import ReportId, TaskId
from vespera.domain.task import TaskFailure, TaskStatus
from vespera.testing import VirtualClock
from vespera.testing.conformance.samples import NOW, a_report, an_operation

Document = dict[str, Any]
Other = Callable[[], AbstractAsyncContextManager[TaskOrchestrator]]


@dataclass(frozen=True)
class Point:
    x: int


async def visit(task: TaskContext) -> dict[str, object]:
    """Takes a step, fails at another, says how far it is, and waits for a word."""
    price = await task.step("price", lambda: Decimal("1.50"))
    task.progress(1, 2, "half")
    try:
        await task.step("refuse", lambda: 1 / 0)
    except Exception:
        price += 1
    return {"price": price, "word": await task.wait_for_signal("word")}


async def tour(task: TaskContext) -> object:
    """Hears of one child, and waits for the other one."""
    children = [
        await task.spawn(title=word, specialist_type="visit", returns=dict) for word in ("a", "b")
    ]
    return [result["word"] for result in await task.gather(*children)]


@pytest.fixture
def orchestrator(container: Container, specialists: Specialists) -> TaskOrchestrator:
    specialists.register("visit", visit)
    return container.get(TaskOrchestrator)


@pytest.fixture
def other(clock: VirtualClock) -> Other:
    """Another database."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[TaskOrchestrator]:
        elsewhere = Container(workspace="/nonexistent/elsewhere", events="all")
        elsewhere.override("clock", clock)
        clock.watch(lambda: elsewhere.get("database").in_flight)
        clock.watch(lambda: elsewhere.get("step_threads").in_flight)
        async with elsewhere:
            elsewhere.get(Specialists).register("visit", visit)
            yield elsewhere.get(TaskOrchestrator)

    return opened


async def waiting(orchestrator: TaskOrchestrator, **fields: object) -> str:
    """A task that waits for its word."""
    asked = {"title": "Visit", "specialist_type": "visit", "completion": "auto", **fields}
    created = await orchestrator.create_task(asked, payload={"who": Point(7), "when": NOW})
    await orchestrator.start()
    while (await orchestrator.get_task_status(str(created.task_id))).status != "waiting":
        await asyncio.sleep(0)
    return str(created.task_id)


async def ended(orchestrator: TaskOrchestrator, **fields: object) -> str:
    task_id = await waiting(orchestrator, **fields)
    await orchestrator.signal(task_id, "word", "come in")
    await orchestrator.wait_for_completion(task_id)
    return task_id


async def exported(orchestrator: TaskOrchestrator, task_id: str) -> Document:
    """As it is after it was a file."""
    document: Document = json.loads(json.dumps(await orchestrator.export_task(task_id)))
    return document


def without(document: Document, *names: str) -> Document:
    return {name: part for name, part in document.items() if name not in names}


async def test_values_are_there_for_people_and_with_their_types(
    orchestrator: TaskOrchestrator,
) -> None:
    document = await exported(orchestrator, await ended(orchestrator))

    assert document["vespera"] == 1
    assert document["task"]["payload"]["value"]["who"] == {"x": 7}
    price, refuse, word = document["steps"]
    assert price["value"] == {"value": "1.50", "stored": {"$decimal": "1.50"}}
    assert (refuse["value"], refuse["error"]["value"][0]) == (None, "division by zero")
    assert word["name"] == "signal:word"
    assert document["signals"][0]["payload"]["value"] == "come in"
    assert document["progress"]["message"] == "half"
    assert document["task"]["outcome"]["value"][3]["word"] == "come in"


async def test_the_events_that_are_kept_are_part_of_it(other: Other) -> None:
    async with other() as orchestrator:
        document = await exported(orchestrator, await ended(orchestrator))

    kinds = [event["type"] for event in document["events"]]
    assert kinds[:3] == ["created", "claimed", "step_recorded"]
    assert kinds[-1] == "completed"


async def test_a_finished_task_is_elsewhere_what_it_was(
    orchestrator: TaskOrchestrator, other: Other
) -> None:
    task_id = await ended(orchestrator, idempotency_key="once", priority=3)
    document = await exported(orchestrator, task_id)
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)
        again = await exported(elsewhere, task_id)
        stands = await elsewhere.get_task_status(task_id)
        events = [event.type.value async for event in elsewhere.events(task_id)]

    assert (result.success, result.status, result.paused) == (True, "completed", False)
    assert without(again, "exported_at", "events") == without(document, "exported_at", "events")
    assert stands.result == {"price": Decimal("2.50"), "word": "come in"}
    assert events == ["imported"]


async def test_a_task_that_waits_goes_on_elsewhere_when_it_is_resumed(
    orchestrator: TaskOrchestrator, other: Other, clock: VirtualClock
) -> None:
    task_id = await waiting(orchestrator)
    document = await exported(orchestrator, task_id)
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)
        assert (result.status, result.paused) == ("pending", True)
        await elsewhere.start()
        await elsewhere.signal(task_id, "word", "here")
        await clock.sleep(3600)
        assert (await elsewhere.get_task_status(task_id)).attempt == 1

        await elsewhere.resume_task(task_id)
        done = await elsewhere.wait_for_completion(task_id)

    assert done.result == {"price": Decimal("2.50"), "word": "here"}
    assert done.attempt == 2


async def test_a_copy_spawns_children_of_its_own_where_the_original_had_not_heard_of_them(
    orchestrator: TaskOrchestrator, specialists: Specialists, clock: VirtualClock
) -> None:
    specialists.register("tour", tour)
    await orchestrator.start()
    await orchestrator.create_task(title="F", specialist_type="tour", task_id="f")
    await clock.sleep(1)
    first, second = (await orchestrator.tasks(parent_id="f", order="oldest")).tasks
    await orchestrator.signal(first.id, "word", "one")
    await clock.sleep(1)

    imported = await orchestrator.import_task(await orchestrator.export_task("f"), task_id="copy")
    await orchestrator.resume_task("copy")
    await clock.sleep(1)
    (own,) = (await orchestrator.tasks(parent_id="copy")).tasks
    await orchestrator.signal(own.id, "word", "mine")
    await orchestrator.signal(second.id, "word", "theirs")
    await clock.sleep(1)

    assert imported.success, imported.error
    assert (await orchestrator.get_task_status("copy")).result == ["one", "mine"]
    assert (await orchestrator.get_task_status("f")).result == ["one", "theirs"]


async def test_a_copy_may_stand_beside_the_original(orchestrator: TaskOrchestrator) -> None:
    task_id = await ended(orchestrator, idempotency_key="once")
    document = await exported(orchestrator, task_id)
    result = await orchestrator.import_task(document, task_id="copy")
    stored = await exported(orchestrator, "copy")

    assert (result.success, result.task_id) == (True, "copy")
    assert stored["task"]["idempotency_key"] is None
    for name in ("steps", "children", "heartbeats"):
        assert stored[name] == document[name]
    assert [s["payload"] for s in stored["signals"]] == [s["payload"] for s in document["signals"]]


@pytest.mark.parametrize(
    ("status", "stored"),
    [
        ("pending", ("pending", True)),
        ("running", ("pending", True)),
        ("assigned", ("assigned", False)),
        ("executed", ("executed", False)),
        ("cancelled", ("cancelled", False)),
    ],
)
async def test_no_state_runs_by_surprise(
    orchestrator: TaskOrchestrator, other: Other, status: str, stored: tuple[str, bool]
) -> None:
    created = await orchestrator.create_task(title="A", specialist_type="visit")
    document = await exported(orchestrator, str(created.task_id))
    document["task"].update(status=status, attempt=1, owner="somebody", lease_until=NOW.isoformat())
    if status == "executed":
        document["task"]["outcome"] = {"value": 0, "stored": ["", [], "", None]}
    if status == "cancelled":
        document["task"]["error"] = {"error_types": ["X"], "message": "", "traceback": ""}
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)
        await elsewhere.start()
        await elsewhere.run_until_idle()
        stands = await elsewhere.get_task_status(str(created.task_id))

    assert (result.status, result.paused) == stored
    assert (stands.status, stands.attempt) == (stored[0], 1)


async def test_a_planned_moment_is_kept(orchestrator: TaskOrchestrator, other: Other) -> None:
    later = NOW + timedelta(days=365 * 9)
    created = await orchestrator.create_task(title="A", run_after=later)
    document = await exported(orchestrator, str(created.task_id))
    async with other() as elsewhere:
        await elsewhere.import_task(document)
        again = await exported(elsewhere, str(created.task_id))

    assert again["task"]["run_after"] == document["task"]["run_after"] == later.isoformat()


# ------------------------------------------------------------------------------ what it belongs to


async def family(orchestrator: TaskOrchestrator, specialists: Specialists) -> dict[str, Document]:
    async def parent(task: TaskContext) -> object:
        child = await task.spawn(title="child", specialist_type="child", task_id="c")
        return await child.result()

    async def child(_task: TaskContext) -> str:
        return "grown"

    specialists.register("parent", parent)
    specialists.register("child", child)
    await orchestrator.run(title="first", specialist_type="child", task_id="f")
    asked = {"title": "parent", "specialist_type": "parent", "task_id": "p", "depends_on": ["f"]}
    await orchestrator.run(asked)
    return {task_id: await exported(orchestrator, task_id) for task_id in "fpc"}


async def test_what_a_finished_task_lacks_is_named(
    orchestrator: TaskOrchestrator, specialists: Specialists, other: Other
) -> None:
    documents = await family(orchestrator, specialists)
    async with other() as elsewhere:
        parent = await elsewhere.import_task(documents["p"])
        child = await elsewhere.import_task(documents["c"])
        await elsewhere.import_task({**documents["c"], "vespera": 1}, task_id="orphan")

    assert [item["id"] for item in documents["p"]["children"]] == ["c"]
    assert parent.missing == ("dependency f", "child c")
    assert child.missing == ()


async def test_what_is_here_is_linked_again(
    orchestrator: TaskOrchestrator, specialists: Specialists, other: Other
) -> None:
    documents = await family(orchestrator, specialists)
    async with other() as elsewhere:
        results = [await elsewhere.import_task(documents[task_id]) for task_id in "fpc"]
        again = {task_id: await exported(elsewhere, task_id) for task_id in "fpc"}

    assert [result.missing for result in results] == [(), ("child c",), ()]
    for task_id, document in documents.items():
        left = without(again[task_id], "exported_at", "events")
        assert left == without(document, "exported_at", "events")


async def test_an_orphan_is_stored_without_its_parent(
    orchestrator: TaskOrchestrator, specialists: Specialists, other: Other
) -> None:
    documents = await family(orchestrator, specialists)
    async with other() as elsewhere:
        result = await elsewhere.import_task(documents["c"])
        again = await exported(elsewhere, "c")

    assert (result.missing, again["task"]["parent_id"]) == (("parent p",), None)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"depends_on": ["before"]}, "depends_on: 'before' is not here; import it first"),
        ({"parent_id": "before"}, "task.parent_id: 'before' is not here; import it first"),
    ],
)
async def test_what_could_not_go_on_here_is_refused(
    orchestrator: TaskOrchestrator, other: Other, fields: dict[str, object], refused: str
) -> None:
    await orchestrator.create_task(title="before", task_id="before")
    await orchestrator.create_task(title="A", task_id="a", **fields)
    document = await exported(orchestrator, "a")
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)

    assert (result.success, result.error) == (False, refused)


# ---------------------------------------------------------------------------------- files


async def with_files(container: Container, orchestrator: TaskOrchestrator) -> Document:
    """A completed task that has recorded an operation, and its report."""
    await orchestrator.create_task(title="A", task_id="a", specialist_type="writer")
    tasks, operations = container.get(TaskRepository), container.get(FileOperationRepository)
    state = FileState("b3:00", 1, 0o644)
    done = an_operation(
        "op",
        "a/\udcff.txt",
        task_id=TaskId("a"),
        phase=Phase.DONE,
        before=Absent(),
        after=state,
        expected=state,
    )
    await operations.add(done)
    await container.get(ReportRepository).add(a_report("rep", task_id=TaskId("a")))
    task = (await tasks.get(TaskId("a"))).assign(NOW)
    await tasks.save(task)
    outcome = container.get(Codec).encode(["", [], "", None], what="outcome")
    await tasks.complete(task.complete(outcome, ReportId("rep"), NOW), operations=1)
    return await exported(orchestrator, "a")


async def test_operations_and_their_report_come_along(
    container: Container, orchestrator: TaskOrchestrator, other: Other
) -> None:
    document = await with_files(container, orchestrator)
    (operation,) = document["file_operations"]
    assert operation["before"] == {"kind": "absent"}
    assert operation["after"] == {"kind": "file", "digest": "b3:00", "size": 1, "mode": 0o644}
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)
        again = await exported(elsewhere, "a")

    assert result.success, result.error
    assert again["file_operations"][0]["expected"]["digest"] == "b3:00"
    assert again["file_operations"] == document["file_operations"]
    assert again["report"] == document["report"]
    assert again["task"]["report_id"] == "rep"


async def test_a_copy_has_operations_and_a_report_of_its_own(
    container: Container, orchestrator: TaskOrchestrator, other: Other
) -> None:
    document = await with_files(container, orchestrator)
    async with other() as elsewhere:
        await elsewhere.import_task(document, task_id="copy")
        again = await exported(elsewhere, "copy")

    (operation,) = again["file_operations"]
    assert (operation["task_id"], operation["id"] == "op") == ("copy", False)
    assert again["report"]["task_id"] == "copy"
    assert again["task"]["report_id"] == again["report"]["id"] != "rep"


async def test_files_of_others_are_not_judged_by_what_is_imported(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    document = await with_files(container, orchestrator)
    refused = await orchestrator.import_task(document, task_id="copy")
    taken = await orchestrator.import_task(document, task_id="copy", files=False)

    assert str(refused.error).startswith("file_operations: 'a/\\udcff.txt' has operations of task")
    assert (taken.success, taken.status) == (True, "completed")
    assert (await exported(orchestrator, "copy"))["file_operations"] == []


async def test_what_is_recorded_here_under_its_own_id_is_no_stranger_s(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    document = await with_files(container, orchestrator)
    elsewhere = Container(workspace="/nonexistent/elsewhere")
    async with elsewhere:
        known = an_operation("before", "a/\udcff.txt", task_id=TaskId("a"))
        await elsewhere.get(FileOperationRepository).add(known)
        result = await elsewhere.get(TaskOrchestrator).import_task(document)

    assert result.success, result.error


async def test_a_field_that_an_older_version_did_not_know_is_as_by_default(
    orchestrator: TaskOrchestrator, other: Other
) -> None:
    await orchestrator.create_task(title="A", task_id="a")
    document = await exported(orchestrator, "a")
    for name in ("dedup_key", "paused_at", "on_failed_dependency"):
        del document["task"][name]
    del document["heartbeats"], document["report"]
    async with other() as elsewhere:
        assert (await elsewhere.import_task(document)).success


async def test_what_an_unfinished_task_says_of_files_is_not_left_out(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    await orchestrator.create_task(title="A", task_id="a")
    await container.get(FileOperationRepository).add(an_operation("op", task_id=TaskId("a")))
    document = await exported(orchestrator, "a")

    result = await orchestrator.import_task(document, task_id="copy", files=False)
    assert str(result.error).startswith("files: what the task says of files is judged")


# ---------------------------------------------------------------------------------- refusals


async def test_a_task_that_is_not_there_is_named(orchestrator: TaskOrchestrator) -> None:
    with pytest.raises(TaskNotFound, match="'nobody'"):
        await orchestrator.export_task("nobody")


async def test_what_is_taken_here_is_told_by_its_place(orchestrator: TaskOrchestrator) -> None:
    task_id = await ended(orchestrator, idempotency_key="once")
    document = await exported(orchestrator, task_id)
    taken = await orchestrator.import_task(document)
    document["task"]["id"] = "another"
    keyed = await orchestrator.import_task(document)

    assert taken.error == f"task.id: {task_id!r} is taken by another task"
    assert keyed.error == f"task.idempotency_key: 'once' belongs to task {task_id!r}"


async def test_a_dedup_key_of_what_is_under_way_is_taken(orchestrator: TaskOrchestrator) -> None:
    await orchestrator.create_task(title="A", task_id="a", dedup_key="k")
    document = await exported(orchestrator, "a")
    document["task"]["id"] = "b"
    result = await orchestrator.import_task(document)
    copied = await orchestrator.import_task(document, task_id="c")

    told = "task.dedup_key: 'k' belongs to task 'a', which is under way"
    assert (result.error, copied.success) == (told, True)


async def test_who_is_removed_meanwhile_is_named(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    await orchestrator.create_task(title="before", task_id="before")
    await orchestrator.create_task(title="A", task_id="a", depends_on=["before"])
    document = await exported(orchestrator, "a")
    hindered = AsyncMock(spec=TaskHistories)
    hindered.add.side_effect = TaskNotFound("before")
    with container.override(TaskHistories, hindered):
        result = await container.get(MoveTasksUseCase).import_task(document, task_id="b")

    assert result.error == "task: task 'before' was removed meanwhile"


@pytest.mark.parametrize("changed", ["idempotency_key", "dedup_key"])
async def test_who_has_taken_a_key_and_is_gone_again_is_not_looked_for_for_ever(
    container: Container, orchestrator: TaskOrchestrator, changed: str
) -> None:
    await orchestrator.create_task(title="A", task_id="a", **{changed: "k"})
    document = await exported(orchestrator, "a")
    document["task"]["id"], document["task"][changed] = "b", "another"
    hindered = AsyncMock(spec=TaskHistories)
    hindered.add.side_effect = DuplicateRow("a row with this key exists already")
    with container.override(TaskHistories, hindered):
        result = await container.get(MoveTasksUseCase).import_task(document)

    assert str(result.error).startswith("file_operations: one of the ids is taken here")


async def test_of_very_many_events_the_last_are_kept(other: Other) -> None:
    async with other() as orchestrator:
        created = await orchestrator.create_task(title="A", dedup_key="k", debounce=60)
        for _ in range(510):
            await orchestrator.create_task(title="A", dedup_key="k", debounce=60)
        document = await exported(orchestrator, str(created.task_id))

    assert len(document["events"]) == 511
    ids = [event["id"] for event in document["events"]]
    assert ids == sorted(ids)


async def test_an_operation_s_id_that_is_taken_is_told(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    await orchestrator.create_task(title="A", task_id="a")
    operations = container.get(FileOperationRepository)
    await operations.add(an_operation("op", task_id=TaskId("a")))
    document = await exported(orchestrator, "a")
    document["task"]["id"] = document["file_operations"][0]["task_id"] = "b"
    document["file_operations"][0]["path"] = "other.txt"
    result = await orchestrator.import_task(document)

    assert str(result.error).startswith("file_operations: one of the ids is taken here")


DAMAGE: list[tuple[Callable[[Document], object], str]] = [
    (lambda d: d.update(vespera=2), "vespera: is 2; this version of Vespera reads 1"),
    (lambda d: d.update(vespera=True), "vespera: is True"),
    (lambda d: d.pop("vespera"), "history: is no exported task"),
    (lambda d: d.update(redacted=True), "redacted: its values were left out"),
    (lambda d: d.update(extra=1), "extra: is unknown"),
    (lambda d: d.pop("task"), "task: is missing"),
    (lambda d: d.update(task=[]), "task: must be an object, got []"),
    (lambda d: d.update(steps={}), "steps: must be a list"),
    (lambda d: d["steps"].append(7), "steps[3]: must be an object, got 7"),
    (lambda d: d["task"].pop("title"), "task.title: is missing"),
    (lambda d: d["task"].update(title=7), "task.title: must be text, got 7"),
    (lambda d: d["task"].update(title=" "), "task.title: must not be empty"),
    (lambda d: d["task"].update(id=""), "task_id: must not be empty"),
    (lambda d: d["task"].update(titel="x"), "task.titel: is unknown; did you mean 'title'?"),
    (lambda d: d["task"].update(zzzzz=1), "task.zzzzz: is unknown; a newer version wrote it"),
    (lambda d: d["task"].update(description="\ud800"), "task.description: has a lone surrogate"),
    (lambda d: d["task"].update(status="done"), "task.status: must be one of pending,"),
    (lambda d: d["task"].update(priority=2**63), "task.priority: must be a whole number"),
    (lambda d: d["task"].update(priority=True), "task.priority: must be a whole number"),
    (lambda d: d["task"].update(timeout="1"), "task.timeout: must be a number, got '1'"),
    (lambda d: d["task"].update(spawned=1), "task.spawned: must be true or false, got 1"),
    (lambda d: d["task"].update(created_at="now"), "task.created_at: must be a moment"),
    (lambda d: d["task"].update(created_at="2030-01-01T00:00:00"), "task.created_at: must be a m"),
    (lambda d: d["task"].update(retry={"max_attempts": 0}), "task.retry: "),
    (lambda d: d["task"].update(retry={"often": 1}), "task.retry: often: unknown field"),
    (lambda d: d["task"].update(retry=1), "task.retry: must be an object, got 1"),
    (lambda d: d["task"].update(version=0), "task.version: must be 1 or more"),
    (lambda d: d["task"].update(failures=9), "task.failures: must be from 0 to"),
    (lambda d: d["task"].update(outcome=None), "task.outcome: is completed, but has no outcome"),
    (lambda d: d["task"].update(status="failed"), "task.error: is failed, but no error says why"),
    (
        lambda d: d["task"].update(status="running", attempt=0),
        "task.attempt: is running, but no attempt was begun",
    ),
    (lambda d: d["task"].update(status="waiting"), "task.status: is waiting, but no step says"),
    (lambda d: d["task"].update(error={"message": 1}), "task.error.error_types: is missing"),
    (
        lambda d: d["task"].update(error={"error_types": "x", "message": ""}),
        "task.error.error_types: must be a list, got 'x'",
    ),
    (lambda d: d["task"].update(report_id="r"), "task.report_id: is not the report that is given"),
    (lambda d: d["task"]["payload"].pop("stored"), "task.payload.stored: is missing"),
    (
        lambda d: d["task"].update(payload={"unreadable": "no key"}),
        "task.payload.stored: could not be read when it was exported: no key",
    ),
    (
        lambda d: d["steps"][0]["value"].update(stored={"$unheard": 1}),
        "steps[0].value.stored: The tag '$unheard' is unknown",
    ),
    (
        lambda d: d["steps"][0]["value"].update(stored={"$decimal": "x"}),
        "steps[0].value.stored: What is stored cannot be read",
    ),
    (
        lambda d: d["steps"][0]["value"].update(stored="x" * 2**21),
        "steps[0].value.stored: ",
    ),
    (lambda d: d["steps"][0]["value"].update(stored={1, 2}), "steps[0].value.stored: is no JSON"),
    (lambda d: d["steps"][0].update(value=None), "steps[0]: must have one of value, error"),
    (lambda d: d["steps"][0].update(occurrence=0), "steps[0].occurrence: must be 1 or more"),
    (lambda d: d["steps"].append(d["steps"][0]), "steps[3]: has the name and occurrence of"),
    (lambda d: d["steps"][1].update(seq=1), "steps[1]: has the seq of another one"),
    (lambda d: d["signals"].append(d["signals"][0]), "signals[1]: has the id of another one"),
    (
        lambda d: d["file_operations"].append({"before": {"kind": "gone"}}),
        "file_operations[0].id: is missing",
    ),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGE, ids=[told[:40] for _, told in DAMAGE])
async def test_damage_is_told_by_its_place_and_nothing_is_stored(
    orchestrator: TaskOrchestrator,
    other: Other,
    damage: Callable[[Document], object],
    told: str,
) -> None:
    document = copy.deepcopy(await exported(orchestrator, await ended(orchestrator)))
    damage(document)
    async with other() as elsewhere:
        result = await elsewhere.import_task(document)
        assert await elsewhere.count_tasks() == {}

    assert not result.success
    assert str(result.error).startswith(told)


@pytest.mark.parametrize("nonsense", [None, 7, "text", [], {}])
async def test_what_is_no_document_is_refused(
    orchestrator: TaskOrchestrator, nonsense: Any
) -> None:
    result = await orchestrator.import_task(nonsense)

    assert str(result.error).startswith("history: is no exported task")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "burn"}, "file_operations[0].kind: must be one of create, modify"),
        ({"before": {"kind": "gone"}}, "file_operations[0].before.kind: must be one of absent"),
        ({"before": {"kind": "file"}}, "file_operations[0].before.digest: is missing"),
        ({"task_id": "b"}, "file_operations[0].task_id: is of another task"),
        ({"context": []}, "file_operations[0].context: must be an object"),
    ],
)
async def test_damage_to_what_is_said_of_files_is_told_by_its_place(
    container: Container, orchestrator: TaskOrchestrator, change: Document, told: str
) -> None:
    await orchestrator.create_task(title="A", task_id="a")
    operation = an_operation("op", task_id=TaskId("a"), kind=OperationKind.MODIFY)
    await container.get(FileOperationRepository).add(operation)
    document = await exported(orchestrator, "a")
    document["file_operations"][0].update(change)

    assert str((await orchestrator.import_task(document)).error).startswith(told)


async def test_redacted_nothing_that_a_handler_handled_is_left(
    orchestrator: TaskOrchestrator, specialists: Specialists
) -> None:
    async def leaky(task: TaskContext) -> None:
        await task.step("look", lambda: "secret-value")
        task.progress(1, message="secret-progress")
        raise ValueError("secret-error")

    specialists.register("leaky", leaky)
    failed = await orchestrator.run(
        title="A", specialist_type="leaky", payload={"key": "secret-payload"}
    )
    document = await orchestrator.export_task(str(failed.task_id), redact=True)
    refused = await orchestrator.import_task(document, task_id="b")

    text = json.dumps(document)
    assert "secret-" not in text
    assert '"look"' in text
    assert '"ValueError"' in text
    assert str(refused.error).startswith("redacted: ")


async def test_a_value_that_cannot_be_read_is_told_in_its_place(
    container: Container, orchestrator: TaskOrchestrator
) -> None:
    await orchestrator.create_task(title="A", task_id="a", specialist_type="nobody")
    tasks = container.get(TaskRepository)
    task = (await tasks.get(TaskId("a"))).assign(NOW)
    await tasks.save(task)
    await tasks.complete(task.complete(b"{damaged", None, NOW), operations=0)
    document = await exported(orchestrator, "a")

    assert document["task"]["outcome"].keys() == {"unreadable"}
    result = await orchestrator.import_task(document, task_id="b")
    assert str(result.error).startswith("task.outcome.stored: could not be read when it was")


async def test_a_failure_comes_along_as_it_was(
    container: Container, orchestrator: TaskOrchestrator, other: Other
) -> None:
    await orchestrator.create_task(title="A", task_id="a")
    tasks = container.get(TaskRepository)
    failure = TaskFailure(error_types=("ValueError", "Exception"), message="no", traceback="at x")
    await tasks.save((await tasks.get(TaskId("a"))).cancel(failure, NOW))
    document = await exported(orchestrator, "a")
    async with other() as elsewhere:
        await elsewhere.import_task(document)
        stands = await elsewhere.get_task_status("a")

    assert (stands.status, stands.error) == (TaskStatus.CANCELLED, "ValueError: no")
