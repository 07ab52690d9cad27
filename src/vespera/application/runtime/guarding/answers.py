"""What the errors of HTTP clients tell of the answer that was not liked."""

from collections.abc import Mapping
from typing import Any


def answer_of(error: BaseException) -> tuple[int | None, Any]:
    """The status and the headers of the answer that an error tells of, None if it tells of none:
    aiohttp keeps them in the error, httpx in its response.
    """
    for holder in (error, getattr(error, "response", None)):
        for name in ("status", "status_code"):
            status = getattr(holder, name, None)
            if isinstance(status, int):
                return int(status), getattr(holder, "headers", None)
    return None, None


def header_of(headers: Any, name: str) -> Any:
    """A header, whatever the case of its name; None if there is none, or no headers."""
    if not isinstance(headers, Mapping):
        return None
    return next((value for key, value in headers.items() if str(key).lower() == name), None)
