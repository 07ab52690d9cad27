"""A client of a service that draws."""

from collections.abc import Callable
from typing import Any

from story_studio.http_service import HttpService, bearer
from story_studio.openrouter_client import OPENROUTER
from vespera import ServiceGuard, ai_service_errors
from vespera.domain.errors import AIServiceBadAnswer

_LONGEST_PROMPT = 1_000


class ImageClient(HttpService):
    """Draws a picture of a text, by OpenAI's API."""

    def __init__(
        self,
        *,
        api_key: str = "",
        base_url: str | Callable[[], str] = OPENROUTER,
        model: str = "gpt-image-1",
        size: str = "1024x640",
        session: Any = None,
        guard: ServiceGuard | None = None,
    ) -> None:
        """Arguments are as for ``OpenRouterClient``; ``size`` is in pixels, across and down."""
        super().__init__(base_url=base_url, headers=bearer(api_key), session=session, guard=guard)
        self._model, self._size = model, size

    async def generate_image(self, text: str) -> str:
        """The URL of a picture; a ``data:`` URL, where the service hands the picture itself over.

        Raises:
            AIServiceError: what is wrong with the service, its answer, or the request.
        """
        url: str = await self._guard.call(self._ask, text)
        return url

    async def _ask(self, text: str) -> str:
        body = {
            "model": self._model,
            "prompt": f"An illustration of this story, without letters: {text[:_LONGEST_PROMPT]}",
            "size": self._size,
            "n": 1,
            "response_format": "b64_json",
        }
        with ai_service_errors("image service"):
            async with self._post("images/generations", body) as response:
                response.raise_for_status()
                drawn = (await response.json(content_type=None))["data"][0]
                if drawn.get("b64_json"):
                    return f"data:image/png;base64,{drawn['b64_json']}"
                url = drawn["url"]
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise AIServiceBadAnswer(f"the picture has no address: {url!r}")
        return url
