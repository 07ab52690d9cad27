"""The fixtures for what talks to the outside, as somebody else's test run sees them."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

SETTINGS = """[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
APPLICATION = """
import json

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    said = json.dumps({"path": scope["path"], "pool": scope["state"]["pool"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said})
"""
TESTS = """
import os
import pytest
import pytest_asyncio
from application import application

@pytest.fixture
def app():
    return application

@pytest.mark.asyncio
async def test_async_client(async_client):
    response = await async_client.get("/health")
    assert response.json() == {"path": "/health", "pool": "open"}
    assert str(response.url) == "http://test/health"

def test_client(client):
    assert client.get("/health").json() == {"path": "/health", "pool": "open"}

@pytest.mark.asyncio
async def test_session_and_response(mock_aiohttp_session, mock_response):
    async with mock_aiohttp_session.post("/") as entered:
        assert entered is mock_response
    answer = await (await mock_aiohttp_session.get("/")).json()
    assert answer["choices"][0]["message"]["content"] == "Test response"
    assert answer["status"] == "completed"
    assert mock_response.status == 200

@pytest.mark.asyncio
async def test_session_that_is_told(mock_session):
    mock_session.request.return_value.__aenter__.return_value.json.return_value = {"id": "7"}
    async with mock_session.request("GET", "/") as response:
        assert await response.json() == {"id": "7"}

@pytest.mark.asyncio
async def test_external_service(async_external_service):
    assert await async_external_service.call_api("x") == {"status": "success", "data": {}}
    assert await async_external_service.upload_file("y") == {"file_id": "test_file_123"}

@pytest.mark.asyncio
async def test_factory(create_async_context_manager_mock):
    mock = create_async_context_manager_mock(status=200)
    async with mock as entered:
        assert entered is mock and entered.status == 200

@pytest.fixture(autouse=True)
def after_each_test():
    yield
    assert "ELEVENLABS_API_KEY" not in os.environ

def test_environment(mock_env_vars):
    assert os.environ["API_KEY"] == mock_env_vars["API_KEY"] == "test-api-key"
    assert all(os.environ[name] == text for name, text in mock_env_vars.items())

def test_picture(image_file, tmp_path):
    assert image_file.parent == tmp_path
    assert image_file.read_bytes().startswith(b"\\x89PNG")

class TestAnAsyncApplication:
    @pytest_asyncio.fixture
    async def app(self):
        yield application

    @pytest.mark.asyncio
    async def test_is_asked(self, async_client):
        assert (await async_client.get("/")).status_code == 200
"""


def run_pytest(directory: Path, tests: str, *options: str) -> str:
    (directory / "pytest.ini").write_text(SETTINGS)
    (directory / "application.py").write_text(APPLICATION)
    (directory / "test_mine.py").write_text(tests)
    loading = [] if entry_points(group="pytest11", name="vespera") else ["-p", FIXTURES]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *loading, *options]
    done = subprocess.run(
        command,
        cwd=directory,
        env={name: text for name, text in os.environ.items() if not name.endswith("_API_KEY")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


FIXTURES = "vespera.testing.mock_fixtures"


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_fixtures_work_in_both_modes(tmp_path, mode):
    output = run_pytest(tmp_path, TESTS, f"--asyncio-mode={mode}")

    assert "9 passed" in output, output


def test_a_client_without_an_application_says_what_to_define(tmp_path):
    output = run_pytest(tmp_path, "def test_it(client):\n    pass\n")

    assert "1 error" in output
    assert "define a fixture 'app' that returns it" in output


def test_a_client_without_httpx_says_what_to_install(tmp_path):
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['httpx'] = None\n")
    output = run_pytest(tmp_path, TESTS, "-k", "client or picture or factory", "-p", "no:anyio")

    assert "2 passed" in output, output
    assert "2 errors" in output
    assert output.count("This fixture needs httpx: pip install 'vespera[testing]'") >= 2


def test_the_fixtures_cost_nothing_until_they_are_asked_for():
    code = (
        f"import sys, pytest, pytest_asyncio; before = set(sys.modules); import {FIXTURES};"
        " print(sorted({'httpx', 'h11', 'vespera.testing.mocks'} & set(sys.modules) - before))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
