"""Make a story of a premise: ``vespera run examples/story_studio/studio.py``."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from story_studio.container import StudioContainer
from story_studio.endpoint import settings_in
from story_studio.page import Published
from story_studio.story_generator import checked
from vespera import TaskOrchestrator, TaskStatus
from vespera.domain.errors import InvalidRequest

FIELDS = ("premise", "take")
PREMISE = "A lighthouse keeper finds a door in the sea"
STOPPED = {TaskStatus.FAILED, TaskStatus.CANCELLED}


class Program(StudioContainer):
    """What ``vespera run`` runs: with the services that the environment names."""

    defaults: ClassVar[Mapping[str, object]] = settings_in()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the story is about; each ``take`` is another story about it."""

    premise: str = PREMISE
    take: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the program hands back: the story, where its page is, and how to prove it."""

    published: Published
    page: str
    verify: str

    def __str__(self) -> str:
        """The summary for a terminal."""
        story = self.published
        quality = f", quality {story.quality.overall:.2f}" if story.quality else ""
        return "\n".join(
            [
                f"{story.title}: {story.chapters} chapters{quality}",
                *(f"without {name}: {reason}" for name, reason in story.errors.items()),
                *([f"spent:  {story.spent}"] if story.spent else []),
                f"page:   {self.page}",
                f"verify: {self.verify}",
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStory:
    """Why there is no story."""

    reason: str
    success: bool = False

    def __str__(self) -> str:
        """The reason, for a terminal."""
        return f"There is no story: {self.reason}"


async def main(container: StudioContainer, input: object) -> Told | NoStory:
    """Have the story made that ``input`` wishes for; or go on with it, after an interruption.

    Args:
        container: wired, and working.
        input: a mapping with ``premise`` and ``take``, both optional.

    Returns:
        The story; or why there is none. The next run tries again.
    """
    wish = parse_wish(input)
    orchestrator = container.get(TaskOrchestrator)
    created = await orchestrator.create_task(request_for(wish))
    if created.task_id is None:
        return NoStory(reason=str(created.error))
    if created.status in STOPPED:
        await orchestrator.retry_task(created.task_id, reason="another run")
    told = await orchestrator.wait_for_completion(created.task_id)
    if not told.completed:
        return NoStory(reason=str(told.error))
    workspace = Path(str(container.config.workspace()))
    published = cast("Published", told.result)
    return Told(
        published=published,
        page=str(workspace / published.page),
        verify=f"vespera verify --workspace {shlex.quote(str(workspace))}",
    )


def request_for(wish: Wish) -> Mapping[str, object]:
    """The task that makes it; the same for the same wish."""
    known = hashlib.sha256(f"{wish.take} {wish.premise}".encode()).hexdigest()
    return {
        "title": f"Tell of {wish.premise}"[:200],
        "specialist_type": "storyteller",
        "payload": {"premise": wish.premise, "take": wish.take},
        "completion": "auto",
        "idempotency_key": f"story {known}",
        "task_id": f"story-{known[:24]}",
    }


def parse_wish(given: object) -> Wish:
    """The wish that the program's input is.

    Raises:
        InvalidRequest: a field is unknown or wrong; the error names it.
    """
    if given is None:
        return Wish()
    if not isinstance(given, Mapping):
        raise InvalidRequest('must be an object like {"premise": "..."}', field="input")
    for name in given:
        if name not in FIELDS:
            raise InvalidRequest(f"unknown field; known are {', '.join(FIELDS)}", field=str(name))
    take = given.get("take", 1)
    if isinstance(take, bool) or not isinstance(take, int) or take < 1:
        raise InvalidRequest("must be a whole number above 0", field="take")
    return Wish(premise=checked(given.get("premise", PREMISE)), take=take)
