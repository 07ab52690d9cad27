"""The chat model that writes summaries: the port, and its adapter by HTTP."""

from http import HTTPStatus
from typing import Protocol

import httpx

TIMEOUT = 60.0


class ChatModel(Protocol):
    """Answers in words."""

    async def complete(self, instruction: str, text: str) -> str:
        """What the model makes of the text.

        Raises:
            ModelUnavailable: it does not answer, or is busy; trying later may help.
            ModelRefused: it does not do this; trying again does not help.
        """
        ...


class ModelUnavailable(Exception):
    """The model does not answer, or is busy."""


class ModelRefused(Exception):
    """The model does not do what it was asked to."""


class HttpChatModel:
    """A model behind OpenAI's API, or one that is compatible."""

    def __init__(self, *, url: str, name: str, key: str) -> None:
        """``url`` ends with ``/v1``; an empty ``key`` sends none."""
        self._url, self._name = url.rstrip("/"), name
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Open the client. On plain HTTP it need not read the certificates of the world."""
        encrypted = self._url.startswith("https:")
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=TIMEOUT, verify=encrypted, trust_env=encrypted
        )

    async def stop(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def complete(self, instruction: str, text: str) -> str:
        """What the model makes of the text; see ``ChatModel.complete``."""
        assert self._client is not None, "the model is a service; the container starts it"
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": text},
        ]
        try:
            response = await self._client.post(
                f"{self._url}/chat/completions", json={"model": self._name, "messages": messages}
            )
        except httpx.TransportError as error:
            raise ModelUnavailable(f"{self._url}: {type(error).__name__}: {error}") from error
        _check(response)
        return _said(response)


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    why = f"{response.request.url} answered {response.status_code}: {response.text[:200]}"
    busy = response.status_code in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
    if busy or response.is_server_error:
        raise ModelUnavailable(why)
    raise ModelRefused(why)


def _said(response: httpx.Response) -> str:
    try:
        said = response.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise ModelUnavailable(f"the answer cannot be read: {response.text[:200]!r}") from error
    if not isinstance(said, str):
        raise ModelRefused(f"the answer is no text: {said!r}")
    return said.strip()
