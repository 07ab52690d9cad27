"""From a premise to a story with all that belongs to it."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from story_studio.cost_optimizer import CostOptimizer
from story_studio.image_client import ImageClient
from story_studio.openrouter_client import OpenRouterClient
from story_studio.ports import Illustrator, Narrator, StoryWriter
from story_studio.quality_checker import CHECKS, Check, combine_quality_scores
from story_studio.stories import CompleteStory, Story, StoryQuality, spoken, story_of, text_of
from story_studio.tts_client import TTSClient
from vespera import CrewResult, CrewWork, DagOrchestrator, DirectAdapter, RetryPolicy
from vespera.domain.errors import InvalidRequest

LONGEST_PREMISE = 2_000
ONCE = RetryPolicy(max_attempts=1)
PROMPT = (
    "Write a short story of three chapters in Markdown: the title as a first-level heading, each"
    " chapter under a second-level one, and nothing around it. Premise: {premise}"
)


class StoryGenerator:
    """Writes stories, has them spoken and drawn, and looks at how good they are."""

    def __init__(
        self,
        *,
        writer: StoryWriter | None = None,
        narrator: Narrator | None = None,
        illustrator: Illustrator | None = None,
        checks: Mapping[str, Check] = CHECKS,
        costs: CostOptimizer | None = None,
    ) -> None:
        """Take clients; by default, those of the real services, without a key."""
        self._writer: StoryWriter = writer or OpenRouterClient()
        self._narrator: Narrator = narrator or TTSClient()
        self._illustrator: Illustrator = illustrator or ImageClient()
        self._checks = checks
        self._costs = costs or CostOptimizer()

    async def generate_story(self, premise: str) -> Story:
        """The text alone.

        Raises:
            InvalidRequest: the premise is none.
            AIServiceError: there is no story.
        """
        return story_of(text_of(await self.write(checked(premise))))

    async def write(self, premise: str) -> Mapping[str, Any]:
        """The writer's whole answer."""
        prompt = PROMPT.format(premise=premise)
        return await self._costs.with_cost_tracking("text", partial(self._writer.generate, prompt))

    async def speak(self, text: str) -> str:
        """The URL of the text as it is read aloud."""
        speaking = partial(self._narrator.generate_audio, text)
        return await self._costs.with_cost_tracking("audio", speaking)

    async def draw(self, text: str) -> str:
        """The URL of a picture of the text."""
        drawing = partial(self._illustrator.generate_image, text)
        return await self._costs.with_cost_tracking("image", drawing)

    async def generate_complete_story(self, premise: str) -> CompleteStory:
        """The story, spoken and drawn at the same time. What cannot be is left out, and told in
        ``errors``; the story is there all the same.

        Raises:
            InvalidRequest: the premise is none.
            AIServiceError: there is no story.
        """
        story = await self.generate_story(premise)
        crew = self.crew_around(story)
        return completed(story, await DagOrchestrator().execute(story.text, crew))

    async def validate_story_quality(self, story: Story | CompleteStory) -> StoryQuality:
        """Marks for coherence, grammar and creativity, which are looked at side by side.

        Raises:
            Exception: the first that a check has raised; the others are stopped.
        """
        looked_at = story.story if isinstance(story, CompleteStory) else story
        try:
            async with asyncio.TaskGroup() as group:
                looks = {
                    name: group.create_task(check(looked_at))
                    for name, check in self._checks.items()
                }
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return combine_quality_scores({name: look.result() for name, look in looks.items()})

    def crew_around(self, story: Story, *, retry: RetryPolicy = ONCE) -> DirectAdapter:
        """Who works on a story that is written: a voice and a hand, both optional, and a critic."""
        crew = DirectAdapter("story studio")
        text = _brief(spoken(story))
        crew.register_agent("audio", self.speak, optional=True, retry=retry, brief=text)
        crew.register_agent("image", self.draw, optional=True, retry=retry, brief=text)
        crew.register_agent("quality", self.validate_story_quality, brief=_brief(story))
        return crew


def completed(story: Story, crew: CrewResult) -> CompleteStory:
    """The story, and what the crew has made around it."""
    values = crew.values
    return CompleteStory(
        story=story,
        audio_url=cast("str | None", values.get("audio")),
        image_url=cast("str | None", values.get("image")),
        quality=cast("StoryQuality | None", values.get("quality")),
        errors=dict(crew.errors),
    )


def checked(premise: object) -> str:
    """The premise.

    Raises:
        InvalidRequest: it is no text, or empty, or too long, or no UTF-8 can say it.
    """
    if not isinstance(premise, str) or not premise.strip():
        raise InvalidRequest("must be a text that says what the story is about", field="premise")
    if len(premise) > LONGEST_PREMISE:
        raise InvalidRequest(f"must have at most {LONGEST_PREMISE:,} characters", field="premise")
    if premise.encode(errors="ignore").decode() != premise:
        raise InvalidRequest("has a lone surrogate, which cannot be stored", field="premise")
    return premise.strip()


def _brief(given: object) -> Callable[[CrewWork], object]:
    return lambda _work: given
