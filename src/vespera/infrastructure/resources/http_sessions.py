"""HTTP client sessions, by aiohttp."""

import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from vespera.application.ports.resources import Held
from vespera.domain.errors import InvalidRequest, MissingExtra
from vespera.domain.ids import ResourceId
from vespera.domain.resource import Trace, checked_mapping, only_known
from vespera.domain.retry import TEN_YEARS, number_of

_FIELDS = ("base_url", "headers", "timeout")


def aiohttp_session(configuration: Mapping[str, object]) -> Any:
    """An ``aiohttp.ClientSession``, to be entered.

    Raises:
        MissingExtra: aiohttp is not installed.
    """
    try:
        aiohttp: Any = importlib.import_module("aiohttp")
    except ImportError as error:
        raise MissingExtra("The resource type 'http_session'", "aiohttp", "aiohttp") from error
    seconds = configuration.get("timeout", 60.0)
    return aiohttp.ClientSession(
        configuration.get("base_url"),
        headers=configuration.get("headers"),
        timeout=aiohttp.ClientTimeout(total=seconds),
    )


class HttpSessions:
    """Opens a client session, whose connections are closed with it.

    Needs the package aiohttp: ``pip install 'vespera[aiohttp]'``. Another client can take its
    place: give ``open_session``, which gives an async context manager for a configuration.

    Configuration:
        base_url: in front of all paths.
        headers: sent with every request.
        timeout: seconds that a request may take (60).

    Value: the ``aiohttp.ClientSession``. Operation: ``request(method, url, **options)``, which
    gives ``{"status": ..., "headers": ..., "text": ...}``.
    """

    def __init__(
        self, open_session: Callable[[Mapping[str, object]], Any] = aiohttp_session
    ) -> None:
        self._open_session = open_session

    def announce(self, resource_id: ResourceId, configuration: Mapping[str, object]) -> Trace:
        """See ``ResourceType.announce``."""
        only_known(configuration, _FIELDS)
        checked_mapping(configuration.get("headers"), "configuration.headers")
        if not isinstance(url := configuration.get("base_url", ""), str):
            raise InvalidRequest(f"must be text, not {url!r}", field="configuration.base_url")
        if "timeout" in configuration:
            seconds, field = configuration["timeout"], "configuration.timeout"
            number_of(seconds, field, least=0, most=TEN_YEARS, what="a number of seconds")
        return {}

    @asynccontextmanager
    async def hold(self, trace: Trace, configuration: Mapping[str, object]) -> AsyncIterator[Held]:
        """See ``ResourceType.hold``."""
        async with self._open_session(configuration) as session:

            async def request(method: str, url: str, **options: Any) -> Mapping[str, object]:
                async with session.request(method, url, **options) as response:
                    text = await response.text()
                    headers = dict(response.headers)
                    return {"status": response.status, "headers": headers, "text": text}

            yield Held(value=session, operations={"request": request})

    async def remains(self, trace: Trace) -> Sequence[str]:
        """See ``ResourceType.remains``. Its connections end with the process."""
        return ()

    async def reclaim(self, trace: Trace) -> None:
        """See ``ResourceType.reclaim``."""
