import httpx
import pytest
import pytest_asyncio

from vespera.testing.servers import HttpServer, ModelServer


@pytest_asyncio.fixture
async def server():
    async with ModelServer() as server:
        yield server


@pytest_asyncio.fixture
async def client(server):
    """A client of the model server; its address ends in a slash, as httpx wants it.

    There is no TLS on loopback, so it need not read the certificates of the world.
    """
    async with httpx.AsyncClient(base_url=f"{server.base_url}/", verify=False) as client:
        yield client


@pytest_asyncio.fixture
async def http_server():
    async with HttpServer() as server:
        yield server


@pytest_asyncio.fixture
async def http_client(http_server):
    async with httpx.AsyncClient(base_url=http_server.url, verify=False) as client:
        yield client


@pytest.fixture
def chat():
    """The body of a request for a chat."""
    return {"model": "any", "messages": [{"role": "user", "content": "Say hello to me"}]}
