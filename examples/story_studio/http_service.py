"""What the clients of HTTP services share: a session with a right life, and a guard."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from vespera import ServiceGuard
from vespera.domain.errors import AIServiceUnavailable

TIMEOUT = 120.0


class HttpService:
    """Holds an aiohttp session that is made when it is first needed, and closed once.

    The address may be a function, where it is only known once something has started.
    """

    def __init__(
        self,
        *,
        base_url: str | Callable[[], str],
        headers: dict[str, str],
        session: Any = None,
        guard: ServiceGuard | None = None,
    ) -> None:
        self._base_url = base_url
        self._headers = headers
        self._session: Any = session
        self._guard = guard or ServiceGuard(name=type(self).__name__)
        self._is_closed = False

    @property
    def base_url(self) -> str:
        """Of the service, without a slash at its end."""
        given = self._base_url if isinstance(self._base_url, str) else self._base_url()
        return given.rstrip("/")

    async def close(self) -> None:
        """Close the session, if there is one. Closing twice is fine."""
        session, self._session, self._is_closed = self._session, None, True
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        self._is_closed = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        """A request, to be entered."""
        url = f"{self.base_url}/{path}"
        return self._opened().post(url, json=body, headers=self._headers)

    def _opened(self) -> Any:
        if self._is_closed:
            raise AIServiceUnavailable(f"this {type(self).__name__} was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        return self._session


def bearer(api_key: str) -> dict[str, str]:
    """The header of a key, if there is one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
