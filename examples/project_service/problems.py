"""Errors as callers read them: problem details in JSON, by RFC 9457."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from project_service.refusals import Refusal, Why
from vespera.domain.errors import EngineStopped, StorageError

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_STATUS = {
    Why.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Why.CONFLICT: HTTPStatus.CONFLICT,
    Why.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_SOON = "5"
LONGEST_PLACE = 120


class ProblemResponse(JSONResponse):
    """A problem, as it is sent."""

    media_type = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    about: Mapping[str, object] | None = None,
) -> ProblemResponse:
    """An answer that says what is wrong, and what to do about it; ``about``: further fields."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return ProblemResponse({**content, **(about or {})}, status, headers=dict(headers or {}))


def granted(value: T | Refusal | None) -> T:
    """The value, unless it is a refusal.

    Raises:
        HTTPException: it is one; it becomes a problem.
    """
    if isinstance(value, Refusal):
        raise HTTPException(_STATUS[value.why], value.told)
    return value  # type: ignore[return-value]  # None is a value, where T allows it


def tell_problems(app: FastAPI) -> None:
    """Have the application answer with problems, whatever goes wrong."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StorageError, _out_of_order)
    app.add_exception_handler(EngineStopped, _out_of_order)
    app.add_exception_handler(Exception, _defect)


async def _http_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"There is nothing at {request.url.path}."
    return problem(error.status_code, detail, headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> ProblemResponse:
    """What was sent is told by its place only: it may be long, secret, or no JSON."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "field": ".".join(str(part) for part in each["loc"])[:LONGEST_PLACE],
            "message": each["msg"],
        }
        for each in error.errors()
    ]
    told = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:3])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, told, about={"errors": errors})


async def _out_of_order(request: Request, error: Exception) -> ProblemResponse:
    _LOG.error("%s %s: %s", request.method, request.url.path, error)
    told = "The service cannot store anything at this moment; nothing was lost. Try again later."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, told, headers={"Retry-After": _SOON})


async def _defect(request: Request, error: Exception) -> ProblemResponse:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    told = "This is a defect of the service; its log has the details."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, told)
