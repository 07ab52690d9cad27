"""Reading aloud: by a service over HTTP, or by espeak-ng on this machine."""

import asyncio
import base64
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from story_studio.http_service import HttpService
from story_studio.ports import Voice
from vespera import ServiceGuard, ai_service_errors
from vespera.domain.errors import AIServiceBadAnswer, AIServiceUnavailable

ELEVENLABS = "https://api.elevenlabs.io/v1"
PIECE = 16_384
MOST_BYTES = 8 * 1024 * 1024
_KINDS = {b"RIFF": "audio/wav", b"OggS": "audio/ogg", b"fLaC": "audio/flac"}


class ElevenLabsClient(HttpService):
    """A voice over HTTP."""

    def __init__(
        self,
        *,
        api_key: str = "",
        base_url: str | Callable[[], str] = ELEVENLABS,
        voice: str = "narrator",
        model: str = "eleven_multilingual_v2",
        session: Any = None,
    ) -> None:
        """Arguments are as for ``OpenRouterClient``; ``voice`` is the id of one."""
        headers = {"xi-api-key": api_key} if api_key else {}
        super().__init__(base_url=base_url, headers=headers, session=session)
        self._voice, self._model = voice, model

    async def stream_audio(self, text: str) -> AsyncIterator[bytes]:
        """The sound's file, piece by piece.

        Raises:
            AIServiceError: what is wrong with the service, its answer, or the request.
        """
        body = {"text": text, "model_id": self._model}
        with ai_service_errors("speech service"):
            async with self._post(f"text-to-speech/{self._voice}/stream", body) as response:
                response.raise_for_status()
                async for piece in response.content.iter_chunked(PIECE):
                    yield piece


class EspeakVoice:
    """The voice of espeak-ng, where it is installed."""

    def __init__(self, *, executable: str = "espeak-ng", language: str = "en") -> None:
        self._executable, self._language = executable, language

    @property
    def is_installed(self) -> bool:
        """Whether the program is there."""
        return shutil.which(self._executable) is not None

    async def stream_audio(self, text: str) -> AsyncIterator[bytes]:
        """The sound as WAV, piece by piece. Whoever stops listening stops the program.

        Raises:
            AIServiceUnavailable: it is not installed, or fails.
        """
        try:
            program = await asyncio.create_subprocess_exec(
                self._executable, "-v", self._language, "--stdin", "--stdout",
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
            )  # fmt: skip
        except OSError as error:
            told = f"{self._executable} cannot be run: {error.strerror}; install it, or name a URL"
            raise AIServiceUnavailable(told) from error
        try:
            assert program.stdin is not None
            assert program.stdout is not None
            telling = asyncio.create_task(_tell(program.stdin, text))
            try:
                while piece := await program.stdout.read(PIECE):
                    yield piece
            finally:
                telling.cancel()
                await asyncio.wait([telling])
            if await program.wait():
                raise AIServiceUnavailable(f"{self._executable} ended with {program.returncode}")
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()


class TTSClient:
    """Reads aloud with a voice; by default, that of ``ElevenLabsClient``."""

    def __init__(self, *, voice: Voice | None = None, guard: ServiceGuard | None = None) -> None:
        self._voice: Voice = voice or ElevenLabsClient()
        self._guard = guard or ServiceGuard(name="TTSClient")

    async def generate_streaming_audio(self, text: str) -> AsyncIterator[bytes]:
        """The sound's file, piece by piece, as it is spoken; not retried.

        Raises:
            AIServiceError: what is wrong with the voice; also in the middle.
        """
        async for piece in self._voice.stream_audio(text):
            yield piece

    async def generate_audio(self, text: str) -> str:
        """The whole sound as a ``data:`` URL, which any player and browser plays.

        Raises:
            AIServiceError: what is wrong with the voice, or there is no sound in what it gave.
        """
        url: str = await self._guard.call(self._spoken, text)
        return url

    async def _spoken(self, text: str) -> str:
        sound = bytearray()
        async for piece in self.generate_streaming_audio(text):
            sound += piece
            if len(sound) > MOST_BYTES:
                raise AIServiceBadAnswer(f"the sound has more than {MOST_BYTES:,} bytes")
        if not sound:
            raise AIServiceBadAnswer("the voice said nothing")
        kind = _KINDS.get(bytes(sound[:4]), "audio/mpeg")
        return f"data:{kind};base64,{base64.b64encode(sound).decode()}"


async def _tell(pipe: asyncio.StreamWriter, text: str) -> None:
    with suppress(ConnectionError):  # it ended before it had read all; its exit status tells why
        pipe.write(text.encode())
        await pipe.drain()
    pipe.close()
    with suppress(ConnectionError):
        await pipe.wait_closed()
