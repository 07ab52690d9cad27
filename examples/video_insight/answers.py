"""What a model's service answers, read."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from video_insight.errors import (
    AnswerUnreadable,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)

_LONGEST = 300
_SERVER = 500
_TOO_SLOW, _TOO_MANY, _UNAVAILABLE = 408, 429, 503


def content_of(answer: Any) -> object:
    """What the model says, in the answer to a chat.

    Raises:
        AnswerUnreadable: the answer is none to a chat.
    """
    try:
        return answer["choices"][0]["message"]["content"]
    except (LookupError, TypeError) as error:
        shown = repr(answer)[:_LONGEST]
        raise AnswerUnreadable(f"the answer has no choices[0].message.content: {shown}") from error


async def refusal_of(response: Any) -> ModelError:
    """The error that an answer with an error's status stands for."""
    told = f"{response.status}: {await _reason(response)}"
    named = seconds_to_wait(response.headers)
    if response.status == _TOO_MANY or (response.status == _UNAVAILABLE and named is not None):
        return ModelBusy(told, retry_after=named)
    if response.status >= _SERVER or response.status == _TOO_SLOW:
        return ModelUnavailable(told)
    return ModelRefused(told, status=response.status)


def seconds_to_wait(headers: Any) -> float | None:
    """What ``Retry-After`` says, in seconds; a date counts from the answer's own ``Date``."""
    value = headers.get("Retry-After")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until, now = _moment(value), _moment(headers.get("Date"))
        if until is None or now is None:
            return None
        seconds = (until - now).total_seconds()
    return max(seconds, 0.0) if seconds < float("inf") else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _reason(response: Any) -> str:
    """What the service says, in OpenAI's form or in plain text."""
    try:
        told = await response.json(content_type=None)
        error = told["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:_LONGEST]
    except (ValueError, LookupError, TypeError):
        return str(await response.text())[:_LONGEST]
