"""A client of a vision model that speaks OpenAI's API: pictures and videos in, what is seen out."""

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import aiohttp

from vespera import RetryPolicy
from vespera.domain.errors import InvalidRequest
from video_insight.answers import content_of, refusal_of
from video_insight.errors import (
    AnswerUnreadable,
    ModelBusy,
    ModelClosed,
    ModelError,
    ModelUnavailable,
)
from video_insight.frames import MOST_FRAMES, Frame, Sampled, read_picture, sample_video
from video_insight.settings import ModelSettings
from video_insight.sights import Moment, Sight, sight_of_answer, together

PROMPT: Final = (
    "Say what is in this picture. Answer with one JSON object:"
    ' {"description": "one or two sentences", "detections": [{"label": "what it is",'
    ' "confidence": 0.9, "box": [left, top, width, height]}]}. The numbers of a box are fractions'
    " of the picture, from 0 to 1."
)
_HELPS_TO_ASK_AGAIN: Final = (ModelUnavailable, AnswerUnreadable)
PATIENT: Final = RetryPolicy(
    max_attempts=3, delay=0.5, max_delay=8.0, jitter=0.5, retry_on=_HELPS_TO_ASK_AGAIN
)
KINDS: Final = ("image_path", "video_path")


class VisionModel(Protocol):
    """Sees what is in a picture or a video."""

    async def process(self, given: Mapping[str, Any], /) -> Mapping[str, Any]:
        """What is in ``given["image_path"]`` or ``given["video_path"]``; see ``Model.process``."""
        ...


class Model:
    """A client of a vision model.

        async with Model(api_key="...", base_url="https://.../v1") as model:
            seen = await model.process({"video_path": "harbour.mp4"})

    The HTTP session is made when it is first needed, in the event loop that runs then, and closed
    by ``close`` (which may come twice) or at the end of the ``async with``, whichever way that
    ends. A request that fails in a way that may pass (no connection, 5xx, 429, an answer that ends
    too early) is made again as ``retry`` says, and not before the moment that the model names by
    ``Retry-After``.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        retry: RetryPolicy = PATIENT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,  # noqa: TID251 - the loop's time
        address: Callable[[], str] | None = None,
        **settings: Any,
    ) -> None:
        """Set the client up; nothing is connected yet.

        Args:
            config: the settings as one mapping, such as ``{"api_key": "..."}``.
            retry: how often and after how long to ask again.
            sleep: waits between two requests; inside a container, ``clock.sleep``.
            address: tells the base URL, where it is only known once something has started.
            settings: those of ``ModelSettings`` by keyword, over those of ``config``.

        Raises:
            InvalidRequest: a setting is missing, unknown or wrong; the error names it.
        """
        self._settings = ModelSettings.of({**(config or {}), **settings})
        self._retry, self._sleep = retry, sleep
        self._address = address or (lambda: self._settings.base_url)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(self._settings.concurrency)
        self._is_closed = False

    async def process(self, given: Mapping[str, Any], /) -> dict[str, Any]:
        """See what is in a picture or in a video.

        Args:
            given: ``{"image_path": ...}`` or ``{"video_path": ...}``. Of a video, some frames are
                seen, at the same time as far as ``concurrency`` allows.

        Returns:
            ``description``, ``objects`` (labels), ``detections`` (labels with confidence and box)
            and ``metadata``; for a video also ``frames``, each with the moment ``at``.

        Raises:
            InvalidRequest: neither or both of the paths are given, or something else.
            ModelError: see ``video_insight.errors``.
        """
        kind, path = _path_in(given)
        if kind == "image_path":
            picture = await asyncio.to_thread(read_picture, path, widest=self._settings.widest)
            return (await self._look(picture.frames[0])).told | {"metadata": _facts(picture)}
        video = await asyncio.to_thread(
            sample_video, path, most=self._settings.frames, widest=self._settings.widest
        )
        moments = await self._look_at_all(video.frames)
        frames = [{"at": moment.at, **moment.sight.told} for moment in moments]
        return together(moments).told | {"metadata": _facts(video), "frames": frames}

    async def fetch_data(self, path: str = "models", *, session: Any = None) -> Any:
        """The JSON at a path of the service; by default, which models it has.

        Args:
            path: below the base URL.
            session: asked in the place of the client's own.

        Raises:
            ModelError: see ``video_insight.errors``.
        """
        return await self._request("get", path, session=session)

    async def close(self) -> None:
        """Close the session, if there is one. Closing twice is fine; there is no way back but
        ``async with``.
        """
        session, self._session, self._is_closed = self._session, None, True
        if session is not None:
            await session.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    async def __aenter__(self) -> Self:
        self._is_closed = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _look_at_all(self, frames: Sequence[Frame]) -> list[Moment]:
        """All of the frames; the first failure ends the others, and is raised as it is."""
        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(frame)) for frame in frames]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        seen = zip(frames, looks, strict=True)
        return [Moment(at=frame.at, sight=look.result()) for frame, look in seen]

    async def _look(self, frame: Frame) -> Sight:
        failures = 0
        while True:
            try:
                async with self._places:
                    answer = await self._request(
                        "post", "chat/completions", json=self._question(frame)
                    )
                return sight_of_answer(content_of(answer))
            except ModelError as error:
                failures += 1
                await self._sleep(self._wait_after(error, failures))

    def _wait_after(self, error: ModelError, failures: int) -> float:
        """Seconds until it may be asked again.

        Raises:
            ModelError: the error, if it is not to be asked again.
        """
        named = error.retry_after if isinstance(error, ModelBusy) else None
        is_too_long = named is not None and named > self._settings.most_wait
        if is_too_long or not self._retry.allows(error, failures):
            raise error
        return max(self._retry.wait(failures, random.random()), named or 0.0)  # noqa: S311

    def _question(self, frame: Frame) -> dict[str, Any]:
        url = "data:image/jpeg;base64," + base64.b64encode(frame.jpeg).decode()
        content = [
            {"type": "text", "text": PROMPT},
            {"type": "image_url", "image_url": {"url": url}},
        ]
        return {"model": self._settings.model, "messages": [{"role": "user", "content": content}]}

    async def _request(self, verb: str, path: str, *, session: Any = None, **sent: Any) -> Any:
        """One request, and the JSON of its answer. What goes wrong is translated here, all of it.

        It is awaited, and the response entered: aiohttp and mocks of it agree on that.
        """
        session = session or self._opened()
        url = f"{self._address().rstrip('/')}/{path.lstrip('/')}"
        try:
            response = await getattr(session, verb)(
                url, headers={"Authorization": f"Bearer {self._settings.api_key}"}, **sent
            )
            async with response:
                if response.status >= 400:  # noqa: PLR2004 - errors begin here
                    raise await refusal_of(response)
                return await response.json(content_type=None)
        except ModelError:
            raise
        except TimeoutError as error:
            told = f"no answer within {self._settings.timeout:g} s"
            raise ModelUnavailable(f"{url}: {told}") from error
        except Exception as error:
            if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
                raise AnswerUnreadable(f"{url}: the answer is no JSON: {error}") from error
            told = f"{type(error).__name__}: {error}"
            raise ModelUnavailable(f"{url}: it cannot be asked: {told}") from error

    def _opened(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise ModelClosed("this Model was closed; make another one, or use it by async with")
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
            self._session = aiohttp.ClientSession(timeout=timeout)
            self._loop = loop
        elif self._loop not in {None, loop}:
            raise ModelClosed("this Model was used in another event loop; close it there first")
        return self._session


def _path_in(given: object) -> tuple[str, Path]:
    if not isinstance(given, Mapping) or len(given) != 1 or next(iter(given)) not in KINDS:
        shown = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
        raise InvalidRequest(f"expected {' or '.join(KINDS)}, got {shown}", field="given")
    [(kind, path)] = given.items()
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InvalidRequest("must be the path of a file", field=kind)
    return kind, Path(path)


def _facts(media: Sampled) -> dict[str, Any]:
    facts = {"width": media.width, "height": media.height, "codec": media.codec}
    if not media.duration:
        return facts
    video = {"duration": media.duration, "frame_rate": media.frame_rate}
    return facts | video | {"frames": len(media.frames)}


__all__ = ["MOST_FRAMES", "PATIENT", "Model", "VisionModel"]
