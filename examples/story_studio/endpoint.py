"""Where the services are: at given addresses, or on loopback."""

import os
from collections.abc import Mapping

from story_studio.offline_studio import offline_services
from vespera.testing.servers import ModelServer

VARIABLES = {
    "STORY_STUDIO_URL": "chat_url",
    "STORY_STUDIO_KEY": "chat_key",
    "STORY_STUDIO_MODEL": "chat_model",
    "STORY_STUDIO_SPEECH_URL": "speech_url",
    "STORY_STUDIO_SPEECH_KEY": "speech_key",
    "STORY_STUDIO_VOICE": "speech_voice",
    "STORY_STUDIO_IMAGE_URL": "image_url",
    "STORY_STUDIO_IMAGE_KEY": "image_key",
    "STORY_STUDIO_IMAGE_MODEL": "image_model",
}


class Endpoints:
    """The addresses of the services. If any is missing, a server on loopback is started for it."""

    def __init__(self, *, chat: str, speech: str, image: str) -> None:
        self._given = {"chat": chat, "speech": speech, "image": image}
        self._server: ModelServer | None = None

    def is_given(self, name: str) -> bool:
        """Whether the service is a real one."""
        return bool(self._given[name])

    def address(self, name: str) -> str:
        """The base URL of "chat", "speech" or "image".

        Raises:
            RuntimeError: it is that of the server on loopback, which is not started.
        """
        if self._given[name]:
            return self._given[name]
        if self._server is None:
            raise RuntimeError("The endpoints are not started: async with the container")
        return self._server.base_url

    async def start(self) -> None:
        """Start the server on loopback, if it is needed."""
        if self._server is None and not all(self._given.values()):
            self._server, _ = offline_services()
            await self._server.start()

    async def stop(self) -> None:
        """Stop it."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


def settings_in(environment: Mapping[str, str] = os.environ) -> Mapping[str, object]:  # noqa: TID251
    """The container's settings that a program's environment gives."""
    return {
        setting: environment[name] for name, setting in VARIABLES.items() if environment.get(name)
    }
