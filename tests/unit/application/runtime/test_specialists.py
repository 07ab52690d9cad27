"""Who can do which kind of task."""

from unittest.mock import AsyncMock

import pytest

from vespera import TaskContext
from vespera.application.runtime.specialists import Specialists
from vespera.domain.errors import SpecialistError


class Coder:
    async def execute(self, task: TaskContext) -> str:
        return task.title


async def write(task: TaskContext) -> str:
    return task.title


@pytest.fixture
def registry() -> Specialists:
    def broken() -> object:
        raise KeyError("api_key")

    return Specialists(
        catalogue=lambda: {
            "coder": Coder,
            "writer": lambda: write,
            "class": lambda: Coder,
            "broken": broken,
        }
    )


async def test_an_object_with_execute_and_a_function_both_do(registry: Specialists) -> None:
    task = AsyncMock(title="A")

    assert await registry.handler("coder")(task) == "A"
    assert await registry.handler("writer")(task) == "A"


def test_a_class_in_the_place_of_an_object_is_refused(registry: Specialists) -> None:
    with pytest.raises(SpecialistError, match="'class'"):
        registry.handler("class")


def test_one_that_cannot_be_built_says_why(registry: Specialists) -> None:
    with pytest.raises(SpecialistError, match="'broken' cannot be built: KeyError: 'api_key'"):
        registry.handler("broken")


def test_names_are_sorted_and_similar_ones_found(registry: Specialists) -> None:
    registry.register("painter", write)

    assert registry.names() == ["broken", "class", "coder", "painter", "writer"]
    assert registry.like("panter") == ["painter"]
    assert registry.knows("painter")
    assert not registry.knows("panter")


async def test_a_registered_one_goes_before_the_container_s(registry: Specialists) -> None:
    registry.register("coder", AsyncMock(return_value="mine", spec=write))

    assert await registry.handler("coder")(AsyncMock()) == "mine"
