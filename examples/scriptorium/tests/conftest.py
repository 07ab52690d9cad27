"""A team, and a model that says what it is told to."""

from unittest.mock import AsyncMock

import pytest

from scriptorium.container import ScriptoriumContainer
from scriptorium.model import WritingModel
from scriptorium.offline import said_to


async def known_answers(instruction, material):
    return said_to(instruction)


@pytest.fixture
def container_class():
    return ScriptoriumContainer


@pytest.fixture
def model(container):
    mock = AsyncMock(spec=WritingModel)
    mock.write.side_effect = known_answers
    container.override(WritingModel, mock)
    return mock
