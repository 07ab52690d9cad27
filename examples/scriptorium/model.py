"""The model that plans and writes: the port, and its adapter by HTTP."""

from typing import Protocol

import httpx

TIMEOUT = 120.0
_BUSY = frozenset({408, 429})


class WritingModel(Protocol):
    """Does what it is instructed to."""

    async def write(self, instruction: str, material: str) -> str:
        """What the model makes of the material.

        Raises:
            ModelOutOfReach: it does not answer, or is busy; trying later may help.
        """
        ...


class ModelOutOfReach(Exception):
    """The model does not answer, or is busy."""


class ModelDeclined(Exception):
    """The model does not do what it was asked to; trying again does not help."""


class HttpWritingModel:
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

    async def write(self, instruction: str, material: str) -> str:
        """What the model makes of the material; see ``WritingModel.write``."""
        assert self._client is not None, "the model is a service; the container starts it"
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": material},
        ]
        asked = {"model": self._name, "messages": messages}
        try:
            response = await self._client.post(f"{self._url}/chat/completions", json=asked)
        except httpx.TransportError as error:
            raise ModelOutOfReach(f"{self._url}: {type(error).__name__}: {error}") from error
        if response.is_server_error or response.status_code in _BUSY:
            raise ModelOutOfReach(f"status {response.status_code}: {response.text[:200]}")
        if not response.is_success:
            raise ModelDeclined(f"status {response.status_code}: {response.text[:200]}")
        try:
            return str(response.json()["choices"][0]["message"]["content"])
        except (ValueError, LookupError, TypeError) as error:
            raise ModelOutOfReach(f"it cannot be read: {response.text[:200]!r}") from error
