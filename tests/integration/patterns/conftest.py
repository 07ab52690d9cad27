"""What the patterns share: a client without TLS, for servers on loopback."""

import httpx
import pytest_asyncio


@pytest_asyncio.fixture
async def http():
    """An HTTP client that need not read the certificates of the world first."""
    async with httpx.AsyncClient(verify=False) as http:
        yield http
