"""Event streams: all that happened, what happens, from any place on, until somebody leaves."""

import asyncio
import json

import pytest

from project_service.streams import PING, before, server_sent
from vespera import TaskEvent, TaskOrchestrator
from vespera.domain.errors import EngineStopped


def parsed(text):
    """The events of a stream: id, type, data."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
async def done(harbour, new_task):
    """Where a task is that is done."""
    task = await new_task(kind="publication")
    while not (await harbour.get(task)).json()["awaits"]:
        await asyncio.sleep(0)
    await harbour.post(f"{task}/approval", json={"approved": True})
    await harbour.get(f"{task}/result", params={"wait": 30})
    return task


async def test_a_stream_tells_the_whole_story_in_order(harbour, done):
    answer = await harbour.get(f"{done}/events")
    told = parsed(answer.text)

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [kind for _, kind, _ in told][:2] == ["created", "claimed"]
    assert told[-1][1] == "completed"
    assert [number for number, _, _ in told] == sorted({number for number, _, _ in told})
    steps = {data["step"] for _, kind, data in told if kind == "step_recorded"}
    assert {"measure", "summarise", "signal:approval"} <= steps


async def test_it_goes_on_from_any_event(harbour, done):
    told = parsed((await harbour.get(f"{done}/events")).text)

    for place in range(len(told) - 1):
        last = {"Last-Event-ID": str(told[place][0])}
        rest = await harbour.get(f"{done}/events", headers=last)
        assert parsed(rest.text) == told[place + 1 :]


async def test_who_has_heard_all_need_not_come_again(harbour, done):
    told = parsed((await harbour.get(f"{done}/events")).text)

    over = await harbour.get(f"{done}/events", headers={"Last-Event-ID": str(told[-1][0])})

    assert (over.status_code, over.text) == (204, "")


@pytest.mark.parametrize("place", ["x", "-1", str(2**63)])
async def test_a_place_that_is_none_is_refused(harbour, done, place):
    answer = await harbour.get(f"{done}/events", headers={"Last-Event-ID": place})

    assert answer.status_code == 422


class TestOfATaskThatIsUnderWay:
    @pytest.fixture
    async def stream(self, harbour, new_talk, container):
        task = (await new_talk("minutes")).rpartition("/")[2]
        self.leaving = asyncio.Event()
        events = container.get(TaskOrchestrator).events(task)
        stream = server_sent(events, ping_seconds=5, leaving=self.leaving)
        while (await anext(stream)).splitlines()[1] != b"event: waiting":
            pass
        yield stream
        await stream.aclose()

    @pytest.mark.virtual_time
    async def test_silence_is_told_apart_from_death(self, stream):
        assert [await anext(stream), await anext(stream)] == [PING, PING]

    async def test_it_ends_when_the_service_leaves(self, stream):
        coming = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0)
        self.leaving.set()

        assert await coming is None

    async def test_who_goes_away_leaves_nothing_behind(self, stream):
        coming = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        coming.cancel()

        with pytest.raises(asyncio.CancelledError):
            await coming


async def test_it_ends_when_the_engine_does():
    async def broken():
        raise EngineStopped
        yield TaskEvent

    stream = server_sent(broken(), ping_seconds=5, leaving=asyncio.Event())

    assert [part async for part in stream] == []


async def test_a_wait_ends_when_the_service_leaves():
    leaving = asyncio.Event()

    async def answer():
        return "answer"

    assert await before(leaving, answer()) == "answer"
    waiting = asyncio.ensure_future(before(leaving, asyncio.Event().wait()))
    await asyncio.sleep(0)
    leaving.set()
    assert await waiting is None
