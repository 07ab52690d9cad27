"""Models that are asked over HTTP, and where they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from code_crew.offline import answer_to, offline_model
from vespera import ai_service_errors
from vespera.testing.servers import ModelServer

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model said, and the tokens of what it was told and of what it said."""

    text: str
    input_tokens: int
    output_tokens: int


class ChatModel(Protocol):
    """A service with chat models."""

    async def complete(self, model: str, messages: Messages, *, max_tokens: int) -> Completion:
        """What this model says.

        Raises:
            AIServiceError: the service did not answer as it should; the error says how.
        """
        ...


class OpenAiChat:
    """Any service that speaks OpenAI's API. ``start`` and ``stop`` are the container's."""

    def __init__(self, *, endpoint: "Endpoint", api_key: str, timeout: float) -> None:
        self._endpoint, self._key, self._timeout = endpoint, api_key, timeout
        self._http: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Open the session."""
        url = self._endpoint.base_url
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=self._timeout,
            verify=url.startswith("https:"),
        )

    async def stop(self) -> None:
        """Close it."""
        if self._http is not None:
            await self._http.aclose()

    async def complete(self, model: str, messages: Messages, *, max_tokens: int) -> Completion:
        """What this model says."""
        if self._http is None:
            raise RuntimeError("the session is not open; take the client from a container")
        body = {"model": model, "messages": list(messages), "max_tokens": max_tokens}
        with ai_service_errors(f"chat at {self._endpoint.base_url}"):
            response = await self._http.post("chat/completions", json=body)
            response.raise_for_status()
            said = response.json()
            text = said["choices"][0]["message"]["content"]
            if not isinstance(text, str) or not text.strip():
                raise ValueError("there is no text in the answer")
            return Completion(
                text=text,
                input_tokens=int(said["usage"]["prompt_tokens"]),
                output_tokens=int(said["usage"]["completion_tokens"]),
            )


class CannedChat:
    """The model for those who have none, without a server around it."""

    async def complete(self, model: str, messages: Messages, *, max_tokens: int) -> Completion:
        """What it would say over HTTP; its tokens are words."""
        text = answer_to(messages)
        told = sum(len(message["content"].split()) for message in messages)
        return Completion(text=text, input_tokens=told, output_tokens=len(text.split()))


class Endpoint:
    """Where the service is: at the address that was given, or on loopback, started here."""

    def __init__(self, *, url: str | None) -> None:
        self._url = url
        self._server: ModelServer | None = None

    @property
    def base_url(self) -> str:
        """The address of the API, with its version."""
        return self._url or (self._server.base_url if self._server else "")

    async def start(self) -> None:
        """Start the server on loopback, if no address was given."""
        if self._url is None:
            self._server = offline_model()
            await self._server.__aenter__()

    async def stop(self) -> None:
        """Stop it."""
        if self._server is not None:
            await self._server.__aexit__(None, None, None)
