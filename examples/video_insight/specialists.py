"""Who does the work: the viewer looks at one video or picture, the editor makes the page."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vespera import FileStore, Limits, TaskContext, TaskOutcome
from video_insight import films
from video_insight.errors import ModelBusy
from video_insight.frames import Frame, Sampled, read_picture, sample_video
from video_insight.model import VisionModel
from video_insight.page import page_of
from video_insight.publishing import publish
from video_insight.sights import Moment, Sight, sight_of, together
from video_insight.views import Missing, Shown, View

PAGE = "report/index.html"
MOST_WAITS = 20
DEFAULT_WAIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """The model wants to be left alone for so many seconds."""

    seconds: float


class Filmmaker:
    """Makes the sample videos and the picture."""

    def __init__(self, *, files: FileStore) -> None:
        self._files = files

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's artifacts are the files."""
        made = await task.step("film", lambda: list(films.samples()))
        paths = []
        for name, content in made:
            paths.append(f"media/{name}")
            await publish(task, self._files, paths[-1], content)
        return TaskOutcome(summary=f"made {len(paths)} samples", artifacts=paths)


class Viewer:
    """Looks at one video or picture, frame by frame. Each frame that was seen stays seen."""

    limits = Limits(max_concurrent=4)

    def __init__(
        self, *, model: VisionModel, files: FileStore, workspace: str | os.PathLike[str]
    ) -> None:
        self._model, self._files, self._workspace = model, files, Path(workspace)

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is the ``View``."""
        payload = task.payload
        sampled = await task.step("sample", _sample, payload)
        paths = [
            f"report/frames/{payload['slug']}/{number}.jpg"
            for number, _ in enumerate(sampled.frames, 1)
        ]
        for path, frame in zip(paths, sampled.frames, strict=True):
            await publish(task, self._files, path, frame.jpeg)
        sights = await self._look_at_all(task, paths)
        view = _view(payload, self._source(payload), sampled, paths, sights)
        told = f"{len(paths)} frames, {len(view.sight.objects)} kinds of objects"
        return TaskOutcome(summary=told, artifacts=paths, result=view)

    def _source(self, payload: Mapping[str, object]) -> str | None:
        path, workspace = Path(_path(payload)), self._workspace.absolute()
        return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else None

    async def _look_at_all(self, task: TaskContext, paths: Sequence[str]) -> Sequence[Sight]:
        seen = 0

        async def look(number: int, path: str) -> Sight:
            nonlocal seen
            sight = await self._look(task, number, path)
            task.progress(seen := seen + 1, len(paths), "frames seen")
            return sight

        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(look(*each)) for each in enumerate(paths, 1)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [each.result() for each in looks]

    async def _look(self, task: TaskContext, number: int, path: str) -> Sight:
        """One frame. While the model is busy, the task waits for it and takes no place."""
        for _ in range(MOST_WAITS):
            told = await task.step(f"look at frame {number}", self._asked, path)
            if not isinstance(told, Busy):
                return sight_of(told)
            await task.sleep(told.seconds, name=f"wait for frame {number}")
        raise ModelBusy(f"the model has been busy {MOST_WAITS} times in a row")

    async def _asked(self, path: str) -> Mapping[str, Any] | Busy:
        try:
            return await self._model.process({"image_path": str(self._workspace / path)})
        except ModelBusy as error:
            return Busy(seconds=DEFAULT_WAIT if error.retry_after is None else error.retry_after)


class Editor:
    """Makes the page of all that was seen."""

    def __init__(self, *, files: FileStore) -> None:
        self._files = files

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is a ``Shown``."""
        outcomes, failures = await task.dependencies(), await task.failed_dependencies()
        views = [cast("View", outcome.result) for outcome in outcomes.values()]
        names = cast("Mapping[str, str]", task.payload["names"])
        missing = [
            Missing(name=names.get(task_id, task_id), reason=_reason(failure.message))
            for task_id, failure in failures.items()
        ]
        page = page_of(cast("str", task.payload["label"]), views, missing)
        await publish(task, self._files, PAGE, page.encode())
        told = f"{len(views)} seen, {len(missing)} not"
        return TaskOutcome(summary=told, artifacts=[PAGE], result=_shown(views, missing))


def _sample(payload: Mapping[str, object]) -> Sampled:
    path = _path(payload)
    if payload["is_video"]:
        return sample_video(path, most=cast("int", payload["frames"]))
    return read_picture(path)


def _path(payload: Mapping[str, object]) -> str:
    return os.fsdecode(cast("bytes", payload["path"]))


def _view(
    payload: Mapping[str, object],
    source: str | None,
    sampled: Sampled,
    paths: Sequence[str],
    sights: Sequence[Sight],
) -> View:
    moments = [_moment(frame, sight) for frame, sight in zip(sampled.frames, sights, strict=True)]
    return View(
        name=cast("str", payload["name"]),
        source=source,
        is_video=cast("bool", payload["is_video"]),
        duration=sampled.duration,
        width=sampled.width,
        height=sampled.height,
        codec=sampled.codec,
        frames=tuple(paths),
        moments=tuple(moments),
        sight=together(moments) if payload["is_video"] else sights[0],
    )


def _moment(frame: Frame, sight: Sight) -> Moment:
    return Moment(at=frame.at, sight=sight)


def _shown(views: Sequence[View], missing: Sequence[Missing]) -> Shown:
    return Shown(
        seen=len(views),
        frames=sum(len(view.frames) for view in views),
        objects=tuple(dict.fromkeys(label for view in views for label in view.sight.objects)),
        missing=tuple(missing),
    )


def _reason(message: str) -> str:
    return message.partition("\n")[0]


__all__ = ["PAGE", "Busy", "Editor", "Filmmaker", "Viewer"]
