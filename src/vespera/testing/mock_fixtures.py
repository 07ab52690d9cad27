"""Fixtures for tests of what talks to the outside: mocks, ASGI clients, an environment, a picture.

What they stand on is imported when one is asked for: a project without httpx has all of them but
``client`` and ``async_client``.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

_BASE_URL = "http://test"
_ENVIRONMENT = {
    "API_KEY": "test-api-key",
    "ANTHROPIC_API_KEY": "test-anthropic-key",
    "ELEVENLABS_API_KEY": "test-elevenlabs-key",
    "OPENAI_API_KEY": "test-openai-key",
    "OPENROUTER_API_KEY": "test-openrouter-key",
}


@pytest.fixture(name="create_async_context_manager_mock")
def _create_async_context_manager_mock() -> Callable[..., Any]:
    """A factory: ``create_async_context_manager_mock(status=200)`` gives an ``AsyncMock`` with
    these attributes, whose ``async with`` gives itself.
    """
    from vespera.testing.mocks import create_async_context_manager_mock

    return create_async_context_manager_mock


@pytest.fixture(name="mock_response")
def _mock_response() -> Any:
    """A response with status 200 and the JSON of a completed chat."""
    from vespera.testing.http_mocks import mock_response

    choice = {"message": {"role": "assistant", "content": "Test response"}}
    return mock_response(json={"choices": [choice], "status": "completed"})


@pytest.fixture(name="mock_aiohttp_session")
def _mock_aiohttp_session(mock_response: Any) -> Any:
    """A session that answers every request with the fixture ``mock_response``."""
    from vespera.testing.http_mocks import mock_session

    return mock_session(mock_response)


@pytest.fixture(name="mock_session")
def _mock_session() -> Any:
    """A session that answers every request with ``{}``, until it is told otherwise."""
    from vespera.testing.http_mocks import mock_session

    return mock_session()


@pytest.fixture
def async_external_service() -> Any:
    """An outside service with ``call_api`` and ``upload_file``, both async."""
    from vespera.testing.mocks import mock_client

    return mock_client(
        call_api={"status": "success", "data": {}},
        upload_file={"file_id": "test_file_123"},
    )


@pytest.fixture
def mock_env_vars(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """API keys (``API_KEY`` and those of usual services) in the environment, for this test only.

    Gives them as a dict.
    """
    for name, text in _ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    return dict(_ENVIRONMENT)


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """A real picture: ``test_image.png`` in the test's own directory, 8 x 8 pixels."""
    from vespera.testing.media import png

    path = tmp_path / "test_image.png"
    path.write_bytes(png())
    return path


@pytest.fixture
def app() -> Any:
    """The ASGI application for ``client`` and ``async_client``; yours to define.

    Raises:
        pytest.UsageError: always; this one only says that there is no other.
    """
    raise pytest.UsageError(
        "The fixtures 'client' and 'async_client' need your application: define a fixture 'app'"
        " that returns it (an ASGI application, such as FastAPI's), in the test's file or in a"
        " conftest.py."
    )


@pytest_asyncio.fixture
async def async_client(app: Any) -> AsyncIterator[Any]:
    """An ``httpx.AsyncClient`` of the fixture ``app``, inside the application's lifespan.

    What the application's handlers raise comes out of the request. Cookies and base URL are those
    of ``http://test``.
    """
    _need("httpx")
    from vespera.testing.http_clients import app_client

    async with app_client(app, _BASE_URL) as http_client:
        yield http_client


@pytest.fixture
def client(app: Any) -> Iterator[Any]:
    """An ``httpx.Client`` of the fixture ``app``, for tests that are not async.

    The application runs inside its lifespan, on an event loop of its own that moves on during
    requests; no thread is started.
    """
    _need("httpx")
    import httpx

    from vespera.testing.http_clients import LoopTransport

    with httpx.Client(transport=LoopTransport(app), base_url=_BASE_URL) as http_client:
        yield http_client


def _need(library: str) -> None:
    if not find_spec(library):
        raise pytest.UsageError(f"This fixture needs {library}: pip install 'vespera[testing]'")
