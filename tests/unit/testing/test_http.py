"""Applications inside their lifespan; no web framework is needed to be one."""

import asyncio

import pytest

from vespera.testing.http import running_app


class Application:
    """An ASGI application that notes what happens to it."""

    def __init__(self, *, at_start=None, at_stop=None):
        self.events = []
        self._answers = {"startup": at_start, "shutdown": at_stop}

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
        else:
            self.events.append(("request", dict(scope["state"])))
            scope["state"]["pool"] = "spoiled by a request"

    async def live(self, scope, receive, send):
        while True:
            what = (await receive())["type"].removeprefix("lifespan.")
            self.events.append(what)
            answer = self._answers[what]
            if isinstance(answer, Exception):
                raise answer
            if answer:
                await send({"type": f"lifespan.{what}.failed", "message": answer})
                return
            scope["state"]["pool"] = "open"
            await send({"type": f"lifespan.{what}.complete"})
            if what == "shutdown":
                return


async def ask(app):
    await app({"type": "http"}, None, None)


async def test_an_application_is_started_and_stopped():
    app = Application()

    async with running_app(app):
        assert app.events == ["startup"]

    assert app.events == ["startup", "shutdown"]


async def test_requests_have_a_copy_of_the_lifespan_s_state():
    app = Application()

    async with running_app(app) as running:
        await ask(running)
        await ask(running)

    assert app.events[1:3] == [("request", {"pool": "open"})] * 2


async def test_an_application_is_stopped_when_the_block_fails():
    app = Application()

    with pytest.raises(ValueError, match="inside"):
        async with running_app(app):
            raise ValueError("inside")

    assert app.events == ["startup", "shutdown"]


async def test_the_block_may_end_in_another_task():
    """As a fixture's does; a cancel scope held across it would complain."""
    running = running_app(Application())

    await asyncio.create_task(running.__aenter__())
    await asyncio.create_task(running.__aexit__(None, None, None))


async def test_what_the_start_raises_is_raised_with_a_note():
    with pytest.raises(ConnectionError, match="no database") as caught:
        async with running_app(Application(at_start=ConnectionError("no database"))):
            pytest.fail("started")

    assert caught.value.__notes__ == ["Raised by the application at its startup."]


async def test_what_the_application_says_of_a_failed_start_is_told():
    with pytest.raises(RuntimeError, match="failed at its startup: no database"):
        async with running_app(Application(at_start="no database")):
            pytest.fail("started")


async def test_an_error_behind_a_failed_start_is_preferred():
    """Starlette says that it failed, and raises."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "a traceback as text"})
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        async with running_app(app):
            pytest.fail("started")


async def test_an_application_that_ends_while_it_starts_is_told():
    async def app(scope, receive, send):
        await receive()

    with pytest.raises(RuntimeError, match="failed at its startup: it did not say why"):
        async with running_app(app):
            pytest.fail("started")


@pytest.mark.parametrize("at_stop", ["disk full", OSError("disk full")])
async def test_what_goes_wrong_at_the_stop_is_raised(at_stop):
    with pytest.raises((RuntimeError, OSError), match="disk full"):
        async with running_app(Application(at_stop=at_stop)):
            pass


async def test_an_application_that_knows_no_lifespan_is_just_asked():
    asked = []

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        asked.append(scope["type"])

    async with running_app(app) as running:
        await ask(running)

    assert asked == ["http"]


async def test_an_application_that_ignores_lifespans_is_just_asked():
    async def app(scope, receive, send):
        return

    async with running_app(app) as running:
        await ask(running)


async def test_a_lifespan_that_dies_on_the_way_is_told_at_the_end():
    gone = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await gone.wait()
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        async with running_app(app):
            gone.set()
            await asyncio.sleep(0)


async def test_a_start_that_is_cancelled_leaves_nothing_running():
    is_starting, was_cleaned_up = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        try:
            await receive()
            is_starting.set()
            await asyncio.Event().wait()
        finally:
            was_cleaned_up.set()

    before = asyncio.all_tasks()
    starting = asyncio.create_task(running_app(app).__aenter__())
    await is_starting.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert was_cleaned_up.is_set()
    assert asyncio.all_tasks() == before
