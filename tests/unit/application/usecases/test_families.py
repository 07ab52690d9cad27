"""Who descends from a task."""

from unittest.mock import AsyncMock

import pytest

from vespera.application.ports.persistence import TaskRepository
from vespera.application.usecases.families import Families
from vespera.domain.search import TaskSearch
from vespera.domain.task import Task
from vespera.testing.conformance.samples import a_task

CHILDREN = {"a": ["b", "c"], "b": ["d"], "c": ["e"]}


@pytest.fixture
def tasks() -> AsyncMock:
    def search(given: TaskSearch) -> list[Task]:
        names = CHILDREN.get(given.parent_id or "", [])
        return [a_task(name, spawned=name == "b") for name in names]

    return AsyncMock(spec=TaskRepository, **{"search.side_effect": search})


async def test_those_of_descendants_that_have_spawned_others_are_found(tasks: AsyncMock) -> None:
    found = await Families(tasks=tasks).descendants_of(a_task("a", spawned=True))

    assert [task.id for task in found] == ["b", "c", "d"]  # "c" says that it has spawned none


@pytest.mark.parametrize("task", [None, a_task("a")])
async def test_who_has_spawned_none_is_not_asked_about(tasks: AsyncMock, task: Task) -> None:
    assert await Families(tasks=tasks).descendants_of(task) == []
    assert not tasks.search.called
