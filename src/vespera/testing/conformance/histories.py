"""The promises of ``TaskHistories`` and ``ValueForms``."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from vespera.application.ports.codec import Codec, ValueForms
from vespera.application.ports.histories import Relative, TaskHistories, TaskHistory
from vespera.domain.cost import CostState
from vespera.domain.errors import DuplicateRow, PayloadTooLarge, TaskNotFound, UnreadableValue
from vespera.domain.ids import ReportId, TaskId
from vespera.domain.progress import Progress
from vespera.domain.step import Heartbeat
from vespera.domain.task import OnFailedDependency, Task, TaskStatus
from vespera.testing.conformance.costs import a_cost
from vespera.testing.conformance.samples import (
    FAILURE,
    FENCE,
    LATER,
    NOW,
    a_report,
    a_signal,
    a_step,
    a_task,
    a_wait,
    an_operation,
)
from vespera.testing.conformance.stores import PersistenceSuite, Stores
from vespera.testing.conformance.suite import AdapterSuite, Made, adapter_of

T1 = TaskId("t1")
A_BEAT = Heartbeat(task_id=T1, name="load", occurrence=1, beaten_at=NOW, detail=b"1")
SOME_PROGRESS = Progress(task_id=T1, attempt=1, done=1.0, total=None, at=NOW, message="half")
FAILED = TaskStatus.FAILED
BEFORE = Relative(id=TaskId("before"), title="a task", status=TaskStatus.PENDING)


class TaskHistoriesConformance(PersistenceSuite):
    """Give ``make_stores``; the histories are those in question."""

    ports = (TaskHistories,)

    async def test_a_history_comes_back_as_it_was_stored(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("before", status=TaskStatus.COMPLETED))
        history = _whole()
        await stores.histories.add(history)

        assert await stores.histories.get(T1) == history

    async def test_what_is_stored_is_known_to_the_other_repositories(self, stores: Stores) -> None:
        history = replace(_whole(), depends_on=())
        await stores.histories.add(history)

        assert await stores.tasks.get(T1) == history.task
        assert tuple(await stores.steps.of_task(T1)) == history.steps
        assert tuple(await stores.steps.beats_of(T1)) == history.heartbeats
        assert tuple(await stores.signals.of_task(T1)) == history.signals
        assert tuple(await stores.operations.of_task(T1)) == history.operations
        assert await stores.reports.get(ReportId("r1")) == history.report
        assert await stores.progress.of_task(T1) == history.progress
        assert (await stores.tasks.count_by_status())[FAILED] == 1

    async def test_children_are_part_of_a_history(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("t1"))
        await stores.tasks.add(a_task("child", parent_id=T1))

        child = Relative(id=TaskId("child"), title="a task", status=TaskStatus.PENDING)
        assert (await stores.histories.get(T1)).children == (child,)

    async def test_a_signal_that_comes_later_is_behind_those_of_the_history(
        self, stores: Stores
    ) -> None:
        signals = tuple(a_signal(f"s{number}") for number in (2, 1))
        task = a_task("t1", news=2)
        await stores.histories.add(TaskHistory(task=task, signals=signals))
        await stores.signals.send(a_signal("s0"))

        assert [signal.id for signal in await stores.signals.of_task(T1)] == ["s2", "s1", "s0"]

    async def test_blockers_are_counted_here(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("before"))
        await stores.histories.add(TaskHistory(task=a_task("t1"), depends_on=(BEFORE,)))

        assert (await stores.tasks.get(T1)).blockers == 1

    async def test_what_a_task_was_freed_of_it_does_not_wait_for(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("before"))
        history = TaskHistory(task=a_task("t1"), depends_on=(replace(BEFORE, freed=True),))
        await stores.histories.add(history)

        assert await stores.histories.get(T1) == history

    async def test_what_a_finished_task_waited_for_does_not_change_it(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("before", status=FAILED, error=FAILURE))
        task = a_task(
            "t1",
            status=TaskStatus.COMPLETED,
            on_failed_dependency=OnFailedDependency.CANCEL,
            outcome=b"1",
        )
        await stores.histories.add(TaskHistory(task=task, depends_on=(BEFORE,)))

        assert (await stores.tasks.get(T1)).status is TaskStatus.COMPLETED

    @pytest.mark.parametrize("task_id", ["nobody", "", "\udcff"])
    async def test_a_history_that_is_not_there_is_named(self, stores: Stores, task_id: str) -> None:
        with pytest.raises(TaskNotFound) as refused:
            await stores.histories.get(TaskId(task_id))

        assert repr(task_id) in str(refused.value)

    async def test_of_a_history_whose_task_is_there_nothing_is_stored(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("t1"))
        with pytest.raises(DuplicateRow):
            await stores.histories.add(replace(_whole(), depends_on=()))

        assert await stores.steps.of_task(T1) == []

    async def test_of_a_history_whose_parent_is_missing_nothing_is_stored(
        self, stores: Stores
    ) -> None:
        task = a_task("t1", parent_id=TaskId("parent"))
        with pytest.raises(TaskNotFound, match="'parent'"):
            await stores.histories.add(TaskHistory(task=task, steps=(a_step(),)))

        assert await stores.tasks.find([T1]) == {}

    async def test_the_dedup_key_of_what_is_under_way_is_taken(self, stores: Stores) -> None:
        await stores.tasks.add(a_task("other", dedup_key="k"))
        await stores.histories.add(
            TaskHistory(task=a_task("t1", dedup_key="k", status=FAILED, error=FAILURE))
        )
        with pytest.raises(DuplicateRow):
            await stores.histories.add(TaskHistory(task=a_task("t2", dedup_key="k")))


class ValueFormsConformance(AdapterSuite):
    """Give ``make_forms``, and the codec that the values are stored by.

    Attributes:
        too_large: so many bytes are over the limit.
    """

    ports = (ValueForms,)
    too_large = 64 * 1024 * 1024

    def make_forms(self) -> Made[tuple[Codec, ValueForms]]:
        """The codec, and the forms of what it stores."""
        raise self.missing("make_forms", "a Codec and its ValueForms")

    @pytest_asyncio.fixture
    async def forms(self) -> AsyncIterator[tuple[Codec, ValueForms]]:
        """What ``make_forms`` gives."""
        async with adapter_of(self.make_forms) as forms:
            yield forms

    @pytest.mark.parametrize("value", [None, 1, "é", {"a": [1.5, (2, b"\0")]}, {1: {2}}], ids=repr)
    def test_a_value_survives_the_way_through_json(
        self, forms: tuple[Codec, ValueForms], value: Any
    ) -> None:
        codec, each = forms
        text = each.to_json(codec.encode(value, what="value"))
        again = json.dumps(json.loads(text)).encode()

        assert codec.decode(each.from_json(again, what="value")) == value

    def test_what_is_no_json_is_refused(self, forms: tuple[Codec, ValueForms]) -> None:
        for text in (b"", b"{", b'{"$unheard": 1}', b'{"$bytes": 7}', b'{"$dataclass": [7, {}]}'):
            with pytest.raises(UnreadableValue):
                forms[1].from_json(text, what="value")

    def test_what_is_over_the_limit_is_named(self, forms: tuple[Codec, ValueForms]) -> None:
        with pytest.raises(PayloadTooLarge, match="steps"):
            forms[1].from_json(b'"' + b"x" * self.too_large + b'"', what="steps[0]")

    def test_damage_is_unreadable(self, forms: tuple[Codec, ValueForms]) -> None:
        for data in (b"", b"{", b"\0Vq", b"\0Vz" + b"\0" * 9, b"\0Ve"):
            with pytest.raises(UnreadableValue):
                forms[1].to_json(data)


def _whole() -> TaskHistory:
    return TaskHistory(
        task=_failed(),
        depends_on=(Relative(id=TaskId("before"), title="a task", status=TaskStatus.COMPLETED),),
        steps=(
            a_step(),
            a_step(name="ask", seq=2, value=None, error=b"2"),
            a_wait(name="w", seq=3),
        ),
        signals=(a_signal("s2", received_at=LATER), a_signal("s1")),
        heartbeats=(A_BEAT,),
        progress=SOME_PROGRESS,
        operations=(an_operation("o1"), an_operation("o2", "b.txt")),
        report=a_report("r1", task_id=FENCE.task_id),
        costs=(a_cost("c2", state=CostState.OPEN), a_cost("c1", began_at=LATER, seconds=0.000001)),
    )


def _failed() -> Task:
    return a_task(
        "t1",
        status=FAILED,
        attempt=3,
        failures=3,
        version=9,
        error=FAILURE,
        report_id=ReportId("r1"),
        idempotency_key="once",
        news=2,
        spawned=True,
    )
