"""Health, figures, keys, and answers to what makes no sense."""

import asyncio
import sys
from unittest.mock import AsyncMock

import pytest

from project_service.app import create_app
from project_service.container import ServiceContainer
from project_service.metrics import wants_text
from vespera import TaskOrchestrator, TaskRepository
from vespera.domain.errors import DatabaseFull, MissingSetting
from vespera.testing import mock_client

TEST_API_KEY = "test-key"
KEY = {"X-API-Key": TEST_API_KEY}
BY_PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5,*/*;q=0.1"


def is_problem(answer, status):
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"]) == (status, status)
    assert said["title"]
    return said["detail"]


class TestWithAClientThatDoesNotAwait:
    @pytest.fixture
    def app(self, tmp_path):
        return create_app(ServiceContainer(api_keys=(TEST_API_KEY,), workspace=str(tmp_path)))

    def test_it_is_healthy_and_has_metrics(self, client):
        response = client.get("/health")
        assert response.status_code == 200

        response = client.get("/metrics", headers={"X-API-Key": TEST_API_KEY})
        assert response.status_code == 200
        assert "timestamp" in response.json()


async def test_a_watcher_may_ask_for_no_body(async_client):
    answer = await async_client.head("/health")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_health_needs_no_key_and_tells_the_time_of_the_test(async_client):
    answer = await async_client.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "timestamp": "2030-01-01T00:00:00+00:00"}


@pytest.mark.parametrize("path", ["/metrics", "/projects", "/nothing"])
async def test_all_else_needs_a_key(async_client, path):
    missing = await async_client.get(path)
    assert "X-API-Key" in is_problem(missing, 401)
    assert "ApiKey" in missing.headers["WWW-Authenticate"]

    for wrong in ("wrong", "", "test-key ", "tést", f"{TEST_API_KEY}{TEST_API_KEY}"):
        answer = await async_client.get(path, headers={"X-API-Key": wrong.encode("latin-1")})
        if wrong.strip() != TEST_API_KEY:
            assert "not known" in is_problem(answer, 403)


async def test_a_request_without_a_key_is_not_even_read(async_client):
    answer = await async_client.post(
        "/projects", content=b"{", headers={"Content-Type": "application/json"}
    )

    is_problem(answer, 401)


async def test_any_of_the_keys_opens(async_client):
    for key in (TEST_API_KEY, "the old key"):
        answer = await async_client.get("/projects", headers={"X-API-Key": key})
        assert answer.status_code == 200


def test_a_service_without_keys_does_not_begin():
    with pytest.raises(MissingSetting, match="api_keys"):
        create_app(ServiceContainer())
    with pytest.raises(ValueError, match="api_keys"):
        asyncio.run(_first_request(create_app(ServiceContainer(api_keys=("",)))))


async def _first_request(app):
    await app({"type": "lifespan"}, AsyncMock(), AsyncMock())


async def test_metrics_count_projects_tasks_and_requests(harbour, new_task):
    task = await new_task()
    await harbour.get(f"{task}/result", params={"wait": 30})
    await harbour.get("/nothing")

    said = (await harbour.get("/metrics")).json()

    assert said["timestamp"] == "2030-01-01T00:00:00+00:00"
    assert said["projects"] == {"open": 1, "closed": 0}
    assert said["tasks"] == {"report": {"completed": 1}}
    assert said["requests"] == {"200": 1, "201": 2, "404": 1}


async def test_prometheus_gets_what_it_reads(harbour, new_task):
    await harbour.get(f"{await new_task()}/result", params={"wait": 30})

    for accept in ("text/plain", BY_PROMETHEUS):
        answer = await harbour.get("/metrics", headers={"Accept": accept})
        lines = answer.text.splitlines()
        assert 'project_service_tasks{kind="report",status="completed"} 1.0' in lines
        assert 'project_service_projects{state="open"} 1.0' in lines
        assert answer.headers["Content-Type"].startswith(accept.partition(";")[0])
        assert answer.headers["Vary"] == "Accept"
    route = "/projects/{project}/tasks/{task_id}/result"
    assert f'http_requests_total{{method="GET",route="{route}",status="200"}} 1.0' in lines


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json, text/plain", False),
        ("text/plain;q=0.5, application/json;q=0.9", False),
        ("text/plain;q=nonsense", False),
        ("", False),
        ("text/plain", True),
        ("application/json;q=0.5, text/plain;version=0.0.4;q=0.9", True),
        ("Application/OpenMetrics-Text; q=0.7, */*; q=0.1", True),
    ],
)
def test_text_is_for_those_who_would_rather_have_it(accept, text):
    assert wants_text(accept) is text


async def test_ten_requests_at_once_are_answered(async_client):
    answers = await asyncio.gather(*[async_client.get("/health") for _ in range(10)])

    assert [answer.status_code for answer in answers] == [200] * 10


TOO_DEEP = 422 if sys.version_info >= (3, 13) else 400  # no JSON, or an error of recursion


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"[" * 9_000, "application/json", TOO_DEEP),
        (b'{"name": "x", "title": "\\ud800"}', "application/json", 422),
        (b'{"name": "Not A Name", "title": "x"}', "application/json", 422),
        (b'{"name": "x", "title": "x", "unknown": 1}', "application/json", 422),
        (b'{"name": "x", "title": "  "}', "application/json", 422),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b" " * 10_001, "application/json", 413),
    ],
)
async def test_bodies_that_make_no_sense_are_told_so(caller, body, kind, status):
    answer = await caller.post("/projects", content=body, headers={"Content-Type": kind})

    assert is_problem(answer, status)
    assert len(answer.text) < 1000


async def test_a_body_that_does_not_say_how_long_it_is_is_counted(caller):
    async def endless():
        for _ in range(11):
            yield b" " * 1000

    answer = await caller.post(
        "/projects", content=endless(), headers={"Content-Type": "application/json"}
    )

    assert "10,000 bytes" in is_problem(answer, 413)


async def test_what_is_not_there_and_cannot_be_done_is_a_problem_too(caller):
    assert "/nothing" in is_problem(await caller.get("/nothing"), 404)
    answer = await caller.delete("/projects")
    is_problem(answer, 405)
    assert answer.headers["Allow"]


class TestWithADatabaseThatFails:
    @pytest.fixture
    def app(self, container):
        tasks = container.mock(TaskRepository)
        tasks.find.side_effect = DatabaseFull
        return create_app(container)

    async def test_it_says_that_nothing_can_be_stored(self, caller):
        answer = await caller.get("/projects/harbour")

        assert "Try again later" in is_problem(answer, 503)
        assert answer.headers["Retry-After"] == "5"


class TestWhileItStops:
    async def test_it_is_not_healthy_any_more(self, app, async_client):
        app.state.leaving.set()

        assert "stopping" in is_problem(await async_client.get("/health"), 503)


class TestWhenTheDatabaseDoesNotAnswer:
    @pytest.fixture
    def app(self, container):
        orchestrator = mock_client(start=None, stop=None, newest_event=DatabaseFull())
        container.override(TaskOrchestrator, orchestrator, check=False)
        return create_app(container)

    async def test_it_is_not_healthy(self, async_client):
        assert "DatabaseFull" in is_problem(await async_client.get("/health"), 503)
