"""How a model is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from vespera.domain.errors import InvalidRequest
from video_insight.frames import MOST_FRAMES, WIDEST

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The settings of a ``Model``.

    Attributes:
        api_key: sent as a bearer token.
        base_url: of the API, up to and with its version.
        model: the name of the model.
        timeout: seconds for a whole request.
        concurrency: how many requests may be under way at a time.
        frames: how many frames of a video are seen.
        widest: pixels; wider pictures are made smaller before they are sent.
        most_wait: seconds; a model that asks to be left alone for longer is not waited for.
    """

    api_key: str
    base_url: str = OPENAI
    model: str = "gpt-4o-mini"
    timeout: float = 60.0
    concurrency: int = 4
    frames: int = MOST_FRAMES
    widest: int = WIDEST
    most_wait: float = 30.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The settings of a mapping.

        Raises:
            InvalidRequest: one is missing, unknown or wrong; the error names it.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidRequest(f"unknown setting; known are {', '.join(known)}", field=name)
        if not given.get("api_key"):
            raise InvalidRequest("must be given: the key of the model's service", field="api_key")
        return cls(**given)

    def __post_init__(self) -> None:
        for name in ("api_key", "base_url", "model"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise InvalidRequest("must be a text", field=name)
        if not self.base_url.startswith(("http://", "https://")):
            raise InvalidRequest(
                f"must be an http address, not {self.base_url!r}", field="base_url"
            )
        for name in ("concurrency", "frames", "widest"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequest("must be a whole number above 0", field=name)
        for name in ("timeout", "most_wait"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise InvalidRequest("must be a number of seconds above 0", field=name)
