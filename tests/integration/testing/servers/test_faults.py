"""What goes wrong between a client and its server, over real sockets."""

import asyncio
import json

import httpx
import pytest

from vespera.testing.servers import ModelServer


async def ask(client, chat):
    return await client.post("chat/completions", json=chat)


class TestFailures:
    async def test_come_with_the_time_to_wait(self, server, client, chat):
        server.chat.fails(429, retry_after=2)

        failed, answered = await ask(client, chat), await ask(client, chat)

        assert (failed.status_code, failed.headers["retry-after"]) == (429, "2")
        assert failed.json()["error"]["type"] == "rate_limit_error"
        assert failed.json()["error"]["message"] == "Too Many Requests"
        assert answered.status_code == 200

    async def test_hit_as_many_requests_as_they_are_to(self, server, client, chat):
        server.fails(503, message="overloaded", times=2)

        answers = [await ask(client, chat) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [503, 503, 200]
        assert answers[0].json()["error"]["message"] == "overloaded"
        assert "retry-after" not in answers[0].headers

    async def test_take_no_replies(self, server, client, chat):
        server.chat.replies("Hello!")
        server.chat.fails()

        failed, answered = await ask(client, chat), await ask(client, chat)

        assert failed.status_code == 500
        assert answered.json()["choices"][0]["message"]["content"] == "Hello!"

    async def test_of_one_endpoint_leave_the_others_alone(self, server, client, chat):
        server.speech.fails(500)

        assert (await ask(client, chat)).status_code == 200
        assert (await client.get("models")).status_code == 200
        spoken = await client.post("audio/speech", json={"model": "m", "input": "i"})
        assert spoken.status_code == 500

    async def test_of_an_endpoint_come_before_those_of_the_server(self, server, client, chat):
        server.fails(503)
        server.chat.fails(429)

        answers = [await ask(client, chat) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [429, 503, 200]

    async def test_come_in_the_order_in_which_they_were_planned(self, server, client, chat):
        server.fails(500)
        server.resets()
        server.fails(502)

        assert (await ask(client, chat)).status_code == 500
        with pytest.raises(httpx.ReadError):
            await ask(client, chat)
        assert (await ask(client, chat)).status_code == 502

    @pytest.mark.parametrize("status", [200, 399, 600])
    def test_have_the_status_of_an_error(self, status):
        with pytest.raises(ValueError, match="from 400 to 599"):
            ModelServer().fails(status)

    def test_hit_one_request_at_least(self):
        with pytest.raises(ValueError, match="at least one request"):
            ModelServer().resets(times=0)
        with pytest.raises(ValueError, match="0 or more"):
            ModelServer().truncates(after=-1)


class TestBrokenConnections:
    async def test_a_reset_is_one_and_no_orderly_end(self, server, chat):
        server.resets()
        reader, writer = await asyncio.open_connection(*address_of(server))
        writer.write(b"GET /v1/models HTTP/1.1\r\nHost: test\r\n\r\n")

        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    async def test_a_reset_is_followed_by_answers_on_another_connection(self, server, client, chat):
        server.resets(times=2)

        for _ in range(2):
            with pytest.raises(httpx.ReadError):
                await ask(client, chat)

        assert (await ask(client, chat)).status_code == 200

    async def test_a_body_is_cut_after_some_bytes(self, server, client, chat):
        server.truncates(after=10)

        with pytest.raises(httpx.RemoteProtocolError, match="received 10 bytes"):
            await ask(client, chat)
        assert (await ask(client, chat)).status_code == 200

    async def test_a_body_is_cut_however_long_it_is(self, server, client, chat):
        server.truncates(after=1_000_000)

        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            await ask(client, chat)

    async def test_a_stream_is_cut_after_some_events(self, server, client, chat):
        server.truncates(after=2)
        seen = []

        async with client.stream("POST", "chat/completions", json={**chat, "stream": True}) as it:
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                async for line in it.aiter_lines():
                    seen.append(line)  # noqa: PERF401 - what came before the error counts

        events = [line for line in seen if line]
        assert len(events) == 2
        assert '"content": "This"' in events[1]

    async def test_json_is_no_json(self, server, client, chat):
        server.says_wrong_json()

        response = await ask(client, chat)

        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        with pytest.raises(json.JSONDecodeError):
            response.json()

    async def test_the_last_event_of_a_stream_is_no_json(self, server, client, chat):
        server.says_wrong_json()

        response = await ask(client, {**chat, "stream": True})

        *events, broken = response.text.strip().split("\n\n")
        assert all(json.loads(event.removeprefix("data: ")) for event in events)
        with pytest.raises(json.JSONDecodeError):
            json.loads(broken.removeprefix("data: "))


class TestStalls:
    async def test_a_request_is_answered_once_it_is_released(self, server, client, chat):
        server.chat.stalls()
        asking = asyncio.create_task(ask(client, chat))

        await server.received(1)
        await client.get("models")  # there and back, in which the other could have come too
        assert not asking.done()

        server.release()
        assert (await asking).status_code == 200

    async def test_all_that_stall_are_released_at_once_and_no_later_ones(
        self, server, client, chat
    ):
        server.chat.stalls(times=3)
        first = [asyncio.create_task(ask(client, chat)) for _ in range(2)]
        await server.received(2)
        server.release()
        await asyncio.gather(*first)

        late = asyncio.create_task(ask(client, chat))
        await server.received(3)
        await client.get("models")  # there and back, in which the other could have come too
        assert not late.done()
        server.release()
        assert (await late).status_code == 200

    async def test_others_are_answered_meanwhile(self, server, client, chat):
        server.chat.stalls()
        asking = asyncio.create_task(ask(client, chat))
        await server.received(1)

        assert (await client.get("models")).status_code == 200
        assert not asking.done()
        server.release()
        await asking

    async def test_a_client_that_gives_up_leaves_the_server_well(self, server, client, chat):
        server.stalls()
        asking = asyncio.create_task(ask(client, chat))
        await server.received(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        server.release()
        assert (await ask(client, chat)).status_code == 200

    async def test_a_stop_ends_those_who_wait(self, server, client, chat):
        server.stalls()
        asking = asyncio.create_task(ask(client, chat))
        await server.received(1)

        await server.stop()

        with pytest.raises(httpx.RemoteProtocolError):
            await asking


def address_of(server):
    url = httpx.URL(server.url)
    return url.host, url.port
