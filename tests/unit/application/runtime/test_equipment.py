"""What one attempt works with."""

from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock

from vespera.application.runtime.equipment import AttemptWork, Equipment
from vespera.application.runtime.presence import Presence
from vespera.application.runtime.steps import StepLog
from vespera.domain.file_operation import FileOperation
from vespera.domain.ids import OwnerId, TaskId
from vespera.domain.step import Fence
from vespera.domain.task import Task
from vespera.testing import VirtualClock

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TASK = Task(
    id=TaskId("t"),
    title="A",
    description="",
    specialist_type="coder",
    payload=b"{}",
    created_at=MOMENT,
    updated_at=MOMENT,
)


def equipment(clock: VirtualClock, *operations: FileOperation) -> Equipment:
    log = Mock(spec=StepLog, fence=Fence(TASK.id, 1, OwnerId("o")))
    work = AttemptWork(
        tasks=AsyncMock(),
        codec=Mock(),
        outcomes=Mock(),
        supervision=Mock(clock=clock),
        files=Mock(),
        progress=AsyncMock(),
        waits=Mock(),
        children=Mock(),
        resources=Mock(),
        costs=Mock(),
    )
    presence = Presence(clock)
    return Equipment(task=TASK, log=log, presence=presence, work=work, operations=operations)


async def test_a_tool_is_made_once_and_not_before_it_is_asked_for(clock: VirtualClock) -> None:
    tools = equipment(clock)
    assert not {"files", "waits", "children", "compensation", "patches"} & vars(tools).keys()

    for name in ("files", "waits", "children", "compensation", "patches"):
        assert getattr(tools, name) is getattr(tools, name)


async def test_what_threads_may_ask_for_is_there_from_the_beginning(clock: VirtualClock) -> None:
    assert {"derived", "report"} <= vars(equipment(clock)).keys()


async def test_files_that_were_asked_for_and_left_alone_are_untouched(clock: VirtualClock) -> None:
    tools = equipment(clock)
    assert tools.untouched
    assert not tools.files.touched
    assert tools.untouched

    tools.files.touched = True

    assert not tools.untouched


async def test_what_an_earlier_attempt_recorded_of_files_counts(clock: VirtualClock) -> None:
    assert not equipment(clock, Mock(spec=FileOperation)).untouched
