"""An outside service is a part of the container, and a mock stands in its place."""

import os
from typing import Protocol

import pytest

from vespera import Container, Provider, providers
from vespera.testing import mock_client, sequence


class ExternalService(Protocol):
    async def call_api(self, data: dict[str, object]) -> dict[str, object]: ...

    async def upload_file(self, path: str) -> dict[str, str]: ...


class RealService:
    async def call_api(self, data: dict[str, object]) -> dict[str, object]:
        raise NotImplementedError

    async def upload_file(self, path: str) -> dict[str, str]:
        raise NotImplementedError


class ExternalServiceUseCase:
    def __init__(self, *, service: ExternalService) -> None:
        self._service = service

    async def process_data(self, data: dict[str, object]) -> bool:
        return (await self._service.call_api(data))["status"] == "success"


class ServiceContainer(Container):
    external_service: Provider[ExternalService] = providers.Singleton(RealService)
    use_case = providers.Singleton(ExternalServiceUseCase, service=external_service)


@pytest.fixture
async def container():
    async with ServiceContainer() as container:
        yield container


@pytest.mark.parametrize("key", ["external_service", ExternalService])
async def test_it_is_overridden_by_name_or_by_type(container, key):
    service = mock_client(
        ExternalService,
        call_api={"status": "success", "data": {}},
        upload_file={"file_id": "test_file_123"},
    )
    container.override(key, service)

    assert await container.get(ExternalServiceUseCase).process_data({"test": "data"})
    service.call_api.assert_awaited_once_with({"test": "data"})
    service.upload_file.assert_not_awaited()


async def test_the_fixture_stands_in_for_any_such_service(async_external_service):
    assert await ExternalServiceUseCase(service=async_external_service).process_data({})


async def test_an_override_reaches_what_was_built_before(container):
    assert container.get(ExternalServiceUseCase)

    with container.override(ExternalService, mock_client(ExternalService, call_api={"status": ""})):
        assert not await container.get(ExternalServiceUseCase).process_data({})


async def test_a_method_that_the_service_has_not_is_refused_at_once():
    """A plain ``AsyncMock`` has every method, the misspelt one too."""
    with pytest.raises(AttributeError, match=r"'call_ap'.* Did you mean 'call_api'"):
        mock_client(ExternalService, call_ap={})


async def test_a_service_recovers(container):
    service = mock_client(
        ExternalService, call_api=sequence(ConnectionError("down"), {"status": "success"})
    )
    container.override(ExternalService, service)
    use_case = container.get(ExternalServiceUseCase)

    with pytest.raises(ConnectionError, match="down"):
        await use_case.process_data({})
    assert await use_case.process_data({})


def test_keys_are_in_the_environment_for_one_test(mock_env_vars):
    assert os.environ["API_KEY"] == mock_env_vars["API_KEY"] == "test-api-key"


async def test_a_file_is_a_real_one(image_file):
    """A picture that is none passes a mock, and fails with the first real reader."""
    service = mock_client(upload_file=lambda path: {"size": path.stat().st_size})

    assert (await service.upload_file(image_file))["size"] > 50
    assert image_file.read_bytes()[:4] == b"\x89PNG"
