"""The clients: on mocks of sessions, and on real sockets that fail in every way."""

import asyncio
import base64
import io
import json
import sys
import wave
from unittest.mock import AsyncMock, patch

import aiohttp
import pytest

from story_studio.image_client import ImageClient
from story_studio.offline_studio import drawn, hummed, offline_services, told
from story_studio.openrouter_client import OpenRouterClient
from story_studio.stories import story_of, text_of
from story_studio.tts_client import ElevenLabsClient, EspeakVoice, TTSClient
from vespera import ServiceGuard
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceDenied,
    AIServiceError,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceUnavailable,
)
from vespera.testing import VirtualClock, mock_client, mock_response, mock_session, stream_mock
from vespera.testing.servers import ModelServer

SUCCESS = {"choices": [{"message": {"content": "Success"}}]}


@pytest.fixture
async def server():
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def studio():
    server, _ = offline_services()
    async with server:
        yield server


class TestAsTheGuideHasIt:
    async def test_openrouter_integration(self):
        """The session is the mock, and not the method under test."""
        said = {
            "choices": [{"message": {"content": "Generated story text"}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 500},
        }
        session = mock_session(post=said)
        client = OpenRouterClient(session=session)

        result = await client.generate("test premise")

        session.post.assert_called_once()
        assert session.post.call_args.kwargs["json"]["messages"][0]["content"] == "test premise"
        assert result["choices"][0]["message"]["content"] == "Generated story text"

    async def test_api_failure_handling(self):
        client = OpenRouterClient(session=mock_session(post=aiohttp.ClientError("unavailable")))

        with pytest.raises(AIServiceError):
            await client.generate("test premise")

    async def test_openrouter_retry_logic(self):
        failure = aiohttp.ClientConnectionError("Temporary failure")
        session = mock_session(post=[failure, mock_response(json=SUCCESS)])
        clock = VirtualClock()
        client = OpenRouterClient(session=session, clock=clock)

        async with clock.running():
            result = await client.generate_with_retry("test premise", max_retries=2)

        assert session.post.call_count == 2
        assert result["choices"][0]["message"]["content"] == "Success"

    async def test_openrouter_retry_logic_with_the_library_patched(self):
        """What is patched must be entered: ``AsyncMock(json=...)`` gives another mock there."""
        clock = VirtualClock()
        with patch("aiohttp.ClientSession.post") as mock_post:
            mock_post.side_effect = [
                aiohttp.ClientConnectionError("Temporary failure"),
                mock_response(json=SUCCESS),
            ]
            async with OpenRouterClient(clock=clock) as client, clock.running():
                result = await client.generate_with_retry("test premise", max_retries=2)

        assert mock_post.call_count == 2
        assert result["choices"][0]["message"]["content"] == "Success"

    async def test_tts_streaming_audio(self):
        with patch("story_studio.tts_client.ElevenLabsClient.stream_audio") as mock_stream:
            mock_stream.side_effect = stream_mock(b"audio1", b"audio2", b"audio3")

            client = TTSClient()
            audio_data = b""
            async for chunk in client.generate_streaming_audio("Hello world"):
                audio_data += chunk

        assert audio_data == b"audio1audio2audio3"

    async def test_mock_async_openrouter(self):
        client = mock_client(OpenRouterClient, generate=SUCCESS)

        assert text_of(await client.generate("premise")) == "Success"


class TestTheWriter:
    async def test_the_story_arrives_piece_by_piece_with_what_it_cost(self, server):
        server.chat.replies(["Once ", "upon ", "a time."])
        pieces: list[str] = []
        async with OpenRouterClient(base_url=server.base_url, model="m") as client:
            chat = await client.generate("A story, please", on_piece=pieces.append)

        assert pieces == ["Once ", "upon ", "a time."]
        assert text_of(chat) == "Once upon a time."
        assert chat["usage"]["completion_tokens"] == 3
        assert server.chat.requests[0].json["model"] == "m"

    async def test_it_can_be_read_as_it_is_written(self, server):
        server.chat.replies(["Once ", "upon"])
        async with OpenRouterClient(base_url=server.base_url) as client:
            assert [piece async for piece in client.stream("A story")] == ["Once ", "upon"]

    async def test_a_service_that_does_not_stream_is_understood(self, server):
        whole = json.dumps(SUCCESS).encode()
        server.at("POST", "/plain/chat/completions").answers(lambda _: json.loads(whole))
        async with OpenRouterClient(base_url=f"{server.url}/plain/") as client:
            assert text_of(await client.generate("A story")) == "Success"

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"fails": 500}, AIServiceUnavailable),
            ({"fails": 429}, AIServiceRateLimited),
            ({"fails": 401}, AIServiceDenied),
            ({"fails": 400}, AIServiceRefused),
            ({"resets": None}, AIServiceUnavailable),
            ({"truncates": 2}, AIServiceError),
            ({"says_wrong_json": None}, AIServiceBadAnswer),
        ],
    )
    async def test_what_goes_wrong_has_a_name(self, server, fault, error):
        [(kind, amount)] = fault.items()
        if kind == "truncates":
            server.chat.truncates(after=amount)
        else:
            getattr(server.chat, kind)(*([] if amount is None else [amount]))
        async with OpenRouterClient(base_url=server.base_url) as client:
            with pytest.raises(error):
                await client.generate("A story")

    @pytest.mark.parametrize(
        "stream",
        [
            pytest.param(b'data: {"choices": []}\n\n', id="no end"),
            pytest.param(b'data: {"error": {"message": "overloaded"}}\n\n', id="an error inside"),
            pytest.param(b"data: {\n\n", id="broken JSON"),
        ],
    )
    async def test_a_stream_that_is_none_is_a_bad_answer(self, stream):
        response = mock_response(body=stream, headers={"Content-Type": "text/event-stream"})
        client = OpenRouterClient(session=mock_session(post=response))

        with pytest.raises(AIServiceBadAnswer):
            await client.generate("A story")

    async def test_an_answer_without_choices_is_a_bad_answer(self):
        client = OpenRouterClient(session=mock_session(post={"choices": []}))

        with pytest.raises(AIServiceBadAnswer):
            await client.generate("A story")

    async def test_who_is_told_to_wait_waits_that_long(self, server):
        server.chat.fails(429, retry_after=20)
        clock = VirtualClock()
        begun = clock.now()
        async with (
            OpenRouterClient(base_url=server.base_url, clock=clock) as client,
            clock.running(),
        ):
            await client.generate_with_retry("A story")

        assert (clock.now() - begun).total_seconds() == 20

    async def test_without_retries_it_is_asked_once(self, server):
        server.chat.fails(500, times=2)
        async with OpenRouterClient(base_url=server.base_url) as client:
            with pytest.raises(AIServiceUnavailable):
                await client.generate_with_retry("A story", max_retries=0)

        assert len(server.requests) == 1

    async def test_the_session_is_closed_whatever_happens(self, server):
        server.stalls()

        async def ask():
            async with OpenRouterClient(base_url=server.base_url) as client:
                sessions.append(client._opened())
                await client.generate("A story")

        sessions: list[aiohttp.ClientSession] = []
        asking = asyncio.create_task(ask())
        await server.received()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert sessions[0].closed

    async def test_closed_twice_is_closed_and_says_so(self):
        client = OpenRouterClient()
        await client.close()
        await client.close()

        with pytest.raises(AIServiceUnavailable, match="was closed"):
            await client.generate("A story")


class TestTheIllustrator:
    async def test_the_picture_itself_comes_back(self, studio):
        async with ImageClient(base_url=studio.base_url, size="64x40") as client:
            url = await client.generate_image("hills")

        assert base64.b64decode(url.removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"

    async def test_an_address_is_handed_on(self):
        session = mock_session(post={"data": [{"url": "https://pictures.test/1.png"}]})

        assert (
            await ImageClient(session=session).generate_image("x") == "https://pictures.test/1.png"
        )

    @pytest.mark.parametrize(
        "answer", [{}, {"data": []}, {"data": [{}]}, {"data": [{"url": "javascript:alert(1)"}]}]
    )
    async def test_no_picture_is_a_bad_answer(self, answer):
        with pytest.raises(AIServiceBadAnswer):
            await ImageClient(session=mock_session(post=answer)).generate_image("x")


class TestTheNarrator:
    async def test_the_sound_is_a_wav_that_plays(self, studio):
        async with ElevenLabsClient(base_url=studio.base_url, api_key="k") as voice:
            url = await TTSClient(voice=voice).generate_audio("Once upon a time.")

        kind, _, content = url.partition(";base64,")
        with wave.open(io.BytesIO(base64.b64decode(content))) as sound:
            assert sound.getnframes() / sound.getframerate() > 0.3
        assert kind == "data:audio/wav"
        assert studio.requests[0].path == "/v1/text-to-speech/narrator/stream"
        assert studio.requests[0].headers["xi-api-key"] == "k"

    async def test_a_service_that_is_down_is_unavailable(self, studio):
        studio.fails(503)
        async with ElevenLabsClient(base_url=studio.base_url) as voice:
            with pytest.raises(AIServiceUnavailable):
                await TTSClient(voice=voice).generate_audio("Once")

    async def test_its_guard_tries_again(self, studio):
        from vespera import RetryPolicy  # noqa: PLC0415

        studio.resets()
        guard = ServiceGuard(retry=RetryPolicy(max_attempts=2, delay=0))
        async with ElevenLabsClient(base_url=studio.base_url) as voice:
            assert await TTSClient(voice=voice, guard=guard).generate_audio("Once")

    async def test_silence_is_a_bad_answer(self):
        voice = mock_client(stream_audio=None)
        voice.stream_audio = stream_mock()

        with pytest.raises(AIServiceBadAnswer, match="said nothing"):
            await TTSClient(voice=voice).generate_audio("Once")


class TestEspeak:
    """By a double of the program: what it is told and how it ends."""

    def double(self, tmp_path, body: str) -> EspeakVoice:
        path = tmp_path / "espeak-ng"
        path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
        path.chmod(0o755)
        return EspeakVoice(executable=str(path))

    async def test_what_it_says_is_handed_on(self, tmp_path):
        voice = self.double(
            tmp_path, "sys.stdout.write('RIFF' + ' '.join(sys.argv[1:]) + ': ' + sys.stdin.read())"
        )

        sound = b"".join([piece async for piece in voice.stream_audio("Zwölf")])

        assert sound.decode() == "RIFF-v en --stdin --stdout: Zwölf"
        assert voice.is_installed

    @pytest.mark.parametrize("body", ["sys.exit(3)", "print('RIFF'); sys.exit(3)"])
    async def test_a_program_that_fails_is_unavailable(self, tmp_path, body):
        with pytest.raises(AIServiceUnavailable, match="ended with 3"):
            await TTSClient(voice=self.double(tmp_path, body)).generate_audio("x" * 300_000)

    async def test_a_program_that_is_not_there_is_unavailable(self):
        voice = EspeakVoice(executable="no-such-espeak")

        assert not voice.is_installed
        with pytest.raises(AIServiceUnavailable, match="install it, or name a URL"):
            await TTSClient(voice=voice).generate_audio("x")

    async def test_who_stops_listening_stops_the_program(self, tmp_path):
        voice = self.double(
            tmp_path,
            "sys.stdout.write('RIFF'); sys.stdout.flush(); sys.stdin.close()\n"
            "import signal; signal.pause()",
        )
        heard = voice.stream_audio("x")

        assert await anext(heard) == b"RIFF"
        await heard.aclose()


class TestTheServicesOnLoopback:
    def test_the_same_premise_gives_the_same_story_picture_and_sound(self):
        assert told("A door in the sea.") == told("A door in the sea.") != told("A door")
        assert drawn("hills", 32, 20) == drawn("hills", 32, 20) != drawn("sea", 32, 20)
        assert hummed("One two. Three") != hummed("One two")

    def test_the_story_has_a_title_three_chapters_and_the_premise(self):
        story = story_of(told("A door in the sea."))

        assert len(story.chapters) == 3
        assert all(len(chapter.paragraphs) == 3 for chapter in story.chapters)
        assert "a door in the sea" in story.text


async def test_a_session_of_plain_async_mocks_is_closed_with_the_client():
    session = AsyncMock()

    async with OpenRouterClient(session=session):
        pass

    session.close.assert_awaited_once()
