"""From the errors of HTTP clients to those of models, whichever client it is."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from vespera.application.runtime.failures import in_words
from vespera.application.runtime.guarding.answers import answer_of, header_of
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceDenied,
    AIServiceError,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceTimedOut,
    AIServiceUnavailable,
    AsyncServiceError,
)

_OF_STATUS: Final[Mapping[int, type[AIServiceError]]] = {
    401: AIServiceDenied,
    402: AIServiceDenied,
    403: AIServiceDenied,
    407: AIServiceDenied,
    408: AIServiceTimedOut,
    409: AIServiceUnavailable,
    425: AIServiceUnavailable,
    429: AIServiceRateLimited,
    504: AIServiceTimedOut,
    524: AIServiceTimedOut,
}
_FIRST_ERROR, _FIRST_OF_SERVER, _BEHIND_ALL = 400, 500, 600


@contextmanager
def ai_service_errors(service: str) -> Iterator[None]:
    """In the block, errors of HTTP clients are raised as an ``AIServiceError`` of that service.

        with ai_service_errors("openrouter"):
            response = await http.post(url, json=body)
            response.raise_for_status()
            return response.json()["choices"][0]["message"]["content"]

    Those of httpx, httpx2 and aiohttp are known, by their names, so that none of them need be
    there; connections that break, time-outs, and answers that make no sense (``ValueError``,
    ``LookupError``, ``TypeError``, ``AttributeError`` while they are read), too. What is an
    ``AsyncServiceError`` already, and whatever else is raised, passes as it is; so does a
    cancellation.

    Raises:
        AIServiceUnavailable: it cannot be reached, or answered 5xx.
        AIServiceRateLimited: it answered 429; ``retry_after`` is what the header says.
        AIServiceTimedOut: it did not answer in time.
        AIServiceDenied: it answered 401, 402, 403.
        AIServiceRefused: it answered another 4xx.
        AIServiceBadAnswer: its answer makes no sense.
    """
    try:
        yield
    except Exception as error:
        translated = ai_service_error(error, service=service)
        if translated is None:
            raise
        raise translated from error


def ai_service_error(error: Exception, *, service: str = "") -> AIServiceError | None:
    """The same error as one of a model; None for what is no trouble with a service, or told as
    such already. See ``ai_service_errors``.
    """
    if isinstance(error, AsyncServiceError):
        return None
    told = in_words(error).partition("\n")[0]  # httpx adds where to read about HTTP
    status, headers = answer_of(error)
    if status is not None and status >= _FIRST_ERROR:
        return of_status(status, told, service=service, headers=headers)
    kind = _kind_of(error)
    return None if kind is None else kind(told, service=service)


def of_status(
    status: int, message: str = "", *, service: str = "", headers: Any = None
) -> AIServiceError:
    """The error for an HTTP status of 400 or more; ``headers``: of the answer, a mapping."""
    kind = _OF_STATUS.get(status)
    if kind is None:
        is_servers = _FIRST_OF_SERVER <= status < _BEHIND_ALL
        kind = AIServiceUnavailable if is_servers else AIServiceRefused
    told = message or f"HTTP status {status}"
    return kind(
        f"{told}; look at the key" if kind is AIServiceDenied else told,
        service=service,
        status=status,
        retry_after=header_of(headers, "retry-after"),
    )


def _kind_of(error: Exception) -> type[AIServiceError] | None:
    for is_one, kind in _KINDS:
        if is_one(error):
            return kind
    return None


def _is_named(*names: str) -> Callable[[Exception], bool]:
    """Whether a class of an HTTP client with one of these names is among an error's classes."""

    def is_one(error: Exception) -> bool:
        return any(
            each.__name__ in names and each.__module__.partition(".")[0] in _CLIENTS
            for each in type(error).__mro__
        )

    return is_one


_CLIENTS: Final = frozenset({"aiohttp", "httpcore", "httpx", "httpx2"})
_MISREAD: Final = (ValueError, LookupError, TypeError, AttributeError)
_KINDS: Final[tuple[tuple[Callable[[Exception], bool], type[AIServiceError]], ...]] = (
    (lambda error: isinstance(error, TimeoutError), AIServiceTimedOut),
    (_is_named("TimeoutException"), AIServiceTimedOut),
    (_is_named("ContentTypeError", "ClientPayloadError", "DecodingError"), AIServiceBadAnswer),
    (_is_named("InvalidURL", "UnsupportedProtocol"), AIServiceRefused),
    (_is_named("ClientError", "HTTPError", "TransportError"), AIServiceUnavailable),
    (lambda error: isinstance(error, OSError), AIServiceUnavailable),
    (lambda error: isinstance(error, _MISREAD), AIServiceBadAnswer),
)
