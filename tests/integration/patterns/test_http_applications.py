"""An application asked without a socket, inside its lifespan, with the engine behind it."""

import asyncio
import json
from http import HTTPStatus

import pytest

from vespera import Clock, Container, TaskExecutionWorkflow
from vespera.testing import VirtualClock
from vespera.testing.http import running_app

TEST_API_KEY = "test-key"


class Application:
    """A small ASGI application; a framework's is one as well."""

    def __init__(self, new_container, api_key):
        self._new_container, self._api_key = new_container, api_key
        self._routes = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/tasks"): self._run_task,
        }

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        status, said = await self._answer(scope, receive)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    async def _live(self, scope, receive, send):
        await receive()
        async with self._new_container() as container:
            scope["state"]["container"] = container
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope, receive):
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            return HTTPStatus.NOT_FOUND, {"error": "not found"}
        key = dict(scope["headers"]).get(b"x-api-key", b"").decode()
        if route != self._health and key != self._api_key:
            return HTTPStatus.UNAUTHORIZED, {"error": "the key is missing or wrong"}
        return HTTPStatus.OK, await route(scope["state"]["container"], receive)

    async def _health(self, container, receive):
        return {"status": "ok"}

    async def _metrics(self, container, receive):
        return {"timestamp": container.get(Clock).now().isoformat()}

    async def _run_task(self, container, receive):
        asked = json.loads((await receive())["body"])
        result = await container.get(TaskExecutionWorkflow).run(asked)
        return {"success": result.success, "error": result.error}


@pytest.fixture
def app():
    """The application, with a clock that stands still."""

    def new_container():
        container = Container()
        container.override(Clock, VirtualClock())
        return container

    return Application(new_container, TEST_API_KEY)


class TestWithAClientThatAwaits:
    async def test_it_is_healthy(self, async_client):
        """``AsyncClient(app=...)`` is gone, and its transport alone starts nothing."""
        response = await async_client.get("/health")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    async def test_a_key_is_needed(self, async_client):
        assert (await async_client.get("/metrics")).status_code == 401
        wrong = await async_client.get("/metrics", headers={"X-API-Key": "wrong"})
        assert wrong.status_code == 401

    async def test_the_time_is_that_of_the_test(self, async_client):
        response = await async_client.get("/metrics", headers={"X-API-Key": TEST_API_KEY})

        assert response.json() == {"timestamp": "2030-01-01T00:00:00+00:00"}

    async def test_ten_requests_at_once_are_answered(self, async_client):
        """A client that does not await would make them one after the other."""
        answers = await asyncio.gather(*[async_client.get("/health") for _ in range(10)])

        assert [answer.status_code for answer in answers] == [200] * 10

    async def test_the_engine_behind_it_runs(self, async_client):
        response = await async_client.post(
            "/tasks",
            json={"title": "A task", "specialist_type": "nobody"},
            headers={"X-API-Key": TEST_API_KEY},
        )

        assert response.json()["success"] is False
        assert "nobody" in response.json()["error"]


class TestWithAClientThatDoesNot:
    """``asyncio.run(asyncio.gather(...))`` from such a test is no way: there is no loop yet."""

    def test_it_is_healthy(self, client):
        assert client.get("/health").status_code == 200

    def test_metrics_have_a_timestamp(self, client):
        response = client.get("/metrics", headers={"X-API-Key": TEST_API_KEY})

        assert response.status_code == 200
        assert "timestamp" in response.json()

    def test_there_is_nothing_elsewhere(self, client):
        assert client.get("/elsewhere").status_code == 404


async def test_an_application_that_cannot_start_says_why():
    def broken():
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        async with running_app(Application(broken, TEST_API_KEY)):
            pytest.fail("started")
