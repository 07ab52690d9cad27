"""What is kept of an error."""

import logging
import traceback

from vespera.domain.retry import RetryPolicy, type_names
from vespera.domain.task import TaskFailure

logger = logging.getLogger("vespera")
LONGEST_MESSAGE = 10_000
LONGEST_LOGGED = 500
LONGEST_TRACEBACK = 20_000


def failure_of(error: BaseException) -> TaskFailure:
    """Its class and bases, its message, and the end of its traceback."""
    trace = _printable("".join(traceback.format_exception(error)))[-LONGEST_TRACEBACK:]
    return TaskFailure(error_types=type_names(error), message=message_of(error), traceback=trace)


def message_of(error: BaseException) -> str:
    """Its text, in printable characters, cut to a sensible length; of a group of errors, those of
    its members, too.
    """
    try:
        text = str(error)
        if isinstance(error, BaseExceptionGroup):
            text = f"{text}: {'; '.join(map(in_words, error.exceptions))}"
    except Exception as second:  # noqa: BLE001  (the boundary to the error's own code)
        text = f"(its text cannot be told: {type(second).__name__})"
    return _printable(text)[:LONGEST_MESSAGE]


def in_words(error: BaseException) -> str:
    """Its class, and its message if it has one."""
    kind, message = type(error).__name__, message_of(error)
    return f"{kind}: {message}" if message.strip() else kind


def tell_retry(
    what: str, error: BaseException, retry: RetryPolicy, *, failures: int, seconds: float
) -> None:
    """Log that something is tried again, as whoever waits for it hears nothing else until then."""
    logger.info(
        "%s failed (%d of %d times), and is tried again in %.1f s: %s",
        what,
        failures,
        retry.max_attempts,
        seconds,
        in_words(error)[:LONGEST_LOGGED],
    )


def called_off(reason: str) -> TaskFailure:
    """What is kept of a cancellation."""
    return TaskFailure(error_types=("Cancelled",), message=reason or "it was called off")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
