"""Streams of sound and text: read to the end, broken off, taken up again, and closed."""

from contextlib import aclosing
from typing import Protocol

import pytest

from vespera.testing import mock_client, sequence, stream_mock
from vespera.testing.servers import ModelServer


class Voice(Protocol):
    def stream_audio(self, text: str): ...


class TextToSpeech:
    def __init__(self, voice):
        self._voice = voice

    async def generate_streaming_audio(self, text):
        async with aclosing(self._voice.stream_audio(text)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def whole(self, text, tries=2):
        """All of it, from the start again if it breaks: half of it twice would be heard."""
        for last in [*[False] * (tries - 1), True]:
            try:
                return b"".join([chunk async for chunk in self.generate_streaming_audio(text)])
            except ConnectionError:
                if last:
                    raise
        raise AssertionError("there is a last try")

    async def first_word(self, text):
        async with aclosing(self.generate_streaming_audio(text)) as chunks:
            async for chunk in chunks:
                return chunk
        return b""


async def test_sound_arrives_in_chunks():
    voice = mock_client(Voice, stream_audio=stream_mock(b"audio1", b"audio2", b"audio3"))

    chunks = TextToSpeech(voice).generate_streaming_audio("Hello world")
    audio = b"".join([chunk async for chunk in chunks])

    assert audio == b"audio1audio2audio3"
    voice.stream_audio.assert_called_once_with("Hello world")


async def test_a_second_reader_hears_as_much_as_the_first():
    """``return_value = generator()`` can be read once; after that it is silently empty."""
    speech = TextToSpeech(mock_client(Voice, stream_audio=stream_mock(b"audio")))

    assert await speech.whole("Hello") == await speech.whole("Hello") == b"audio"


async def test_a_stream_that_breaks_is_read_from_the_start_again():
    broken = stream_mock(b"half", error=ConnectionResetError("gone"))
    voice = mock_client(Voice, stream_audio=sequence(broken, stream_mock(b"half", b"whole")))

    assert await TextToSpeech(voice).whole("Hello") == b"halfwhole"
    assert voice.stream_audio.call_count == 2


async def test_a_stream_that_breaks_every_time_is_an_error():
    broken = stream_mock(b"half", error=ConnectionResetError("gone"))
    voice = mock_client(Voice, stream_audio=broken)

    with pytest.raises(ConnectionResetError):
        await TextToSpeech(voice).whole("Hello")
    assert voice.stream_audio.call_count == 2


async def test_who_stops_listening_closes_the_stream():
    """Without ``aclosing`` it stays open, with its connection, until it is collected."""
    sound = stream_mock(b"one", b"two")
    speech = TextToSpeech(mock_client(Voice, stream_audio=sound))

    assert await speech.first_word("one two") == b"one"
    assert sound.open_streams == 0


async def test_a_generator_of_one_s_own_is_read_in_order():
    async def numbers():
        for number in range(3):
            yield number

    assert [number async for number in numbers()] == [0, 1, 2]


class TestTextOverASocket:
    async def words(self, http, server):
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
        url = f"{server.base_url}/chat/completions"
        async with http.stream("POST", url, json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    yield line

    async def test_words_arrive_before_the_last_is_said(self, http):
        async with ModelServer() as server:
            server.chat.replies("one two")
            server.chat.stalls(after=2)
            async with aclosing(self.words(http, server)) as words:
                await anext(words)
                assert '"one"' in await anext(words)
                server.release()
                assert '" two"' in await anext(words)

    async def test_an_end_that_comes_too_early_is_an_error_and_not_the_end(self, http):
        async with ModelServer() as server:
            server.chat.truncates(after=2)
            with pytest.raises(Exception, match="incomplete chunked read"):
                [word async for word in self.words(http, server)]
