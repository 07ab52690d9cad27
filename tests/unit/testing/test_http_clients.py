import asyncio
import json

import httpx
import pytest

from vespera.testing.http_clients import LoopTransport, app_client


async def app(scope, receive, send):
    """Says what it was asked, and whether its lifespan is running."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        app.stopped = True
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/broken":
        raise ZeroDivisionError("in the handler")
    body = (await receive())["body"].decode()
    said = {"path": scope["path"], "body": body, "pool": scope["state"]["pool"]}
    content = json.dumps(said).encode()
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
    await send({"type": "http.response.body", "body": content[:5], "more_body": True})
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": content[5:]})


async def test_a_client_that_awaits_asks_an_application_inside_its_lifespan():
    app.stopped = False

    async with app_client(app, "http://test") as client:
        response = await client.post("/orders", content="7")
        assert not app.stopped

    assert response.json() == {"path": "/orders", "body": "7", "pool": "open"}
    assert (response.status_code, response.headers["x-a"]) == (201, "1")
    assert app.stopped


async def test_what_a_handler_raises_comes_out_of_the_request():
    async with app_client(app, "http://test") as client:
        with pytest.raises(ZeroDivisionError, match="in the handler"):
            await client.get("/broken")


def test_a_client_that_does_not_await_asks_an_application_inside_its_lifespan():
    app.stopped = False

    with httpx.Client(transport=LoopTransport(app), base_url="http://test") as client:
        first = client.post("/orders", content="7")
        second = client.get("/orders")
        with pytest.raises(ZeroDivisionError):
            client.get("/broken")
        assert not app.stopped

    assert first.json() == {"path": "/orders", "body": "7", "pool": "open"}
    assert (second.status_code, second.headers["x-a"]) == (201, "1")
    assert app.stopped


async def test_a_client_that_does_not_await_is_refused_where_a_loop_runs():
    with pytest.raises(RuntimeError, match="ask for 'async_client', and await it"):
        LoopTransport(app)


def test_what_goes_wrong_at_the_stop_is_raised_by_the_client_s_close():
    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        LoopTransport(broken).close()


def test_an_application_that_does_not_start_leaves_no_loop_behind():
    async def broken(scope, receive, send):
        await receive()
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        LoopTransport(broken)
