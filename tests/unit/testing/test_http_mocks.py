"""Sessions and responses, used in aiohttp's way and in httpx's."""

import asyncio
import gc
import inspect
import json
import sys
from functools import partial
from types import ModuleType
from typing import Protocol
from unittest.mock import AsyncMock, call

import httpx
import pytest

from vespera.testing.http_mocks import mock_response, mock_session
from vespera.testing.results import sequence

WAYS = ("awaited", "entered")


async def read(request, way):
    """The response of a request that was made, by either way."""
    if way == "awaited":
        return await request
    async with request as response:
        return response


async def made_of(url):
    return mock_response(json={"url": url})


@pytest.mark.parametrize("way", WAYS)
class TestWhatAVerbIsToldLater:
    @pytest.mark.parametrize("given", [mock_response(json={"id": 7}), {"id": 7}, '{"id": 7}'])
    async def test_it_gives_as_if_it_had_been_told_at_once(self, way, given):
        session = mock_session()
        session.get.return_value = given

        assert (await read(session.get("/"), way)).json() == {"id": 7}

    async def test_it_plays_a_list(self, way):
        session = mock_session()
        session.get.side_effect = [OSError("reset"), {"id": 7}]

        with pytest.raises(OSError, match="reset"):
            await read(session.get("/"), way)
        assert (await read(session.get("/"), way)).json() == {"id": 7}
        with pytest.raises(AssertionError, match="get was called more often"):
            session.get("/")

    async def test_an_error_is_raised_where_a_real_one_would_be(self, way):
        session = mock_session()
        session.get.side_effect = RuntimeError("down")
        call = session.get("/")

        with pytest.raises(RuntimeError, match="down"):
            await read(call, way)

    async def test_it_gives_what_somebody_else_s_context_manager_gives(self, way):
        session, manager = mock_session(), AsyncMock()
        manager.__aenter__.return_value = "the response"
        session.get.return_value = manager

        assert await read(session.get("/"), way) == "the response"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", [made_of, partial(made_of), lambda url: {"url": url}])
async def test_a_function_makes_a_response_of_the_request(function, way):
    session = mock_session(get=function)

    assert (await read(session.get("/a"), way)).json() == {"url": "/a"}
    session.get.assert_called_once_with("/a")


@pytest.mark.parametrize("given", [{"id": 7}, made_of])
async def test_a_request_may_be_made_by_a_task_of_its_own(given):
    session = mock_session(get=given)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(session.get("/")) for _ in range(2)]

    assert [task.result().status for task in tasks] == [200, 200]


async def test_a_request_of_a_task_that_was_never_begun_is_given_up():
    task = asyncio.create_task(mock_session().get("/"))
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("way", WAYS)
class TestBothWays:
    async def test_a_request_gives_the_response(self, way):
        """What ``AsyncMock(return_value=...)`` gives can be awaited, and not entered."""
        response = mock_response(json={"ok": True})
        session = mock_session(get=response)

        assert await read(session.get("/"), way) is response

    @pytest.mark.parametrize(
        "verb", ["request", "get", "post", "put", "patch", "delete", "head", "options", "stream"]
    )
    async def test_every_verb_answers(self, way, verb):
        response = await read(getattr(mock_session(), verb)("/"), way)

        assert response.status == 200
        assert await response.json() == {}

    async def test_a_sequence_fails_twice_and_then_answers(self, way):
        session = mock_session(post=[TimeoutError(), ConnectionError, {"ok": True}])

        with pytest.raises(TimeoutError):
            await read(session.post("/"), way)
        with pytest.raises(ConnectionError):
            await read(session.post("/"), way)
        assert await (await read(session.post("/"), way)).json() == {"ok": True}
        assert session.post.call_count == 3

    async def test_one_request_too_many_is_told(self, way):
        session = mock_session(get=[{"page": 1}])
        await read(session.get("/"), way)

        with pytest.raises(AssertionError, match="get was called more often"):
            await read(session.get("/"), way)

    async def test_a_sequence_may_go_on_for_ever(self, way):
        session = mock_session(get=sequence(mock_response(503), then={"ok": True}))

        answers = [await read(session.get("/"), way) for _ in range(3)]
        assert [answer.status for answer in answers] == [503, 200, 200]

    async def test_a_side_effect_that_is_an_exception_is_raised(self, way):
        session = mock_session()
        session.get.side_effect = RuntimeError("Network error")

        with pytest.raises(RuntimeError, match="Network error"):
            await read(session.get("/"), way)

    async def test_an_exception_is_raised_when_the_request_is_sent_and_not_before(self, way):
        request = mock_session(get=ConnectionError("down")).get("/")

        with pytest.raises(ConnectionError):
            await read(request, way)

    async def test_the_response_can_be_reached_through_the_chain(self, way):
        session = mock_session()
        entered = session.request.return_value.__aenter__.return_value
        entered.json.return_value = {"resource_id": "test-123"}

        response = await read(session.request("GET", "/"), way)

        assert (await response.json())["resource_id"] == "test-123"
        assert session.request.called

    async def test_another_response_can_be_put_into_the_chain(self, way):
        session, other = mock_session(), mock_response(404)
        session.get.return_value.__aenter__.return_value = other

        assert await read(session.get("/"), way) is other

    async def test_an_error_can_be_put_into_the_chain(self, way):
        session = mock_session()
        session.get.return_value.__aenter__.side_effect = TimeoutError()

        with pytest.raises(TimeoutError):
            await read(session.get("/"), way)


class TestTheResponseOfAVerb:
    """``session.get.return_value`` is what requests give, as that of a mock is."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_can_be_told_otherwise(self, way):
        session = mock_session()
        session.post.return_value.status = 404
        session.post.return_value.json.return_value = {"id": 7}

        response = await read(session.post("http://test"), way)

        assert (response.status, await response.json()) == (404, {"id": 7})

    @pytest.mark.parametrize("way", WAYS)
    async def test_is_the_one_that_was_given(self, way):
        session, response = mock_session(), mock_response(json={"id": 1})
        session.get.return_value = response
        session.get.return_value.__aenter__.return_value.json.return_value = {"id": 2}

        assert session.get.return_value is await read(session.get("http://test"), way) is response
        assert await response.json() == {"id": 2}

    async def test_knows_that_it_was_entered_and_left(self):
        response = mock_response()

        async with mock_session(response).get("http://test") as entered:
            response.__aexit__.assert_not_awaited()

        assert entered is response
        response.__aenter__.assert_awaited_once_with()
        response.__aexit__.assert_awaited_once_with(None, None, None)

    async def test_can_be_given_ways_of_its_own_to_enter_and_leave(self):
        response = mock_response()
        response.__aenter__ = AsyncMock(return_value="entered")
        response.__aexit__ = AsyncMock(return_value=True)

        async with response as entered:
            assert entered == "entered"
            raise ValueError("kept inside")
        response.__aexit__.assert_awaited_once()


class TestWhatWasAwaited:
    @pytest.mark.parametrize("way", WAYS)
    async def test_is_known_as_of_an_async_mock(self, way):
        session = mock_session(get=[{"id": 1}, OSError("down")])
        await read(session.get("http://test", timeout=1), way)

        session.get.assert_awaited_once_with("http://test", timeout=1)
        session.get.assert_awaited_once()
        with pytest.raises(OSError, match="down"):
            await read(session.get("http://test/2"), way)

        session.get.assert_awaited_with("http://test/2")
        session.get.assert_any_await("http://test", timeout=1)
        session.get.assert_has_awaits([call("http://test", timeout=1), call("http://test/2")])
        assert (session.get.await_count, session.get.await_args) == (2, call("http://test/2"))
        session.post.assert_not_awaited()
        with pytest.raises(AssertionError, match="awaited once"):
            session.get.assert_awaited_once()

    async def test_is_not_what_was_only_called(self):
        session = mock_session()
        request = session.get("http://test")

        session.get.assert_called_once_with("http://test")
        session.get.assert_not_awaited()
        await request
        session.get.assert_awaited_once_with("http://test")

    async def test_is_forgotten_by_a_reset(self):
        session = mock_session()
        await session.get("http://test")
        session.get.reset_mock()

        session.get.assert_not_awaited()
        assert session.get.await_args_list == []


class TestASession:
    async def test_gives_itself_when_it_is_entered(self):
        """``async with AsyncMock()`` gives another mock, which was never configured."""
        session = mock_session(get={"ok": True})

        async with session as entered:
            assert entered is session

    async def test_lets_exceptions_pass(self):
        with pytest.raises(ValueError, match="inside"):
            async with mock_session():
                raise ValueError("inside")

    async def test_is_open_until_it_is_closed_or_left(self):
        session = mock_session()
        assert session.closed is False
        async with session:
            assert session.closed is session.is_closed is False
        assert session.closed is session.is_closed is True
        async with session:
            assert not session.closed
        await session.aclose()
        assert session.is_closed

        other = mock_session()
        await other.close()
        other.close.assert_awaited_once_with()
        assert other.closed

    async def test_answers_all_verbs_with_one_response(self):
        response = mock_response(201)
        session = mock_session(response, get={"page": 1})

        assert await session.post("/") is await session.put("/") is response
        assert (await session.get("/")).status == 200

    async def test_has_a_response_of_its_own_for_each_verb(self):
        session = mock_session()
        session.get.return_value.__aenter__.return_value.json.return_value = {"id": 1}

        assert await (await session.post("/")).json() == {}

    @pytest.mark.parametrize(
        ("given", "content"),
        [({"a": 1}, b'{"a": 1}'), ("text", b"text"), (b"\x00", b"\x00")],
    )
    async def test_makes_responses_of_what_bodies_are_made_of(self, given, content):
        assert (await mock_session(get=given).get("/")).content == content

    async def test_records_requests_with_their_arguments(self):
        session = mock_session()

        async with session.post("/charge", json={"amount": 1}, headers={"X": "1"}):
            pass

        session.post.assert_called_once_with("/charge", json={"amount": 1}, headers={"X": "1"})

    async def test_takes_any_object_that_is_a_response(self):
        request = httpx.Request("GET", "http://test/")
        real = httpx.Response(200, json={"ok": True}, request=request)

        assert await mock_session(get=real).get("/") is real

    def test_refuses_what_is_no_response(self):
        with pytest.raises(TypeError, match=r"get cannot give 42; give mock_response"):
            mock_session(get=42)
        with pytest.raises(TypeError, match=r"post cannot give 42"):
            mock_session(post=[TimeoutError(), 42])

    def test_refuses_a_verb_that_there_is_not(self):
        with pytest.raises(TypeError, match="'fetch' is none of request, get"):
            mock_session(fetch={})

    async def test_stands_for_a_class(self):
        session = mock_session(spec=httpx.AsyncClient, get={"ok": True})

        assert isinstance(session, httpx.AsyncClient)
        assert not hasattr(session, "ws_connect")
        assert (await session.get("/")).json() == {"ok": True}

    async def test_stands_for_a_port_that_has_a_part_of_all_this(self):
        class Http(Protocol):
            def get(self, url: str): ...

        session = mock_session(spec=Http, get={"ok": True})

        assert (await session.get("/")).ok
        for name in ("post", "close", "closed", "__aenter__"):
            assert not hasattr(session, name)
        with pytest.raises(TypeError, match="'post' is none of get"):
            mock_session(spec=Http, post={})

    def test_has_nothing_that_a_session_has_not(self):
        assert not hasattr(mock_session(), "generate")

    def test_leaves_nothing_un_awaited(self, recwarn):
        """``AsyncMock().get()`` that is dropped is a coroutine that was never awaited."""
        mock_session().get("/dropped")
        mock_session(post=[TimeoutError()]).post("/dropped")

        gc.collect()

        assert not list(recwarn)


class TestAResponse:
    async def test_is_read_in_aiohttp_s_way(self):
        response = mock_response(json={"a": [1]}, headers={"X-Request-Id": "7"})

        assert (response.status, response.ok, response.reason) == (200, True, "OK")
        assert await response.json() == {"a": [1]}
        assert await response.text() == await response.text(encoding="utf-8") == '{"a": [1]}'
        assert await response.read() == await response.content.read() == b'{"a": [1]}'
        assert response.headers["x-request-id"] == "7"
        assert response.content_type == "application/json"
        response.release()

    async def test_is_read_in_httpx_s_way(self):
        response = mock_response(json={"a": [1]})

        assert (response.status_code, response.is_success, response.is_error) == (200, True, False)
        assert response.reason_phrase == "OK"
        assert response.json() == {"a": [1]}
        assert response.json()["a"] == [1]
        assert json.loads(response.text) == {"a": [1]}
        assert response.content == response.read() == await response.aread() == b'{"a": [1]}'
        assert response.headers["content-type"] == "application/json"
        await response.aclose()
        response.close()

    @pytest.mark.parametrize("value", [{}, [], "text", 0, 1.5, None, True, False])
    async def test_gives_plain_json_when_it_is_awaited(self, value):
        response = mock_response(json=value)

        given = await response.json()

        assert type(given) is type(value)
        assert given == value == response.json()
        assert bool(response.json()) is bool(value)

    async def test_gives_each_reader_json_of_its_own(self):
        response = mock_response(json={"items": []})
        (await response.json())["items"].append(1)

        assert await response.json() == {"items": []}

    async def test_that_is_no_json_says_so_when_it_is_read(self):
        response = mock_response(text="<html>")

        assert response.headers["Content-Type"].startswith("text/plain")
        with pytest.raises(json.JSONDecodeError):
            response.json()

    @pytest.mark.parametrize("way", ["set", "return_value", "mock"])
    async def test_text_can_be_told_otherwise(self, way):
        response = mock_response(json={"a": 1})
        if way == "set":
            response.text = "hé"
        elif way == "return_value":
            response.text.return_value = "hé"
        else:
            response.text = AsyncMock(return_value="hé")

        assert await response.text() == "hé"
        if way != "mock":
            assert response.text == "hé"
            assert response.content == await response.read() == "hé".encode()

    async def test_reading_the_text_can_be_told_to_fail(self):
        response = mock_response(text="a")
        response.text.side_effect = TimeoutError("too slow")

        with pytest.raises(TimeoutError, match="too slow"):
            await response.text()

    async def test_the_body_can_be_told_otherwise(self):
        response = mock_response(text="a")
        response.content = b"b"

        assert response.text == await response.text() == "b"
        assert await response.content.read() == response.read() == b"b"

    async def test_json_can_be_told_otherwise_and_is_recorded(self):
        response = mock_response()
        response.json.return_value = {"id": 1}
        assert await response.json() == response.json() == {"id": 1}
        assert response.json.call_count == 2

        response.json.side_effect = ValueError("no JSON")
        with pytest.raises(ValueError, match="no JSON"):
            await response.json()

    def test_has_one_body(self):
        with pytest.raises(TypeError, match="give one of json, text, body and chunks"):
            mock_response(json={}, text="x")

    def test_refuses_json_that_is_none(self):
        with pytest.raises(TypeError, match="not JSON serializable"):
            mock_response(json={"a": object()})

    @pytest.mark.parametrize("status", [99, 600])
    def test_refuses_a_status_that_there_is_not(self, status):
        with pytest.raises(ValueError, match="from 100 to 599"):
            mock_response(status)

    async def test_comes_in_chunks(self):
        response = mock_response(chunks=[b"data: a\nda", b"ta: b\n", b"", b"end"])

        assert await read_all(response.content.iter_any()) == [b"data: a\nda", b"ta: b\n", b"end"]
        assert await read_all(response.content) == [b"data: a\n", b"data: b\n", b"end"]
        assert await read_all(response.aiter_lines()) == ["data: a", "data: b", "end"]
        assert await read_all(response.aiter_bytes()) == [b"data: a\nda", b"ta: b\n", b"end"]
        assert await read_all(response.aiter_text()) == ["data: a\nda", "ta: b\n", "end"]
        assert await response.read() == b"data: a\ndata: b\nend"

    async def test_comes_in_pieces_of_a_size(self):
        response = mock_response(chunks=[b"abc", b"de"])

        assert await read_all(response.content.iter_chunked(2)) == [b"ab", b"cd", b"e"]
        assert await read_all(response.aiter_bytes(4)) == [b"abcd", b"e"]

    async def test_breaks_off(self):
        response = mock_response(chunks=[b"ab", ConnectionResetError("gone"), b"cd"])
        seen = []

        with pytest.raises(ConnectionResetError):
            async for chunk in response.content.iter_any():
                seen.append(chunk)  # noqa: PERF401 - what came before the error counts
        for reading in (response.text, response.read, response.aread, response.json):
            with pytest.raises(ConnectionResetError):
                await reading()
        assert seen == [b"ab"]

    async def test_is_entered_after_it_was_awaited(self):
        async with await mock_session(get={"ok": 1}).get("/") as response:
            assert await response.json() == {"ok": 1}

    def test_raises_for_its_status_without_being_awaited(self):
        """That of an ``AsyncMock`` is a coroutine, which raises nothing unless it is awaited."""
        response = mock_response(503)

        with pytest.raises(Exception, match="503 Service Unavailable") as caught:
            response.raise_for_status()
        assert not inspect.iscoroutinefunction(response.raise_for_status)
        assert (caught.value.status, caught.value.response) == (503, response)
        assert repr(caught.value) == "StatusError('503 Service Unavailable')"
        response.raise_for_status.assert_called_once_with()

    @pytest.mark.parametrize("status", [200, 204, 302, 399])
    def test_raises_nothing_below_400(self, status):
        response = mock_response(status)

        assert response.raise_for_status() is response
        assert response.ok

    def test_follows_a_status_that_is_changed_later(self):
        response = mock_response(200)
        response.status = 404

        assert response.is_error
        assert response.status_code == 404
        with pytest.raises(httpx.HTTPStatusError):
            response.raise_for_status()

    def test_raises_an_error_that_httpx_s_users_catch(self):
        with pytest.raises(httpx.HTTPStatusError) as caught:
            mock_response(429, headers={"Retry-After": "2"}).raise_for_status()

        assert caught.value.response.headers["retry-after"] == "2"

    def test_raises_an_error_that_aiohttp_s_users_catch(self, monkeypatch):
        class ClientResponseError(Exception):
            def __init__(self, request_info, history, *, status=0):
                raise NotImplementedError

        aiohttp = ModuleType("aiohttp")
        aiohttp.ClientResponseError = ClientResponseError
        monkeypatch.setitem(sys.modules, "aiohttp", aiohttp)

        with pytest.raises(ClientResponseError) as caught:
            mock_response(404).raise_for_status()

        assert (caught.value.status, caught.value.message) == (404, "Not Found")

    def test_of_an_unknown_status_has_no_reason(self):
        assert repr(mock_response(599)) == "<MockResponse [599 ]>"

    def test_has_nothing_that_a_response_has_not(self):
        assert not hasattr(mock_response(), "choices")


async def read_all(stream):
    return [item async for item in stream]


async def test_requests_at_once_get_their_results_in_the_order_they_were_made():
    session = mock_session(get=[{"n": 0}, {"n": 1}, {"n": 2}])

    responses = await asyncio.gather(*[session.get("/") for _ in range(3)])

    assert [response.json()["n"] for response in responses] == [0, 1, 2]


async def test_a_character_that_is_split_over_two_pieces_is_one():
    response = mock_response(chunks=[b"caf\xc3", b"\xa9 \xe2"])

    assert "".join(await read_all(response.aiter_text())) == "caf\xe9 \ufffd"
