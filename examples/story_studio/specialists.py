"""Who does the work: the storyteller makes the story, and all files of it."""

from dataclasses import replace
from typing import cast

from story_studio.cost_optimizer import CostOptimizer
from story_studio.media import carried_by, folder_of
from story_studio.page import Published, markdown_of, page_of
from story_studio.publishing import publish
from story_studio.stories import CompleteStory, story_of, text_of
from story_studio.story_generator import StoryGenerator, completed
from vespera import DagOrchestrator, FileStore, Limits, RetryPolicy, TaskContext, TaskOutcome
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceRateLimited,
    AIServiceTimedOut,
    AIServiceUnavailable,
    CircuitBreakerOpenError,
)

PATIENT = RetryPolicy(
    max_attempts=3,
    delay=2.0,
    max_delay=60.0,
    retry_on=(
        AIServiceUnavailable,
        AIServiceRateLimited,
        AIServiceTimedOut,
        AIServiceBadAnswer,
        CircuitBreakerOpenError,
    ),
)
"""For what waiting may mend; a wrong key, for one, stays wrong, and a service that has said nothing
for four minutes has been waited for.
"""


class Storyteller:
    """Writes a story, has it spoken and drawn, and publishes it. All that was made stays made."""

    limits = Limits(max_concurrent=4)

    def __init__(
        self, *, generator: StoryGenerator, costs: CostOptimizer, files: FileStore
    ) -> None:
        self._generator, self._costs, self._files = generator, costs, files

    async def execute(self, task: TaskContext) -> TaskOutcome:
        """The outcome's result is ``Published``."""
        premise, take = cast("str", task.payload["premise"]), cast("int", task.payload["take"])
        chat = await task.step("text", self._generator.write, premise, retry=PATIENT)
        story = story_of(text_of(chat))
        crew = self._generator.crew_around(story, retry=PATIENT)
        made = await DagOrchestrator().execute(story.text, crew, within=task)
        whole = completed(story, made)
        spent = await task.step("costs", self._costs.spent, task.id)
        published = await self._publish(
            task, folder_of(premise, take), premise, replace(whole, spent=spent)
        )
        told = f'wrote "{whole.title}"' + "".join(f", without {name}" for name in whole.errors)
        artifacts = [path for path in (published.page, published.audio, published.image) if path]
        return TaskOutcome(summary=told, artifacts=artifacts, result=published)

    async def _publish(
        self, task: TaskContext, folder: str, premise: str, whole: CompleteStory
    ) -> Published:
        audio = await self._kept(task, f"{folder}/voice", whole.audio_url)
        image = await self._kept(task, f"{folder}/picture", whole.image_url)
        beside = replace(
            whole,
            audio_url=_beside(folder, audio, whole.audio_url),
            image_url=_beside(folder, image, whole.image_url),
        )
        page = f"{folder}/index.html"
        await publish(task, self._files, f"{folder}/story.md", markdown_of(whole).encode())
        await publish(task, self._files, page, page_of(premise, beside).encode())
        return Published(
            title=whole.title,
            page=page,
            audio=audio,
            image=image,
            chapters=len(whole.chapters),
            quality=whole.quality,
            spent=whole.spent,
            errors=whole.errors,
        )

    async def _kept(self, task: TaskContext, path: str, url: str | None) -> str | None:
        """The path of the file that a ``data:`` URL's content was written to, if it is one."""
        found = carried_by(url) if url else None
        if found is None:
            return None
        await publish(task, self._files, f"{path}{found.suffix}", found.content)
        return f"{path}{found.suffix}"


def _beside(folder: str, path: str | None, url: str | None) -> str | None:
    """The address on the page: of the file beside it, or else on the web, if there is one."""
    if path is not None:
        return path.removeprefix(f"{folder}/")
    return url if url and url.startswith(("http://", "https://")) else None
