"""The server itself: endpoints of one's own, connections, start and stop."""

import asyncio
import gc
import socket

import httpx
import pytest

from vespera.testing.servers import HttpServer, Reply


def address_of(server):
    url = httpx.URL(server.url)
    return url.host, url.port


async def say(server, text):
    """Everything that comes back for a text on a connection of its own."""
    reader, writer = await asyncio.open_connection(*address_of(server))
    writer.write(text.encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


class TestEndpoints:
    async def test_answer_with_bytes_text_and_json(self, http_server, http_client):
        orders = http_server.at("GET", "/orders")
        orders.replies({"id": 7}, [1, 2], "text", b"\x00\x01", Reply(204))

        answers = [await http_client.get("/orders") for _ in range(5)]

        assert [answer.headers.get("content-type") for answer in answers] == [
            "application/json",
            "application/json",
            "text/plain; charset=utf-8",
            "application/octet-stream",
            None,
        ]
        assert [answer.content for answer in answers] == [
            b'{"id": 7}',
            b"[1, 2]",
            b"text",
            b"\x00\x01",
            b"",
        ]
        assert answers[-1].status_code == 204

    async def test_answer_with_their_default_while_they_are_told_nothing(
        self, http_server, http_client
    ):
        http_server.at("GET", "/health", {"status": "ok"})

        assert (await http_client.get("/health")).json() == {"status": "ok"}
        assert (await http_client.get("/health")).json() == {"status": "ok"}

    async def test_name_parts_of_their_path(self, http_server, http_client):
        orders = http_server.at("GET", "/shops/{shop}/orders/{id}")

        await http_client.get("/shops/a%20b/orders/7")
        assert (await http_client.get("/shops/a/orders/7/8")).status_code == 404

        assert [request.values for request in orders.requests] == [{"shop": "a b", "id": "7"}]

    async def test_take_dots_in_their_path_for_dots(self, http_server, http_client):
        http_server.at("GET", "/a.json", {})

        assert (await http_client.get("/axjson")).status_code == 404

    async def test_of_one_path_differ_by_method(self, http_server, http_client):
        http_server.at("GET", "/orders", "got")
        http_server.at("POST", "/orders", "posted")

        assert (await http_client.get("/orders")).text == "got"
        assert (await http_client.post("/orders")).text == "posted"
        refused = await http_client.delete("/orders")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")

    async def test_record_what_they_were_asked(self, http_server, http_client):
        orders = http_server.at("POST", "/orders")

        await http_client.post("/orders?urgent=1", json={"id": 7}, headers={"X-Trace": "abc"})

        (request,) = orders.requests
        assert (request.method, request.path, request.query) == ("POST", "/orders", "urgent=1")
        assert request.headers["x-trace"] == "abc"
        assert request.json == {"id": 7}
        assert request.text == '{"id":7}'
        assert http_server.requests == [request]

    async def test_record_requests_that_fail_and_requests_for_nothing(
        self, http_server, http_client
    ):
        orders = http_server.at("GET", "/orders")
        orders.fails(500)

        await http_client.get("/orders")
        await http_client.get("/nothing")

        assert [request.path for request in http_server.requests] == ["/orders", "/nothing"]
        assert len(orders.requests) == 1

    async def test_raise_what_their_functions_raise_when_the_server_stops(self):
        def answer(request):
            raise ZeroDivisionError("in the test's own function")

        with pytest.raises(ZeroDivisionError, match="test's own function"):
            async with HttpServer() as server, httpx.AsyncClient(verify=False) as client:
                server.at("GET", "/").answers(answer)
                response = await client.get(server.url)
                assert response.status_code == 500
                assert "ZeroDivisionError" in response.json()["error"]["message"]


class TestConnections:
    async def test_are_kept_for_more_requests(self, http_server):
        http_server.at("GET", "/", "hello")

        answer = await say(
            http_server,
            "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        )

        assert answer.count("HTTP/1.1 200") == 2
        assert answer.endswith("hello")

    async def test_that_speak_no_http_are_told_so(self, http_server):
        answer = await say(http_server, "HELLO THERE\r\n\r\n")

        assert answer.startswith("HTTP/1.1 400")
        assert "This is no HTTP" in answer

    async def test_that_end_in_the_middle_of_a_request_harm_nobody(self, http_server, http_client):
        http_server.at("POST", "/", "hello")
        _, writer = await asyncio.open_connection(*address_of(http_server))
        writer.write(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()
        await writer.wait_closed()

        assert (await http_client.post("/")).text == "hello"
        assert len(http_server.requests) == 1

    async def test_that_wait_for_leave_to_send_a_body_get_it(self, http_server):
        http_server.at("POST", "/", "thanks")
        reader, writer = await asyncio.open_connection(*address_of(http_server))
        head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 100")
        await reader.readline()
        writer.write(b"body")

        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
        assert http_server.requests[0].body == b"body"

    async def test_get_no_body_for_a_head_and_go_on(self, http_server):
        http_server.at("HEAD", "/", "long text")
        http_server.at("GET", "/", "hello")

        answer = await say(
            http_server,
            "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
        )

        assert answer.count("HTTP/1.1 200") == 2
        assert "long text" not in answer
        assert answer.endswith("hello")

    async def test_of_many_clients_are_served_at_once(self, http_server, http_client):
        http_server.at("GET", "/", "hello").stalls(times=20)
        asking = [asyncio.create_task(http_client.get("/")) for _ in range(20)]

        assert len(await http_server.received(20)) == 20
        http_server.release()

        assert {response.text for response in await asyncio.gather(*asking)} == {"hello"}


class TestStartAndStop:
    def test_there_is_no_address_before_the_start(self):
        with pytest.raises(RuntimeError, match="no address before it starts"):
            _ = HttpServer().url

    async def test_a_stopped_server_refuses_connections_and_comes_back_at_its_address(self):
        async with HttpServer() as server, httpx.AsyncClient(verify=False) as client:
            server.at("GET", "/", "hello")
            url = server.url
            await server.stop()
            with pytest.raises(httpx.ConnectError):
                await client.get(url)
            await server.start()
            assert server.url == url
            assert (await client.get(url)).text == "hello"

    async def test_stopping_twice_does_nothing(self):
        async with HttpServer() as server:
            await server.stop()

    async def test_a_stop_leaves_neither_tasks_nor_sockets(self):
        before = asyncio.all_tasks()
        server = HttpServer()
        await server.start()
        server.stalls()
        idle_reader, idle = await asyncio.open_connection(*address_of(server))
        reader, stalled = await asyncio.open_connection(*address_of(server))
        stalled.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        await server.received(1)

        await server.stop()

        assert asyncio.all_tasks() == before
        assert await idle_reader.read() == await reader.read() == b""
        for writer in (idle, stalled):
            writer.close()
            await writer.wait_closed()
        gc.collect()  # an open socket would warn now, and warnings are errors
        assert not [
            each
            for each in gc.get_objects()
            if type(each) is socket.socket and each.fileno() != -1 and is_on(each, server)
        ]

    async def test_who_waits_for_requests_is_woken_by_each(self, http_server, http_client):
        http_server.at("GET", "/")
        first = asyncio.create_task(http_server.received(1))
        second = asyncio.create_task(http_server.received(2))

        await http_client.get("/")
        assert len(await first) == 1
        assert not second.done()
        await http_client.get("/")
        assert len(await second) == 2


def is_on(connection, server):
    return connection.family == socket.AF_INET and address_of(server) == connection.getsockname()
