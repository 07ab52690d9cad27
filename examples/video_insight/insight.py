"""See what is in a folder of videos: ``vespera run examples/video_insight/insight.py``."""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from vespera import TaskOrchestrator, TaskResult, TaskStatus
from vespera.domain.errors import InvalidRequest
from video_insight.container import InsightContainer
from video_insight.endpoint import settings_in
from video_insight.frames import MOST_FRAMES
from video_insight.media import Medium, find_media
from video_insight.specialists import PAGE
from video_insight.views import Missing, Shown

FIELDS = ("folder", "frames")
STOPPED = {TaskStatus.FAILED, TaskStatus.CANCELLED}


class Program(InsightContainer):
    """What ``vespera run`` runs: with the model that the environment names, if it names one."""

    defaults: ClassVar[Mapping[str, object]] = settings_in()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to look at, and how many frames of each video.

    Without a ``folder``, some small videos are made.
    """

    folder: Path | None = None
    frames: int = MOST_FRAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """What the program hands back: the figures, where the page is, and how to prove it."""

    shown: Shown
    page: str
    verify: str

    @property
    def success(self) -> bool:
        """Whether all of it was seen."""
        return not self.shown.missing

    def __str__(self) -> str:
        """The summary for a terminal."""
        seen = f"{self.shown.seen} seen, in {self.shown.frames} frames"
        return "\n".join(
            [
                f"{seen}: {', '.join(self.shown.objects) or 'no objects'}",
                *map(_told, self.shown.missing),
                f"page:   {self.page}",
                f"verify: {self.verify}",
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPage:
    """Why there is no page."""

    reason: str
    success: bool = False

    def __str__(self) -> str:
        """The reason, for a terminal."""
        return f"There is no page: {self.reason}"


async def main(container: InsightContainer, input: object) -> Insight | NoPage:
    """Look at what ``input`` wishes for, and make a page of it.

    Args:
        container: wired, and working.
        input: a mapping with ``folder`` and ``frames`` (of each video), both optional.

    Returns:
        The figures; or why there is no page. What could not be seen is tried again by the next run.
    """
    wish = parse_wish(input)
    workspace = Path(str(container.config.workspace()))
    orchestrator = container.get(TaskOrchestrator)
    folder = wish.folder
    if folder is None:
        made = await _film(orchestrator)
        if not made.completed:
            return NoPage(reason=str(made.error))
        folder = workspace / "media"
    media = await asyncio.to_thread(find_media, folder, without=workspace / "report")
    model = f"{container.config.model_url()} {container.config.model_name()}"
    looks = await _looks(orchestrator, media, wish.frames, model)
    page = await _page(orchestrator, folder.name, media, looks)
    if not page.completed:
        return NoPage(reason=str(page.error))
    return Insight(
        shown=cast("Shown", page.result),
        page=str(workspace / PAGE),
        verify=f"vespera verify --workspace {shlex.quote(str(workspace))}",
    )


def parse_wish(given: object) -> Wish:
    """The wish that the program's input is.

    Raises:
        InvalidRequest: a field is unknown or wrong; the error names it.
    """
    if given is None:
        return Wish()
    if not isinstance(given, Mapping):
        raise InvalidRequest('must be an object like {"folder": "clips"}', field="input")
    for name in given:
        if name not in FIELDS:
            raise InvalidRequest(f"unknown field; known are {', '.join(FIELDS)}", field=str(name))
    return Wish(folder=_folder(given.get("folder")), frames=_frames(given.get("frames")))


def _folder(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidRequest("must be the path of a directory", field="folder")
    path = Path(value).expanduser()
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise InvalidRequest(f"{value!r} {what}", field="folder")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InvalidRequest(f"{value!r} cannot be listed", field="folder")
    return path.resolve()


def _frames(value: object) -> int:
    if value is None:
        return MOST_FRAMES
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 24:  # noqa: PLR2004
        raise InvalidRequest("must be a whole number from 1 to 24", field="frames")
    return value


async def _film(orchestrator: TaskOrchestrator) -> TaskResult:
    request = {
        "title": "Make the samples",
        "specialist_type": "filmmaker",
        "completion": "auto",
        "idempotency_key": "samples",
        "task_id": "samples",
    }
    await _created(orchestrator, [request])
    return await orchestrator.wait_for_completion("samples")


async def _looks(
    orchestrator: TaskOrchestrator, media: Sequence[Medium], frames: int, model: str
) -> Sequence[TaskResult]:
    return await _created(
        orchestrator, [medium.request(model=model, frames=frames) for medium in media]
    )


async def _created(
    orchestrator: TaskOrchestrator, requests: Sequence[Mapping[str, object]]
) -> Sequence[TaskResult]:
    """The tasks; those that an earlier run has left failed or cancelled are tried again.

    Raises:
        InvalidRequest: they were refused.
    """
    created = await orchestrator.create_tasks(requests)
    for task in created:
        if not task.success and task.status is None:
            raise InvalidRequest(str(task.error), field="tasks")
        if task.status in STOPPED:
            await orchestrator.retry_task(str(task.task_id), reason="another run")
    return created


async def _page(
    orchestrator: TaskOrchestrator,
    label: str,
    media: Sequence[Medium],
    looks: Sequence[TaskResult],
) -> TaskResult:
    """The page of these. An earlier run's page that is still being made is waited for first."""
    names = {str(look.task_id): m.name for look, m in zip(looks, media, strict=True)}
    request = {
        "title": f"Show {label}"[:200],
        "specialist_type": "editor",
        "payload": {"label": label, "names": names},
        "depends_on": list(names),
        "on_failed_dependency": "run",
        "completion": "auto",
        "dedup_key": "page",
    }
    while True:
        created = await orchestrator.create_task(request)
        if not created.task_id:
            return created
        page = await orchestrator.wait_for_completion(created.task_id)
        if created.created:
            return page
        if not page.finished:  # its sign-off was refused: it makes room
            await orchestrator.cancel_task(created.task_id, reason="replaced by another run")


def _told(missing: Missing) -> str:
    return f"not seen: {missing.name}: {missing.reason}"
