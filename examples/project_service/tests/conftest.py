"""A service with a key, and a model that says what it is told to."""

from unittest.mock import AsyncMock

import pytest

from project_service.app import create_app
from project_service.container import ServiceContainer
from project_service.model import ChatModel

TEST_API_KEY = "test-key"
KEY = {"X-API-Key": TEST_API_KEY}


@pytest.fixture
def container_class():
    return ServiceContainer


@pytest.fixture
def container_settings():
    return {"api_keys": (TEST_API_KEY, "the old key"), "body_limit": 10_000}


@pytest.fixture
def model():
    mock = AsyncMock(spec=ChatModel)
    mock.complete.return_value = "It is about ships."
    return mock


@pytest.fixture
def app(container, model):
    container.override(ChatModel, model)
    return create_app(container)


@pytest.fixture
async def caller(async_client):
    """A client with the key."""
    async_client.headers.update(KEY)
    return async_client


@pytest.fixture
async def harbour(caller):
    """A client, and the project "harbour"."""
    answer = await caller.post("/projects", json={"name": "harbour", "title": "The harbour"})
    assert answer.status_code == 201
    return caller


@pytest.fixture
def new_task(harbour):
    """Create a task in "harbour"; gives where it is."""

    async def create(project="harbour", **form):
        asked = {"kind": "report", "title": "Ships", "text": "A ship came in. It was late."}
        answer = await harbour.post(f"/projects/{project}/tasks", json={**asked, **form})
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    return create


@pytest.fixture
def new_talk(harbour):
    """Create a task that has no text."""

    async def create(kind):
        form = {"kind": kind, "title": "A meeting"}
        answer = await harbour.post("/projects/harbour/tasks", json=form)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    return create
