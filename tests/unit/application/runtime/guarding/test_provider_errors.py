"""Errors of HTTP clients become those of models, whichever client it is."""

import asyncio
import json
from http import HTTPStatus

import httpx
import pytest

from vespera.application.runtime.guarding.provider_errors import (
    ai_service_error,
    ai_service_errors,
    of_status,
)
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceDenied,
    AIServiceError,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceTimedOut,
    AIServiceUnavailable,
    CallTimedOut,
)

REQUEST = httpx.Request("POST", "http://localhost/chat")


def theirs(name, *bases, client="aiohttp.client_exceptions", **attributes):
    """An error as aiohttp's, which need not be there."""
    kind = type(name, bases or (Exception,), {"__module__": client})
    error = kind("their words")
    vars(error).update(attributes)
    return error


def answered(status, **headers):
    response = httpx.Response(status, headers=headers, request=REQUEST)
    return httpx.HTTPStatusError("no", request=REQUEST, response=response)


ClientError = type("ClientError", (Exception,), {"__module__": "aiohttp"})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AIServiceRefused),
        (401, AIServiceDenied),
        (402, AIServiceDenied),
        (403, AIServiceDenied),
        (404, AIServiceRefused),
        (408, AIServiceTimedOut),
        (413, AIServiceRefused),
        (429, AIServiceRateLimited),
        (500, AIServiceUnavailable),
        (503, AIServiceUnavailable),
        (504, AIServiceTimedOut),
        (529, AIServiceUnavailable),
        (999, AIServiceRefused),
    ],
)
def test_a_status_has_its_error_from_either_client(status, kind):
    for error in (answered(status), theirs("ClientResponseError", ClientError, status=status)):
        translated = ai_service_error(error, service="openrouter")

        assert type(translated) is kind
        assert (translated.status, translated.service) == (status, "openrouter")


def test_when_to_come_back_is_what_the_header_says():
    by_httpx = ai_service_error(answered(429, **{"Retry-After": "17"}))
    error = theirs("ClientResponseError", ClientError, status=503, headers={"RETRY-AFTER": "18"})

    assert by_httpx.retry_after == "17"
    assert ai_service_error(error).retry_after == "18"
    assert ai_service_error(answered(429)).retry_after is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("no route"), AIServiceUnavailable),
        (httpx.RemoteProtocolError("cut off"), AIServiceUnavailable),
        (httpx.ReadTimeout("slow"), AIServiceTimedOut),
        (httpx.UnsupportedProtocol("ftp"), AIServiceRefused),
        (httpx.InvalidURL("no"), AIServiceRefused),
        (httpx.DecodingError("no gzip"), AIServiceBadAnswer),
        (ClientError("API unavailable"), AIServiceUnavailable),
        (theirs("ServerTimeoutError", ClientError, TimeoutError), AIServiceTimedOut),
        (theirs("ContentTypeError", ClientError, status=200), AIServiceBadAnswer),
        (TimeoutError("slow"), AIServiceTimedOut),
        (TimeoutError(), AIServiceTimedOut),
        (ConnectionResetError("reset"), AIServiceUnavailable),
        (json.JSONDecodeError("no", "<html>", 0), AIServiceBadAnswer),
        (KeyError("choices"), AIServiceBadAnswer),
        (IndexError("0"), AIServiceBadAnswer),
        (TypeError("None has no items"), AIServiceBadAnswer),
        (AttributeError("'list' object has no attribute 'get'"), AIServiceBadAnswer),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_trouble_on_the_way_has_its_error(error, kind):
    translated = ai_service_error(error, service="tts")

    assert type(translated) is kind
    assert str(translated).startswith(f"tts: {type(error).__name__}")


@pytest.mark.parametrize(
    "error",
    [
        AIServiceRefused("too long"),
        CallTimedOut(5.0),
        ZeroDivisionError(),
        type("ClientError", (Exception,), {"__module__": "mine"})("no client of ours"),
    ],
)
def test_what_is_told_already_or_is_no_trouble_with_a_service_passes(error):
    assert ai_service_error(error) is None
    with pytest.raises(type(error)) as raised, ai_service_errors("tts"):
        raise error
    assert raised.value is error


def test_in_the_block_it_is_raised_with_its_cause():
    cause = ClientError("API unavailable")

    with (
        pytest.raises(AIServiceError, match="openrouter: ClientError: API unavailable") as raised,
        ai_service_errors("openrouter"),
    ):
        raise cause

    assert raised.value.__cause__ is cause


def test_a_cancellation_passes():
    with pytest.raises(asyncio.CancelledError), ai_service_errors("tts"):
        raise asyncio.CancelledError


def test_a_status_that_a_client_gives_without_an_error_has_one_too():
    error = of_status(HTTPStatus.SERVICE_UNAVAILABLE, service="tts", headers={"retry-after": "3"})

    assert isinstance(error, AIServiceUnavailable)
    assert str(error) == "tts: HTTP status 503"
    assert error.retry_after == "3"


def test_a_wrong_key_is_told_in_one_line_that_says_where_to_look():
    response = httpx.Response(401, request=REQUEST)
    with pytest.raises(AIServiceDenied) as denied, ai_service_errors("openrouter"):
        response.raise_for_status()

    assert str(denied.value) == (
        "openrouter: HTTPStatusError: Client error '401 Unauthorized' for url"
        " 'http://localhost/chat'; look at the key"
    )
