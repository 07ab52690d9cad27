"""What the patterns share: a client without TLS, for servers on loopback."""

import httpx
import pytest_asyncio

from vespera.testing.mock_fixtures import (  # noqa: F401 - fixtures, found by their names
    _create_async_context_manager_mock,
    _mock_aiohttp_session,
    _mock_response,
    _mock_session,
    app,
    async_client,
    async_external_service,
    client,
    image_file,
    mock_env_vars,
)


@pytest_asyncio.fixture
async def http():
    """An HTTP client that need not read the certificates of the world first."""
    async with httpx.AsyncClient(verify=False) as http:
        yield http
