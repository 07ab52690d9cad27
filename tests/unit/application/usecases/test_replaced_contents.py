"""What is about to be replaced is kept; and if it cannot be, the work goes on."""

from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import AsyncMock

import pytest

from vespera.application.ports.contents import ContentStore
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.domain.content import ContentSource, NotKept, PutResult
from vespera.domain.errors import ContentError, StoreFull
from vespera.domain.file_operation import (
    NOT_OBSERVED,
    Absent,
    FileOperation,
    FileState,
    OperationKind,
    Phase,
)
from vespera.domain.ids import OperationId, TaskId

OPERATION = FileOperation(
    id=OperationId("1"),
    task_id=TaskId("t"),
    kind=OperationKind.MODIFY,
    phase=Phase.INTENT,
    path="a.txt",
    before=FileState("b3:01", 5, 0o644),
    after=NOT_OBSERVED,
    recorded_at=datetime(2030, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def contents() -> AsyncMock:
    contents = AsyncMock(spec=ContentStore)
    contents.put.return_value = [PutResult("b3:01", 5)]
    return contents


async def test_the_bytes_that_were_seen_are_given_to_the_store(contents: AsyncMock) -> None:
    await ReplacedContents(contents).keep(OPERATION)

    contents.put.assert_awaited_once_with([ContentSource("a.txt", "b3:01")])


async def test_where_nothing_is_replaced_the_store_is_not_asked(contents: AsyncMock) -> None:
    await ReplacedContents(contents).keep(replace(OPERATION, before=Absent()))

    contents.put.assert_not_awaited()


async def test_nothing_is_kept_where_nobody_wants_it(contents: AsyncMock) -> None:
    await ReplacedContents(contents, is_kept=False).keep(OPERATION)

    contents.put.assert_not_awaited()


@pytest.mark.parametrize("error", [StoreFull(), ContentError("the disk is broken")], ids=repr)
async def test_trouble_of_the_store_is_logged_and_holds_nothing_up(
    contents: AsyncMock, error: ContentError, caplog: pytest.LogCaptureFixture
) -> None:
    contents.put.side_effect = error

    await ReplacedContents(contents).keep(OPERATION)

    assert (
        f"What 'a.txt' contains is not kept, and cannot be put back later: {error}" in caplog.text
    )


@pytest.mark.parametrize(
    ("reason", "is_told"),
    [(NotKept.CHANGED, True), (NotKept.UNREADABLE, True), (NotKept.NEVER, False)],
)
async def test_what_is_left_out_is_logged_unless_somebody_wanted_that(
    contents: AsyncMock, reason: NotKept, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    contents.put.return_value = [PutResult("b3:01", reason=reason)]

    await ReplacedContents(contents).keep(OPERATION)

    assert ("a.txt" in caplog.text) is is_told
