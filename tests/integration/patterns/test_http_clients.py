"""A client of an HTTP API: what it retries, what it translates, on mocks and on real sockets."""

import httpx
import pytest

from vespera import AIServiceError, RetryPolicy, ServiceGuard, ai_service_errors
from vespera.domain.errors import AIServiceBadAnswer, AIServiceRefused
from vespera.testing import VirtualClock, mock_response, mock_session, sequence
from vespera.testing.servers import ModelServer


class Model:
    """Asks a model over a session like aiohttp's, as often and as patiently as its guard says."""

    def __init__(self, session, clock, url="http://model.test/v1", tries=3):
        self._session, self._url = session, url
        retry = RetryPolicy(max_attempts=tries, delay=1.0, multiplier=1.0)
        self._guard = ServiceGuard(retry=retry, clock=clock)

    async def generate(self, prompt):
        message = {"role": "user", "content": prompt}
        return await self._guard.call(self._ask, {"model": "m", "messages": [message]})

    async def _ask(self, body):
        with ai_service_errors("the model"):
            async with self._session.post(f"{self._url}/chat/completions", json=body) as response:
                response.raise_for_status()
                said = await response.json()
            return said["choices"][0]["message"]["content"]


def saying(text):
    return {"choices": [{"message": {"content": text}}]}


@pytest.fixture
def clock():
    return VirtualClock()


async def test_an_answer_is_plain_text_and_no_mock(clock):
    """A nested ``AsyncMock(return_value=...)`` gives a mock, which no comparison equals."""
    session = mock_session(post=saying("Generated story text"))

    assert await Model(session, clock).generate("premise") == "Generated story text"

    (url,), sent = session.post.call_args
    assert url == "http://model.test/v1/chat/completions"
    assert sent["json"]["messages"][0]["content"] == "premise"


async def test_the_method_under_test_is_not_the_one_that_is_mocked(clock):
    """With ``generate`` itself patched, nothing would translate the error."""
    session = mock_session(post=sequence(then=ConnectionError("API unavailable")))

    async with clock.running():
        with pytest.raises(AIServiceError, match="API unavailable"):
            await Model(session, clock).generate("premise")
    assert session.post.call_count == 3


async def test_a_failure_is_followed_by_another_try(clock):
    session = mock_session(post=[TimeoutError("slow"), ConnectionError("gone"), saying("Success")])

    async with clock.running():
        assert await Model(session, clock).generate("premise") == "Success"
    assert session.post.call_count == 3


async def test_who_is_told_to_wait_waits_that_long(clock):
    busy = mock_response(429, headers={"Retry-After": "7"})
    session = mock_session(post=[busy, saying("Success")])
    start = clock.now()

    async with clock.running():
        await Model(session, clock).generate("premise")

    assert (clock.now() - start).total_seconds() == 7


async def test_an_error_status_is_an_error_although_nobody_awaits_it(clock):
    """``AsyncMock().raise_for_status()`` is a coroutine; un-awaited, it raises nothing."""
    session = mock_session(post=mock_response(400, json={"error": "bad prompt"}))

    with pytest.raises(AIServiceRefused, match="400 Bad Request") as refusal:
        await Model(session, clock).generate("premise")

    assert isinstance(refusal.value.__cause__, httpx.HTTPStatusError)
    assert session.post.call_count == 1


async def test_the_fixtures_are_a_session_and_its_response(mock_aiohttp_session, clock):
    assert await Model(mock_aiohttp_session, clock).generate("premise") == "Test response"


async def test_the_response_of_a_session_is_reached_through_the_chain(mock_session):
    class ResourceManager:
        def __init__(self, session):
            self._session = session

        async def acquire(self):
            async with self._session.request("POST", "/resources") as response:
                return (await response.json())["resource_id"]

    mock_session.request.return_value.__aenter__.return_value.json.return_value = {
        "resource_id": "test-123"
    }

    assert await ResourceManager(mock_session).acquire() == "test-123"
    assert mock_session.request.called


async def test_a_session_that_the_code_makes_itself_is_handed_in_as_a_factory(clock):
    """Patching a class works only where its name is looked up; a factory works everywhere."""
    session = mock_session(get={"status": "success"})

    async def make_http_request(new_session):
        async with new_session() as opened, opened.get("/") as response:
            return await response.json()

    assert (await make_http_request(lambda: session))["status"] == "success"
    assert session.closed


class OverSockets:
    """httpx in the shape of the session above, so that the same client runs on real sockets."""

    def __init__(self, http):
        self._http = http

    def post(self, url, json):
        return Answer(self._http, url, json)


class Answer:
    def __init__(self, http, url, body):
        self._http, self._url, self._body = http, url, body

    async def __aenter__(self):
        try:
            response = await self._http.post(self._url, json=self._body)
        except httpx.TransportError as error:
            raise ConnectionError(str(error)) from error
        return mock_response(response.status_code, body=response.content, headers=response.headers)

    async def __aexit__(self, *error):
        return None


class TestOverRealSockets:
    @pytest.fixture
    async def server(self):
        async with ModelServer() as server:
            yield server

    @pytest.fixture
    def model(self, server, http, clock):
        return Model(OverSockets(http), clock, server.base_url)

    async def test_an_answer_arrives(self, server, model):
        server.chat.replies("Once upon a time")

        assert await model.generate("premise") == "Once upon a time"
        assert server.chat.requests[0].json["messages"][-1]["content"] == "premise"

    async def test_a_model_that_is_busy_is_asked_again_when_it_says(self, server, model, clock):
        server.chat.fails(429, retry_after=30, times=2)
        start = clock.now()

        async with clock.running():
            assert await model.generate("premise") == "This is a reply."

        assert (clock.now() - start).total_seconds() == 60
        assert len(server.requests) == 3

    async def test_a_connection_that_is_reset_or_cut_is_tried_again(self, server, model, clock):
        server.resets()
        server.truncates(after=10)

        async with clock.running():
            assert await model.generate("premise") == "This is a reply."

    async def test_a_model_that_is_down_is_an_error_of_ours(self, server, model, clock):
        await server.stop()

        async with clock.running():
            with pytest.raises(AIServiceError):
                await model.generate("premise")

    async def test_an_answer_that_is_no_json_is_not_taken_for_one(self, server, http, clock):
        server.says_wrong_json()
        model = Model(OverSockets(http), clock, server.base_url, tries=1)

        with pytest.raises(AIServiceBadAnswer, match="JSONDecodeError"):
            await model.generate("premise")
