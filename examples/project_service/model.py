"""The chat model that writes summaries: the port, and its adapter by HTTP."""

from collections.abc import Mapping
from typing import Protocol

import httpx

from vespera import ServiceGuard, ai_service_errors


class ChatModel(Protocol):
    """Answers in words."""

    async def complete(self, instruction: str, text: str) -> str:
        """What the model makes of the text.

        Raises:
            AIServiceError: it does not, or its guard did not let the call through; the class says
                whether trying later may help.
        """
        ...


LONGEST_CALL = 300.0
"""Seconds, for sockets; the guard's time limit is shorter, and counts."""


class HttpChatModel:
    """A model behind OpenAI's API, or one that is compatible."""

    def __init__(self, *, url: str, name: str, key: str, guard: ServiceGuard) -> None:
        """``url`` ends with ``/v1``; an empty ``key`` sends none; calls go through ``guard``."""
        self._guard = guard
        self._url, self._name = url.rstrip("/"), name
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Open the client. On plain HTTP it need not read the certificates of the world."""
        encrypted = self._url.startswith("https:")
        self._client = httpx.AsyncClient(
            headers=self._headers, timeout=LONGEST_CALL, verify=encrypted, trust_env=encrypted
        )

    async def stop(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def complete(self, instruction: str, text: str) -> str:
        """What the model makes of the text; see ``ChatModel.complete``."""
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": text},
        ]
        return await self._guard.call(self._ask, {"model": self._name, "messages": messages})

    async def _ask(self, asked: Mapping[str, object]) -> str:
        assert self._client is not None, "the model is a service; the container starts it"
        with ai_service_errors("model"):
            response = await self._client.post(f"{self._url}/chat/completions", json=asked)
            response.raise_for_status()
            said = response.json()["choices"][0]["message"]["content"]
            if not isinstance(said, str) or not said.strip():
                raise TypeError(f"the answer is no text: {said!r}")
        return said.strip()
