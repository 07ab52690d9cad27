"""A client of a chat model, by OpenRouter or whoever else speaks OpenAI's API."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from story_studio.http_service import HttpService, bearer
from story_studio.ports import OnPiece
from vespera import Clock, RetryPolicy, ServiceGuard, ai_service_errors
from vespera.domain.errors import AIServiceBadAnswer

OPENROUTER = "https://openrouter.ai/api/v1"
PATIENT_DELAY = 1.0
MOST_DELAY = 60.0
_DONE = "[DONE]"


class OpenRouterClient(HttpService):
    """Writes what it is asked for.

        async with OpenRouterClient(api_key="...") as client:
            chat = await client.generate("A story about a lighthouse")
            print(chat["choices"][0]["message"]["content"])

    Answers are streamed, and put together as they come. Whatever goes wrong is an
    ``AIServiceError``; the ``guard``'s own refusals are ``AsyncServiceError``s.
    """

    def __init__(
        self,
        *,
        api_key: str = "",
        base_url: str | Callable[[], str] = OPENROUTER,
        model: str = "openrouter/auto",
        session: Any = None,
        guard: ServiceGuard | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Set the client up; nothing is connected yet.

        Args:
            api_key: sent as a bearer token, if it is given.
            base_url: of the API, up to and with its version.
            model: the name of the model.
            session: an ``aiohttp.ClientSession``; by default one is made when it is needed.
            guard: stands around ``generate``; by default it does nothing.
            clock: by which ``generate_with_retry`` waits; by default the event loop's.
        """
        super().__init__(base_url=base_url, headers=bearer(api_key), session=session, guard=guard)
        self._model, self._clock = model, clock

    async def generate(self, prompt: str, *, on_piece: OnPiece | None = None) -> dict[str, Any]:
        """The completed chat: ``choices[0].message.content``, and ``usage`` if it is told.

        Args:
            prompt: what is asked.
            on_piece: is given each piece of the text as it comes.

        Raises:
            AIServiceError: what is wrong with the service, its answer, or the request.
        """
        chat: dict[str, Any] = await self._guard.call(self._ask, prompt, on_piece)
        return chat

    async def generate_with_retry(self, prompt: str, *, max_retries: int = 3) -> dict[str, Any]:
        """As ``generate``, tried again up to ``max_retries`` times if that may help; not before
        the moment that the service names.

        Raises:
            AIServiceError: the last try's.
        """
        policy = RetryPolicy(
            max_attempts=max_retries + 1,
            delay=PATIENT_DELAY if max_retries else 0.0,
            max_delay=MOST_DELAY,
        )
        guard = ServiceGuard(name="OpenRouterClient", retry=policy, clock=self._clock)
        chat: dict[str, Any] = await guard.call(self.generate, prompt)
        return chat

    async def stream(self, prompt: str) -> AsyncIterator[str]:
        """The text, piece by piece, as it is written.

        Raises:
            AIServiceError: as ``generate``; also in the middle.
        """
        with ai_service_errors("chat model"):
            async with self._post("chat/completions", self._body(prompt)) as response:
                response.raise_for_status()
                async for event in _events(response):
                    if piece := _piece_of(event):
                        yield piece

    async def _ask(self, prompt: str, on_piece: OnPiece | None) -> dict[str, Any]:
        with ai_service_errors("chat model"):
            async with self._post("chat/completions", self._body(prompt)) as response:
                response.raise_for_status()
                if "event-stream" not in str(response.headers.get("Content-Type", "")):
                    chat = await response.json(content_type=None)
                    if not isinstance(chat, dict) or not chat.get("choices"):
                        raise AIServiceBadAnswer(f"no choices in the answer: {str(chat)[:200]}")
                    return chat
                return await _put_together(response, on_piece)

    def _body(self, prompt: str) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }


async def _put_together(response: Any, on_piece: OnPiece | None) -> dict[str, Any]:
    pieces: list[str] = []
    usage: dict[str, Any] = {}
    async for event in _events(response):
        usage = event.get("usage") or usage
        if piece := _piece_of(event):
            pieces.append(piece)
            if on_piece is not None:
                on_piece(piece)
    message = {"role": "assistant", "content": "".join(pieces)}
    return {"choices": [{"message": message}], "usage": usage}


async def _events(response: Any) -> AsyncIterator[dict[str, Any]]:
    """The stream's events, up to its end.

    Raises:
        AIServiceBadAnswer: it ended before its end, or an event tells of an error.
    """
    async for line in _lines(response):
        text = line.removeprefix("data:").strip()
        if text == _DONE:
            return
        if line.startswith("data:"):
            event = json.loads(text)
            if "error" in event:
                raise AIServiceBadAnswer(f"the model broke off: {event['error']}")
            yield event
    raise AIServiceBadAnswer("the stream ended before the story did")


async def _lines(response: Any) -> AsyncIterator[str]:
    """By pieces of any size: aiohttp's own lines have a limit."""
    rest = b""
    async for piece in response.content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode()


def _piece_of(event: dict[str, Any]) -> str:
    choices = event.get("choices")
    return choices[0]["delta"].get("content") or "" if choices else ""
