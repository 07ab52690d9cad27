"""Where the model is: at a given address, or on loopback."""

import os
from collections.abc import Mapping

from vespera.testing.servers import ModelServer
from video_insight.offline_eye import offline_server

LOOPBACK_KEY = "loopback"
VARIABLES = {
    "VIDEO_INSIGHT_URL": "model_url",
    "VIDEO_INSIGHT_KEY": "model_key",
    "VIDEO_INSIGHT_MODEL": "model_name",
}


class Endpoint:
    """The address of a model's service. Without one, a server on loopback is started."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._server: ModelServer | None = None

    @property
    def is_offline(self) -> bool:
        """Whether it is the server on loopback."""
        return not self._url

    def address(self) -> str:
        """The base URL.

        Raises:
            RuntimeError: the server on loopback is not started.
        """
        if self._url:
            return self._url
        if self._server is None:
            raise RuntimeError("The endpoint is not started: async with the container")
        return self._server.base_url

    async def start(self) -> None:
        """Start the server on loopback, if that is to be."""
        if self.is_offline and self._server is None:
            self._server = offline_server(api_key=LOOPBACK_KEY)
            await self._server.start()

    async def stop(self) -> None:
        """Stop it."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


def settings_in(environment: Mapping[str, str] = os.environ) -> Mapping[str, object]:  # noqa: TID251 - it is a program's
    """The container's settings that the environment gives."""
    return {
        setting: environment[name] for name, setting in VARIABLES.items() if environment.get(name)
    }
