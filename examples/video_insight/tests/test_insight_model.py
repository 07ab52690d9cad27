"""The client of the model: on mocks, and on real sockets that fail in every way."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from unittest.mock import AsyncMock, patch

import aiohttp
import pytest

from vespera import RetryPolicy
from vespera.domain.errors import InvalidRequest
from vespera.testing import VirtualClock, mock_response, mock_session
from vespera.testing.servers import ModelServer
from video_insight import films
from video_insight.errors import (
    AnswerUnreadable,
    MediaUnreadable,
    ModelBusy,
    ModelClosed,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from video_insight.model import Model
from video_insight.offline_eye import offline_server

TWICE = RetryPolicy(max_attempts=2, delay=1.0, retry_on=(ModelUnavailable, AnswerUnreadable))
SAID = json.dumps({"description": "A cat.", "detections": [{"label": "cat"}]})


def chat(content: object) -> dict[str, object]:
    return {"choices": [{"message": {"content": content}}]}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server():
    async with ModelServer(api_key="test-key") as server:
        server.chat.answers(lambda _: SAID)
        yield server


@pytest.fixture
async def client(server, clock):
    async with Model(
        api_key="test-key", base_url=server.base_url, retry=TWICE, sleep=clock.sleep
    ) as model:
        yield model


@pytest.fixture(scope="module")
def video_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "crossing.mp4"
    path.write_bytes(films.film(films.crossing, seconds=1.0))
    return path


class TestAsTheGuideHasIt:
    """The patterns of the asynchronous testing guide; what is asked is the client's own code."""

    @pytest.fixture
    async def model(
        self, mock_env_vars: dict[str, str], mock_aiohttp_session: AsyncMock
    ) -> AsyncGenerator[Model, None]:
        model = None
        try:
            model = Model(config={"api_key": mock_env_vars["API_KEY"]})
            model._session = mock_aiohttp_session
            yield model
        finally:
            if model:
                await model.close()

    async def test_process(self, model, image_file):
        expected_result = {"description": "A test image", "objects": ["person", "laptop"]}

        with patch.object(model, "process", return_value=expected_result):
            result = await model.process({"image_path": str(image_file)})
            assert "description" in result
            assert "objects" in result

    async def test_process_asks_the_session(self, model, image_file, mock_aiohttp_session):
        result = await model.process({"image_path": str(image_file)})

        assert result["description"] == "Test response"
        assert result["objects"] == []
        mock_aiohttp_session.post.assert_called_once()

    async def test_the_session_is_closed_with_the_model(self, model, mock_aiohttp_session):
        await model.close()
        await model.close()

        mock_aiohttp_session.close.assert_awaited_once()

    async def test_a_session_of_plain_async_mocks_is_enough(self, image_file):
        """``AsyncMock(return_value=response)`` can be awaited, and not entered."""
        response = AsyncMock()
        response.status = 200
        response.json = AsyncMock(return_value=chat("Test response"))
        response.__aenter__ = AsyncMock(return_value=response)
        response.__aexit__ = AsyncMock(return_value=None)
        session = AsyncMock()
        session.post = AsyncMock(return_value=response)
        async with Model(api_key="key") as model:
            model._session = session
            result = await model.process({"image_path": str(image_file)})

        assert result["description"] == "Test response"
        session.close.assert_awaited_once()

    async def test_error_handling(self):
        broken = AsyncMock()
        broken.get.side_effect = RuntimeError("Network error")
        api_client = Model(api_key="key")

        with pytest.raises(ModelError, match="Network error"):
            await api_client.fetch_data(session=broken)


class TestModelProcessing:
    """Tests for AI model processing."""

    @pytest.fixture
    def model(self, mock_env_vars: dict[str, str], mock_aiohttp_session: AsyncMock) -> Model:
        """Create a model instance."""
        model = Model(api_key=mock_env_vars["API_KEY"])
        model._session = mock_aiohttp_session  # Set for testing purposes
        return model

    @pytest.fixture
    def input_data(self, video_file: Path) -> dict[str, str]:
        return {"video_path": str(video_file)}

    async def test_process(self, model, input_data):
        """Test data processing."""
        result = await model.process(input_data)

        assert "description" in result
        assert result["metadata"]["duration"] == pytest.approx(1.0)


class TestTheAnswer:
    async def test_a_picture_is_described_with_its_objects_and_its_size(
        self, client, server, image_file
    ):
        seen = await client.process({"image_path": image_file})

        assert (seen["description"], seen["objects"]) == ("A cat.", ["cat"])
        assert seen["metadata"] == {"width": 8, "height": 8, "codec": "png"}
        [asked] = server.chat.requests
        assert asked.headers["Authorization"] == "Bearer test-key"
        url = asked.json["messages"][0]["content"][1]["image_url"]["url"]
        assert url.startswith("data:image/jpeg;base64,/9j/")

    async def test_a_video_is_seen_frame_by_frame(self, video_file):
        async with (
            offline_server(api_key="key") as server,
            Model(api_key="key", base_url=server.base_url, frames=3) as model,
        ):
            seen = await model.process({"video_path": str(video_file)})

        assert len(server.chat.requests) == 3
        assert [round(frame["at"], 2) for frame in seen["frames"]] == [0.17, 0.5, 0.83]
        assert {"red rectangle", "blue rectangle", "green disc"} <= set(seen["objects"])
        assert seen["metadata"]["duration"] == pytest.approx(1.0)
        assert seen["description"].startswith("0:00.2 ")

    async def test_no_more_requests_than_allowed_are_under_way(self, server, video_file):
        server.stalls(times=3)
        async with Model(
            api_key="test-key", base_url=server.base_url, concurrency=2, frames=3
        ) as model:
            seeing = asyncio.create_task(model.process({"video_path": video_file}))
            await server.received(2)
            assert len(server.requests) == 2
            server.release()
            await server.received(3)
            server.release()
            await seeing

    async def test_which_models_there_are_is_told(self, client):
        listed = await client.fetch_data()

        assert [each["id"] for each in listed["data"]] == ["test-model"]

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(chat("{broken"), id="broken JSON"),
            pytest.param(chat('{"description": ""}'), id="no description"),
            pytest.param(chat('{"description": "A", "objects": 7}'), id="a number of objects"),
            pytest.param(chat('{"description": "A", "objects": [7]}'), id="a number as object"),
            pytest.param(chat(None), id="null"),
            pytest.param({"choices": []}, id="no choice"),
            pytest.param([], id="a list"),
        ],
    )
    async def test_an_answer_of_another_shape_is_told(self, image_file, answer):
        model = Model(api_key="key", retry=RetryPolicy(max_attempts=1))
        model._session = mock_session(post=mock_response(json=answer))

        with pytest.raises(AnswerUnreadable):
            await model.process({"image_path": image_file})


class TestFailuresOnRealSockets:
    async def test_who_is_told_to_wait_waits_that_long(self, client, server, clock, image_file):
        server.chat.fails(429, retry_after=7)
        start = clock.now()

        async with clock.running():
            seen = await client.process({"image_path": image_file})

        assert seen["objects"] == ["cat"]
        assert (clock.now() - start).total_seconds() == 7

    async def test_a_wait_that_is_too_long_is_left_to_the_caller(self, client, server, image_file):
        server.chat.fails(429, retry_after=3600)

        with pytest.raises(ModelBusy) as caught:
            await client.process({"image_path": image_file})

        assert caught.value.retry_after == 3600
        assert len(server.requests) == 1

    @pytest.mark.parametrize("fault", ["fails", "resets", "truncates", "says_wrong_json"])
    async def test_what_may_pass_is_tried_again(self, client, server, clock, image_file, fault):
        getattr(server.chat, fault)()

        async with clock.running():
            seen = await client.process({"image_path": image_file})

        assert seen["objects"] == ["cat"]
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("fails", ModelUnavailable),
            ("resets", ModelUnavailable),
            ("truncates", ModelUnavailable),
            ("says_wrong_json", AnswerUnreadable),
        ],
    )
    async def test_what_does_not_pass_is_an_error_of_ours(  # noqa: PLR0917 - fixtures
        self, client, server, clock, image_file, fault, error
    ):
        getattr(server.chat, fault)(times=2)

        async with clock.running():
            with pytest.raises(error):
                await client.process({"image_path": image_file})

        assert len(server.requests) == 2

    async def test_a_wrong_key_is_refused_at_once(self, server, image_file):
        async with Model(api_key="wrong", base_url=server.base_url) as model:
            with pytest.raises(ModelRefused) as caught:
                await model.process({"image_path": image_file})

        assert caught.value.status == 401
        assert len(server.requests) == 1

    async def test_nobody_there_is_unavailable(self, server, image_file):
        await server.stop()
        alone = RetryPolicy(max_attempts=1)
        async with Model(api_key="k", base_url=server.base_url, retry=alone) as model:
            with pytest.raises(ModelUnavailable):
                await model.process({"image_path": image_file})

    @pytest.mark.virtual_time
    async def test_silence_ends_with_the_timeout(self, server, image_file):
        server.stalls(times=2)
        loop = asyncio.get_running_loop()
        async with Model(
            api_key="test-key", base_url=server.base_url, timeout=40, retry=TWICE
        ) as model:
            with pytest.raises(ModelUnavailable, match="no answer within 40 s"):
                await model.process({"image_path": image_file})

        assert loop.time() == pytest.approx(81, abs=2)  # aiohttp rounds long time-outs up

    async def test_who_is_cancelled_stops_and_closes(self, server, image_file):
        server.stalls()

        async def see():
            async with Model(api_key="test-key", base_url=server.base_url) as model:
                sessions.append(model._opened())
                await model.process({"image_path": image_file})

        sessions: list[aiohttp.ClientSession] = []
        seeing = asyncio.create_task(see())
        await server.received()
        seeing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await seeing

        assert sessions[0].closed

    async def test_the_first_frame_that_fails_ends_the_others(self, server, video_file):
        server.stalls(times=2)
        server.chat.fails(400, message="no such picture")
        async with Model(api_key="test-key", base_url=server.base_url, frames=3) as model:
            with pytest.raises(ModelRefused, match="no such picture"):
                await model.process({"video_path": video_file})


class TestItsLife:
    async def test_nothing_is_opened_before_it_is_needed(self):
        model = Model(api_key="key")

        assert model._session is None
        await model.close()
        assert model.closed

    async def test_closed_is_closed_until_it_is_entered_again(self, server, image_file):
        model = Model(api_key="test-key", base_url=server.base_url)
        await model.close()
        with pytest.raises(ModelClosed):
            await model.process({"image_path": image_file})

        async with model:
            assert (await model.process({"image_path": image_file}))["objects"] == ["cat"]

    async def test_an_error_inside_the_block_closes_the_session(self, server, image_file):
        async def see_and_fail():
            async with Model(api_key="test-key", base_url=server.base_url) as model:
                await model.process({"image_path": image_file})
                sessions.append(model._session)
                raise ZeroDivisionError

        sessions: list[aiohttp.ClientSession] = []
        with pytest.raises(ZeroDivisionError):
            await see_and_fail()

        assert sessions[0].closed

    def test_it_belongs_to_one_event_loop(self, image_file):
        model = Model(api_key="key", base_url="http://127.0.0.1:9")

        async def open_it():
            return model._opened()

        session = asyncio.run(open_it())
        with pytest.raises(ModelClosed, match="another event loop"):
            asyncio.run(model.process({"image_path": image_file}))
        asyncio.run(session.close())


class TestWhatItIsGiven:
    @pytest.mark.parametrize(
        ("settings", "field"),
        [
            ({}, "api_key"),
            ({"api_key": 7}, "api_key"),
            ({"api_key": "k", "modle": "m"}, "modle"),
            ({"api_key": "k", "base_url": "ftp://x"}, "base_url"),
            ({"api_key": "k", "concurrency": 0}, "concurrency"),
            ({"api_key": "k", "frames": True}, "frames"),
            ({"api_key": "k", "timeout": 0}, "timeout"),
        ],
    )
    def test_a_setting_that_is_wrong_is_named(self, settings, field):
        with pytest.raises(InvalidRequest) as caught:
            Model(settings)

        assert caught.value.field == field

    @pytest.mark.parametrize(
        "given",
        [
            {},
            [],
            {"image_path": "a.png", "video_path": "a.mp4"},
            {"path": "a.png"},
            {"image_path": 7},
            {"image_path": ""},
            {"video_path": "a\0b"},
        ],
    )
    async def test_what_is_no_path_is_refused(self, given):
        with pytest.raises(InvalidRequest):
            await Model(api_key="key").process(given)

    @pytest.mark.parametrize("kind", ["image_path", "video_path"])
    async def test_a_file_that_cannot_be_read_is_named(self, kind, tmp_path):
        (tmp_path / "noise.bin").write_bytes(b"noise" * 100)
        model = Model(api_key="key")

        with pytest.raises(MediaUnreadable, match=r"noise\.bin"):
            await model.process({kind: tmp_path / "noise.bin"})
        with pytest.raises(MediaUnreadable, match="no such file"):
            await model.process({kind: tmp_path / "missing.mp4"})
